"""Everything that a browser or an API client meets: the application factory."""

from pathlib import Path

from flask import Flask

from domain.db import db, prepare_sqlite
from domain.secrets.context import install_vault
from settings import Settings
from tasks import celery_init_app
from web import admin, api, callbacks, cli, errors, health, metrics
from web.api.openapi import PREFIX
from web.auth import login, rate_limits
from web.config import config_of, is_https
from web.converters import StageTypeConverter
from web.extensions import bootstrap, csrf, migrate
from web.i18n import languages
from web.logs import configure_logs
from web.middleware import compression, extra_slashes, read_only, security_headers, strict_forms


def create_app(settings: Settings) -> Flask:
    """The application of one process, ready to serve; reads nothing but ``settings`` and asks no provider."""
    app = Flask(__name__)
    app.config.from_mapping(config_of(settings))
    app.url_map.converters["stage_type"] = StageTypeConverter
    configure_logs(settings)
    install_vault(app, settings)
    _open_database(app, settings)
    celery_init_app(app)

    # The order counts: reads before whoever asks the database, forms before what is in them is checked, and that
    # before the check of who sends them.
    read_only.init_app(app)
    security_headers.init_app(app, https=is_https(settings), proxies=settings.trusted_proxies)
    languages.init_app(app)
    extra_slashes.init_app(app, programs=PREFIX)
    strict_forms.init_app(app)
    csrf.init_app(app)
    rate_limits.init_app(app)
    bootstrap.init_app(app)
    compression.init_app(app)
    errors.init_app(app)
    login.init_app(app)
    admin.init_app(app)
    api.init_app(app)
    callbacks.init_app(app)
    health.init_app(app)
    metrics.init_app(app)
    cli.init_app(app)
    return app


def _open_database(app: Flask, settings: Settings) -> None:
    if settings.database_url.startswith("sqlite:///"):
        Path(settings.database_url.removeprefix("sqlite:///")).parent.mkdir(parents=True, exist_ok=True)
    db.init_app(app)
    migrate.init_app(app, db)
    with app.app_context():
        prepare_sqlite(db.engine)
