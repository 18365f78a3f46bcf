"""Takes what this machine's environment says to us out of it, before celeryconfig.py reads it.

No key of a developer's gets into a test by accident; the live checks ask for theirs here, by name.
"""

import os
import signal

from settings import Settings

#: What was set, by the names of the variables.
KEPT = {name.upper(): os.environ.pop(name.upper()) for name in Settings.model_fields if name.upper() in os.environ}
#: What a process gets whose environment is otherwise made from nothing; the second name is how `make coverage` follows.
HANDED_ON = {name: os.environ[name] for name in ("PATH", "COVERAGE_PROCESS_CONFIG") if name in os.environ}
#: Ends what no test is about any more: at once, or so that it can still write down which of its lines ran.
FAREWELL = signal.SIGINT if "COVERAGE_PROCESS_CONFIG" in HANDED_ON else signal.SIGKILL
