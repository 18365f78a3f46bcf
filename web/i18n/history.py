"""The history of a section in words: what each entry says, in the language of the request."""

from datetime import datetime
from typing import Any

from flask_babel import lazy_gettext as _
from flask_babel.speaklater import LazyString

from domain.provider_configs.history import CHECK, GENERATION, HistoryEntry
from domain.provider_configs.models import PASSING_REASONS
from web.i18n.languages import exact_words
from web.i18n.messages import PROVIDER_TITLES, reason_words

#: What happened; the facts of the entry fill the gaps.
EVENTS: dict[str, LazyString] = {
    "settings_saved": _("saved settings: %(setting)s"),
    "candidate_saved": _("saved new settings: %(setting)s"),
    "candidate_model_changed": _("chose the model %(model)s for the new settings"),
    "candidate_discarded": _("discarded the new settings"),
    "model_changed": _("changed the model from %(previous_model)s to %(model)s"),
    "previous_restored": _("brought the previous settings back: %(setting)s"),
    "key_removed": _("removed the settings: %(setting)s"),
    "check_requested": _("asked for a check"),
    "candidate_promoted": _("The new settings passed and are in use: %(setting)s"),
    "candidate_refused": _("The new settings did not pass: %(reason)s"),
    "candidate_not_checked": _("The new settings could not be checked yet: %(reason)s"),
    "section_invalid": _("Does not work: %(reason)s"),
    "section_recovered": _("Works again"),
    "check_passed": _("The key was accepted, %(models)s models in the list"),
    "model_missing": _("The chosen model %(model)s is missing in the list; it is looked for again in an hour"),
    "list_not_fetched": _("The list of models could not be fetched: %(reason)s"),
    "list_doubted": _("The provider listed %(models)s models instead of %(before)s; not believed yet"),
    "models_changed": _("The list of models has changed. New: %(added)s. Gone: %(gone)s"),
    "model_gone": _("The chosen model %(model)s is gone from the list. Similar: %(close)s"),
    "model_back": _("The model %(model)s is in the list again"),
}


def history_sentence(entry: HistoryEntry) -> str:
    """What the entry says, without who and when."""
    facts = {name: _shown(name, value) for name, value in entry.facts.items()}
    names = ("model", "previous_model", "reason", "models", "before", "added", "gone", "close")
    known = {name: each for name, each in facts.items() if each}
    is_passing = entry.event == "candidate_refused" and entry.facts.get("reason") in PASSING_REASONS
    words = str(EVENTS["candidate_not_checked" if is_passing else entry.event]) % {
        **dict.fromkeys(names, "—"),
        "setting": _setting(entry.facts),
        **known,
    }
    if entry.facts.get("detail"):
        words += f" ({entry.facts['detail']})"
    times = entry.facts.get("times")
    if times:
        latest = exact_words(datetime.fromisoformat(entry.facts["until"]))
        words += str(_(", %(times)s times, the last time %(when)s", times=times, when=latest))
    return words


def actor_words(actor: str) -> str:
    """Who it was: the check has a name of its own, people theirs."""
    names = {CHECK: _("check"), GENERATION: _("an order")}
    return str(names.get(actor, actor))


def _setting(facts: dict[str, Any]) -> str:
    """Provider, model and key, as far as there are any."""
    kind, model, last4 = facts.get("provider_kind"), facts.get("model"), facts.get("last4")
    title = str(PROVIDER_TITLES.get(kind, kind)) if kind else ""
    key = str(_("key …%(last4)s", last4=last4)) if last4 else ""
    return ", ".join(part for part in (title, model, key) if part) or "—"


def _shown(name: str, value: object) -> str:
    if value is None or value == "":
        return ""
    if name == "reason":
        return str(reason_words(str(value)))
    return str(value)
