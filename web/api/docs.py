"""The description of the API: for programs, and as a page for people. Needs no token."""

from flask import Blueprint, Response, current_app, json, render_template

from web.api.openapi import document

blueprint = Blueprint("api_docs", __name__, url_prefix="/api")


@blueprint.get("/openapi.json")
def show_document() -> Response:
    """The OpenAPI document."""
    text = json.dumps(document(current_app), indent=1, sort_keys=False, ensure_ascii=False)
    return Response(text, mimetype="application/json")


@blueprint.get("/docs")
def show_page() -> str:
    """The same as a page, drawn here: no script, nothing from another host."""
    described = document(current_app)
    return render_template("api/docs.html", api=described, schemas=described["components"]["schemas"])
