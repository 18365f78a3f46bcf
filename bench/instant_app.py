"""The application of wsgi.py with a DUMMY whose works cost nothing: what is left is our own part of an order.

A worker is started from it with ``celery -A bench.instant_app:celery_app``.
"""

from providers.base import Brief
from providers.dummy import adapter
from wsgi import celery_app

__all__ = ["celery_app"]


def _write(brief: Brief) -> str:
    return "Море шумит, и Анна поёт."


def _make(poem: str, model: str) -> bytes:
    return b"a few bytes, ready"


adapter.write_verse = _write  # type: ignore[attr-defined]  # it is not meant to be imported from there
adapter.MAKERS = {stage_type: (_make, content_type) for stage_type, (_, content_type) in adapter.MAKERS.items()}
