"""The application and its Celery: what gunicorn, celery and flask start from.

Each is made when it is asked for: ``app`` signs sessions and forms, and needs a secret for it that a worker and beat
are not given (``launch/least_environment.py``).
"""

import gc

# Whatever is loaded here stays for good: looking for garbage in it again and again takes a tenth of the start.
gc.disable()

import sys  # noqa: E402
from typing import Any  # noqa: E402

from flask import Flask  # noqa: E402

from private_files import write_for_ourselves_alone  # noqa: E402
from settings import Settings, SettingsFault  # noqa: E402
from web import create_app  # noqa: E402

gc.enable()
write_for_ourselves_alone()


def __getattr__(name: str) -> Any:
    """``app``, or the ``celery_app`` of one that signs nothing; each is made once (PEP 562)."""
    if name == "app":
        globals()["app"] = _create(signs=True)
    elif name == "celery_app":
        globals()["celery_app"] = _create(signs=False).extensions["celery"]
    else:
        raise AttributeError(name)
    return globals()[name]


def _create(*, signs: bool) -> Flask:
    try:
        settings = Settings.from_env(signs=signs)
    except SettingsFault as fault:
        sys.exit(str(fault))
    gc.disable()
    app = create_app(settings)
    # Also, processes that gunicorn forks share what is never looked at.
    gc.freeze()
    gc.enable()
    return app
