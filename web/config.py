"""What Flask and its extensions are told, from the settings."""

from datetime import timedelta
from typing import Any

from domain.db import engine_options
from settings import Settings
from web.redis_client import speaks_redis

#: Whoever asks from this machine, such as a check of health, needs no name of ours.
OWN_NAMES = ("localhost", "127.0.0.1", "[::1]")


def is_https(settings: Settings) -> bool:
    """Whether browsers reach us over HTTPS only."""
    return settings.public_url.startswith("https://")


def redis_for_limits(settings: Settings) -> str:
    """The URL of the Redis that counts failures for all web processes; empty where there is none."""
    return next((url for url in (settings.redis_url, settings.broker_url) if speaks_redis(url)), "")


def config_of(settings: Settings) -> dict[str, Any]:
    """The configuration of the application that serves with ``settings``."""
    https = is_https(settings)
    return {
        "SETTINGS": settings,
        "SECRET_KEY": settings.secret_key.get_secret_value() if settings.secret_key else None,
        "SQLALCHEMY_DATABASE_URI": settings.database_url,
        "SQLALCHEMY_ENGINE_OPTIONS": engine_options(settings.database_url),
        "TRUSTED_HOSTS": [*settings.trusted_hosts, *OWN_NAMES] if settings.trusted_hosts else None,
        "SESSION_COOKIE_NAME": "__Host-session" if https else "session",
        "SESSION_COOKIE_SECURE": https,
        "SESSION_COOKIE_HTTPONLY": True,
        "SESSION_COOKIE_SAMESITE": "Lax",
        # For the browser; web/auth/sessions.py is what ends a session.
        "PERMANENT_SESSION_LIFETIME": timedelta(hours=settings.session_hours),
        # A page that refreshes itself must not keep its session alive for ever.
        "SESSION_REFRESH_EACH_REQUEST": False,
        # A form stays good for as long as its session, so that nobody types for an hour in vain.
        "WTF_CSRF_TIME_LIMIT": None,
        "RATELIMIT_STORAGE_OPTIONS": {"redis_url": redis_for_limits(settings)},
        "MAX_CONTENT_LENGTH": 64 * 1024,
        "MAX_FORM_MEMORY_SIZE": 16 * 1024,
        "MAX_FORM_PARTS": 50,
        "BOOTSTRAP_SERVE_LOCAL": True,
    }
