"""The application and its Celery: what gunicorn, celery and flask start from."""

import sys

from settings import Settings, SettingsFault
from web import create_app

try:
    settings = Settings.from_env()
except SettingsFault as fault:
    sys.exit(str(fault))

app = create_app(settings)
celery_app = app.extensions["celery"]
