"""The start page: what is ready, what runs, what waits."""

from flask import render_template

from domain import order_lists, sections
from web.admin.blueprint import blueprint
from web.admin.section_cards import build_card


@blueprint.get("")
def start() -> str:
    """Readiness of the four stages, and the orders that are not finished."""
    found = sections.overview().values()
    return render_template(
        "admin/start.html",
        cards=[build_card(section) for section in found],
        counts=order_lists.count_by_state(),
        nothing_is_set=all(section.provider_kind is None for section in found),
    )
