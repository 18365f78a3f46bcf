"""Everything that a browser or an API client meets: the application factory."""

from pathlib import Path

from flask import Flask

from domain.context import install_vault
from domain.db import db, prepare_sqlite
from settings import Settings
from tasks import celery_init_app
from web import (
    admin,
    api,
    auth,
    callbacks,
    cli,
    errors,
    extra_slashes,
    form_requests,
    health,
    languages,
    limits,
    metrics,
    reads,
    security,
    static_files,
)
from web.config import config_of, is_https
from web.converters import StageTypeConverter
from web.extensions import bootstrap, csrf, migrate
from web.logs import configure_logs


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
    reads.init_app(app)
    security.init_app(app, https=is_https(settings), proxies=settings.trusted_proxies)
    languages.init_app(app)
    extra_slashes.init_app(app)
    form_requests.init_app(app)
    csrf.init_app(app)
    limits.init_app(app)
    bootstrap.init_app(app)
    static_files.init_app(app)
    errors.init_app(app)
    auth.init_app(app)
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
