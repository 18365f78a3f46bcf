"""Takes what this machine's environment says to us out of it, before celeryconfig.py reads it.

No key of a developer's gets into a test by accident; the live checks ask for theirs here, by name.
"""

import os

from settings import Settings

#: What was set, by the names of the variables.
KEPT = {name.upper(): os.environ.pop(name.upper()) for name in Settings.model_fields if name.upper() in os.environ}
