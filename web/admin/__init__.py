"""The pages of the administrator."""

from flask import Flask, redirect, url_for
from flask.typing import ResponseReturnValue

from web.admin import account, dashboard, erasing, good_to_know, new_order, order_actions, orders, providers
from web.admin.blueprint import blueprint
from web.form_keys import new_form_key
from web.i18n import history, messages, stuck

__all__ = ["init_app"]

PAGES = (dashboard, providers, orders, new_order, order_actions, erasing, good_to_know, account)


def init_app(app: Flask) -> None:
    """Add the pages to ``app``, and to its templates the words for codes."""
    app.register_blueprint(blueprint)
    app.add_url_rule("/", "root", lead_to_start)
    app.add_template_filter(capitalize_first)
    for name in ("STAGE_NAMES", "PROVIDER_TITLES", "STAGE_STATES", "ORDER_STATES", "reason_words", "reason_advice"):
        app.add_template_global(getattr(messages, name), name)
    app.add_template_global(history.actor_words)
    app.add_template_global(new_form_key)
    for words in (stuck.standstill_words, stuck.standstill_advice, stuck.latest_failure):
        app.add_template_global(words)


def lead_to_start() -> ResponseReturnValue:
    """Who types no more than the name of the house wants to come in."""
    return redirect(url_for("admin.start"), code=303)


def capitalize_first(words: str) -> str:
    """``words`` as the start of a sentence; the rest keeps its capitals, unlike with Jinja's own filter."""
    return words[:1].upper() + words[1:]
