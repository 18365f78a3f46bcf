"""The JSON API under /api/v1, and its description under /api."""

from flask import Flask

from web.api import docs, orders, stages, works
from web.api.blueprint import blueprint
from web.extensions import csrf

__all__ = ["init_app"]

#: Whoever is imported here has added its routes to the blueprint.
ROUTES = (orders, works, stages)


def init_app(app: Flask) -> None:
    """Add the API to ``app``. Programs carry a token in a header, which no foreign page can make a browser send."""
    csrf.exempt(blueprint)
    app.register_blueprint(blueprint)
    app.register_blueprint(docs.blueprint)
