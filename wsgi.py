"""The application and its Celery: what gunicorn, celery and flask start from."""

import gc

# Whatever is loaded here stays for good: looking for garbage in it again and again takes a tenth of the start.
gc.disable()

import sys  # noqa: E402

from settings import Settings, SettingsFault  # noqa: E402
from web import create_app  # noqa: E402

try:
    settings = Settings.from_env()
except SettingsFault as fault:
    sys.exit(str(fault))

app = create_app(settings)
celery_app = app.extensions["celery"]

# Also, processes that gunicorn forks share what is never looked at.
gc.freeze()
gc.enable()
