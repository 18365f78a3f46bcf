"""The page of the four sections, and what can be done to each of them."""

import re
from collections.abc import Callable

from flask import abort, g, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from domain.orders.queries import MAX_ID
from domain.provider_configs import changes, history, overview
from domain.provider_configs.changes import ChangeRefused, NewSettings
from providers.kinds import ProviderKind, StageType
from tasks.messages import send_check
from web.admin.blueprint import blueprint
from web.admin.forms import SectionForm
from web.admin.section_cards import Answer, anchor_of, build_card, keep_answer, take_answer
from web.form_keys import FORM_KEY
from web.i18n.history import history_sentence
from web.middleware.strict_forms import accept_form

HISTORY_PAGE = 50


@blueprint.get("/providers")
def providers() -> str:
    """All four sections, from one query; ``another_key_for`` is one whose refused settings are to get another key."""
    answer, opened = take_answer(), request.args.get("another_key_for")
    cards = [
        build_card(section, answer, for_another_key=section.stage_type == opened)
        for section in overview.overview().values()
    ]
    return render_template("admin/providers.html", cards=cards)


@blueprint.get("/providers/<stage_type:stage_type>")
def section(stage_type: StageType) -> str:
    """One section alone, for a page that keeps itself up to date."""
    return render_template("admin/_section.html", card=build_card(overview.one(stage_type)))


@blueprint.post("/providers/update")
def update() -> ResponseReturnValue:
    """Save one section; whatever the form holds, the answer is the page again.

    A ``version`` that is absent or blank means: do not compare. A field that is absent counts as blank. The same form
    sent again as it is, by a second click, has the same answer.
    """
    accept_form(SectionForm.FIELDS)
    typed = {name: request.form.get(name, "") for name in SectionForm.FIELDS}
    if typed["stage_type"] not in StageType.__members__:
        abort(400)
    stage_type, version = StageType(typed["stage_type"]), _version(typed["version"])
    kind, model = typed["provider_kind"], typed["model"].strip()
    try:
        saved = changes.save(
            NewSettings(stage_type, _provider(kind), typed["api_key"], model, version, g.actor, typed[FORM_KEY])
        )
    except ChangeRefused as refused:
        # What may be a key is not kept, not even until the page is shown again.
        typed_model = "" if refused.code == "key_as_model" else model
        return _back(Answer(stage_type, refused.code, True, refused.field, refused.facts, kind, typed_model))
    if saved.check_needed:
        return _back(Answer(stage_type, "saved_checking" if send_check(stage_type) else "saved_not_started"))
    return _back(Answer(stage_type, "saved" if saved.changed else "unchanged"))


@blueprint.post("/providers/<stage_type:stage_type>/check")
def check(stage_type: StageType) -> ResponseReturnValue:
    """Ask for a check of what is in use, or with ``?candidate=1`` of the new settings; it fetches the models, too."""
    candidate = request.args.get("candidate") == "1"

    def request_and_send() -> str:
        changes.request_check(stage_type, g.actor, candidate=candidate)
        return "check_started" if send_check(stage_type) else "check_not_started"

    return _change(stage_type, request_and_send)


@blueprint.post("/providers/<stage_type:stage_type>/discard")
def discard(stage_type: StageType) -> ResponseReturnValue:
    """Forget the new setting that has not passed."""

    def discard_candidate() -> str:
        changes.discard_candidate(stage_type, g.actor)
        return "discarded"

    return _change(stage_type, discard_candidate)


@blueprint.post("/providers/<stage_type:stage_type>/restore")
def restore(stage_type: StageType) -> ResponseReturnValue:
    """Bring the previous settings back; they are checked like new ones."""

    def restore_and_send() -> str:
        changes.restore_previous(stage_type, g.actor)
        return "restored" if send_check(stage_type) else "restored_not_started"

    return _change(stage_type, restore_and_send)


@blueprint.post("/providers/<stage_type:stage_type>/import-env")
def import_env(stage_type: StageType) -> ResponseReturnValue:
    """Store the environment's key as the section's own."""

    def import_and_send() -> str:
        if changes.import_environment(stage_type, g.actor) is None:
            raise ChangeRefused("no_environment_key")
        return "imported" if send_check(stage_type) else "saved_not_started"

    return _change(stage_type, import_and_send)


@blueprint.get("/providers/<stage_type:stage_type>/history")
def section_history(stage_type: StageType) -> str:
    """Who changed what in the section, and what its checks have found, newest first."""
    before = request.args.get("before", type=int)
    entries = history.page_of(stage_type, HISTORY_PAGE + 1, before if before and 0 < before <= MAX_ID else None)
    older = entries[HISTORY_PAGE - 1].id if len(entries) > HISTORY_PAGE else None
    return render_template(
        "admin/history.html",
        stage_type=stage_type,
        entries=[(entry, history_sentence(entry)) for entry in entries[:HISTORY_PAGE]],
        older=older,
        section=overview.one(stage_type),
    )


@blueprint.post("/providers/<stage_type:stage_type>/clear")
def clear(stage_type: StageType) -> ResponseReturnValue:
    """Remove the section's key."""

    def clear_section() -> str:
        changes.clear_section(stage_type, g.actor)
        return "cleared"

    return _change(stage_type, clear_section)


def _change(stage_type: StageType, make: Callable[[], str]) -> ResponseReturnValue:
    accept_form(())
    try:
        answer = Answer(stage_type, make())
    except ChangeRefused as refused:
        answer = Answer(stage_type, refused.code, True, refused.field, refused.facts)
    return _back(answer)


def _provider(text: str) -> ProviderKind:
    if not text:
        raise ChangeRefused("provider_missing", "provider_kind")
    if text not in ProviderKind.__members__:
        raise ChangeRefused("provider_not_allowed", "provider_kind")
    return ProviderKind(text)


def _version(text: str) -> int | None:
    if text and not re.fullmatch(r"[0-9]{1,9}", text):
        abort(400)
    return int(text) if text else None


def _back(answer: Answer) -> ResponseReturnValue:
    keep_answer(answer)
    return redirect(url_for("admin.providers", _anchor=anchor_of(StageType(answer.stage_type))), code=303)
