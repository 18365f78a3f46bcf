"""Requests that only read take no write lock, so a page is there while a worker writes."""

from contextlib import ExitStack

from flask import Flask, g, request

from domain.db import reading

READING_METHODS = {"GET", "HEAD", "OPTIONS"}


def init_app(app: Flask) -> None:
    """Run reading requests of ``app`` inside ``domain.db.reading``. Comes before whatever asks the database."""

    @app.before_request
    def _begin() -> None:
        if request.method in READING_METHODS:
            g.reading = ExitStack()
            g.reading.enter_context(reading())

    @app.teardown_request
    def _end(_error: BaseException | None) -> None:
        stack = g.pop("reading", None)
        if stack is not None:
            stack.close()
