"""A section as its card shows it: what is in use, what is being checked, and the form."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum

from flask import session
from flask_babel import format_date
from flask_babel import gettext as _
from flask_babel.speaklater import LazyString

from domain.calendar import day_of
from domain.db import utc_now
from domain.orders import queries
from domain.provider_configs import model_lists
from domain.provider_configs.models import PASSING_REASONS, ProviderConfig, Reason, Status
from domain.provider_configs.overview import Section
from providers.kinds import ProviderKind, StageType
from providers.registry import ADAPTERS, needs_key
from web.admin.forms import SectionForm
from web.i18n.messages import PROOF_WORDS, STATUS_WORDS, TRIAL_WORDS, balance_words, reason_words, refusal, section_news
from web.key_places import KeyPlace, key_places

ANSWER = "section_answer"
#: Since when before its end a model is warned of.
END_IS_NEAR = timedelta(days=30)
MAX_KEPT_LENGTH = 200
#: Of new settings: their key was accepted.
MODEL_REASONS = (Reason.MODEL_NOT_LISTED, Reason.MODEL_NOT_FOUND, Reason.MODEL_NOT_CHOSEN, Reason.MODEL_UNFIT)
#: Of settings that have no list: another model, or a first one, is the way out.
TYPED_REASONS = (Reason.MODEL_NOT_CHOSEN, Reason.MODEL_NOT_FOUND, Reason.MODEL_UNFIT)


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of the latest change, shown once; ``provider_kind`` and ``model`` are what was typed, never a key."""

    stage_type: str
    code: str
    refused: bool = False
    field: str = ""
    facts: dict[str, str] | None = None
    provider_kind: str = ""
    model: str = ""

    @property
    def sentence(self) -> str:
        """What to tell the administrator."""
        return refusal(self.code, self.facts or {}) if self.refused else section_news(self.code)


class Trial(StrEnum):
    """How new settings stand that wait beside those in use."""

    CHECKING = "checking"
    #: The check has met a passing failure, which says nothing of them: it comes again by itself.
    UNCHECKED = "unchecked"
    #: Their key was accepted; the model is to be chosen anew.
    NEEDS_MODEL = "needs_model"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Card:
    """Everything that the template of one section needs."""

    section: Section
    form: SectionForm
    answer: Answer | None
    #: Colour and words of the badge; the words alone say it all.
    badge: tuple[str, str | LazyString]
    #: What to do with the field of the key.
    key_hint: str
    models: list[str]
    #: Whether the list in use comes from its provider, not from that one's documentation.
    is_fetched_list: bool
    close_models: list[str]
    #: Whether the chosen model is not in the list, in whatever spelling.
    is_missing: bool
    #: Whether the list is too old to be relied on.
    is_old_list: bool
    #: The day on which the chosen model ends, once it is near.
    ends_on: date | None
    #: How the new settings stand; None where there are none.
    trial: Trial | None
    #: Whether the form is there to try the refused settings with another key.
    is_for_another_key: bool
    #: Whether the id of a model has to be typed, as there is no list to choose from.
    is_model_typed: bool
    #: Whether the next step is the first order of all.
    leads_to_first_order: bool
    key_places: dict[ProviderKind, KeyPlace]

    @property
    def anchor(self) -> str:
        """Id of the section on the page."""
        return self.section.stage_type.lower()

    @property
    def is_checking(self) -> bool:
        """Whether the section is about to change by itself."""
        return self.section.row is not None and self.section.row.is_checking

    @property
    def proof_words(self) -> LazyString | str:
        """What a check does beyond asking, and what that costs; empty for nothing."""
        kind = self.section.provider_kind
        return PROOF_WORDS[ADAPTERS[kind].proof] if kind in ADAPTERS else ""

    @property
    def balance_words(self) -> str:
        """What was left on the account; empty where the provider does not tell."""
        row = self.section.row
        return balance_words(row.provider_kind, row.balance) if row and row.balance is not None else ""

    @property
    def trial_words(self) -> LazyString | str:
        """How the new settings stand, in a few words; empty where there are none."""
        return TRIAL_WORDS[self.trial] if self.trial else ""

    @property
    def is_unproven(self) -> bool:
        """Whether nobody can say yet if the first key is right: no check has reached the provider."""
        row = self.section.row
        return row is not None and not row.has_live and row.reason in PASSING_REASONS

    def error_of(self, field: str) -> str:
        """The sentence that belongs to a field of the form; empty for none."""
        return self.answer.sentence if self.answer and self.answer.refused and self.answer.field == field else ""


def keep_answer(answer: Answer) -> None:
    """Remember ``answer`` until the page is shown next."""
    session[ANSWER] = {
        "stage_type": answer.stage_type,
        "code": answer.code,
        "refused": answer.refused,
        "field": answer.field,
        "facts": {name: str(value)[:MAX_KEPT_LENGTH] for name, value in (answer.facts or {}).items()},
        "provider_kind": answer.provider_kind if answer.provider_kind in ProviderKind.__members__ else "",
        "model": answer.model[:MAX_KEPT_LENGTH],
    }


def take_answer() -> Answer | None:
    """The answer that was kept, once."""
    kept = session.pop(ANSWER, None)
    return Answer(**kept) if kept else None


def build_card(section: Section, answer: Answer | None = None, *, for_another_key: bool = False) -> Card:
    """The card of ``section``; ``answer`` counts only if it is about it.

    The form shows what is in use beside settings that were refused, unless these are to be tried ``for_another_key``.
    """
    if answer is not None and answer.stage_type != section.stage_type:
        answer = None
    row = section.row
    trial = _trial(row)
    for_another_key = for_another_key and trial is Trial.REFUSED
    kind, model = _form_values(section, answer, shows_trial=trial is not Trial.REFUSED or for_another_key)
    models = _models_of(row, kind)
    key_hints = {each: _key_hint(row, each, for_another_key=for_another_key) for each in ("", *ProviderKind)}
    form = SectionForm(section.stage_type, version=section.version, chosen=kind, key_hints=key_hints)
    now = utc_now()
    is_typed = row is not None and not models and _has_no_list(row, kind)
    if is_typed:
        form.ask_for_model(model)
    else:
        form.offer_models(models, model, _remarks(row, models, now) if row else {})
    is_missing = bool(row and row.model and row.models_cache_updated_at) and not _is_listed(row)
    close = model_lists.close_to(row.model, row.models_cache) if row and row.model and is_missing else []
    is_old = bool(row and row.models_cache_updated_at and now - row.models_cache_updated_at > model_lists.OLD)
    return Card(
        section,
        form,
        answer,
        _badge(section),
        key_hints[kind or ""],
        models,
        is_fetched_list=_is_fetched(row),
        close_models=close,
        is_missing=is_missing,
        is_old_list=is_old,
        ends_on=_near_end(row, now),
        trial=trial,
        is_for_another_key=for_another_key,
        is_model_typed=is_typed,
        leads_to_first_order=_leads_to_first_order(section),
        key_places=key_places(section.stage_type),
    )


def _trial(row: ProviderConfig | None) -> Trial | None:
    if row is None or not row.has_candidate:
        return None
    if row.candidate_status is not Status.INVALID:
        return Trial.CHECKING
    if row.candidate_reason in PASSING_REASONS:
        return Trial.UNCHECKED
    return Trial.NEEDS_MODEL if row.candidate_reason in MODEL_REASONS else Trial.REFUSED


def _has_no_list(row: ProviderConfig, kind: ProviderKind | None) -> bool:
    """Whether the settings of ``kind`` were checked and have no list, so that a model has to be typed."""
    if row.is_checking or kind is None:
        return False
    if kind == row.provider_kind:
        return row.has_live or row.reason in TYPED_REASONS
    return kind == row.candidate_provider_kind and row.candidate_reason in TYPED_REASONS


def _leads_to_first_order(section: Section) -> bool:
    return section.stage_type is StageType.POEM and section.blocked is None and queries.find_newest() is None


def _is_fetched(row: ProviderConfig | None) -> bool:
    adapter = ADAPTERS.get(row.provider_kind) if row and row.provider_kind else None
    return adapter is not None and adapter.lists_models


def _is_listed(row: ProviderConfig | None) -> bool:
    return row is not None and model_lists.spelled_as_listed(row.model, row.models_cache) is not None


def anchor_of(stage_type: StageType) -> str:
    """Id of the section on the page."""
    return stage_type.lower()


def _remarks(row: ProviderConfig, models: list[str], now: datetime) -> dict[str, str]:
    """What to say of the models that are new, and of those that end on a day that is known."""
    remarks = {model: _("new") for model in models if model_lists.is_new(row, model, now)}
    for model in models:
        if day := model_lists.retires_on(row, model):
            remarks[model] = _("until %(day)s", day=format_date(day, "short"))
    return remarks


def _near_end(row: ProviderConfig | None, now: datetime) -> date | None:
    day = model_lists.retires_on(row, row.model) if row and row.model else None
    return day if day and day - day_of(now) <= END_IS_NEAR else None


def _form_values(section: Section, answer: Answer | None, *, shows_trial: bool) -> tuple[ProviderKind | None, str]:
    """Provider and model that the form shows: what was typed, else the new setting's, else what is in use."""
    row = section.row
    if answer and answer.refused and answer.provider_kind:
        return ProviderKind(answer.provider_kind), answer.model
    if shows_trial and row and row.candidate_provider_kind and row.candidate_provider_kind != row.provider_kind:
        return row.candidate_provider_kind, row.candidate_model or ""
    return section.provider_kind, section.model or ""


def _models_of(row: ProviderConfig | None, kind: ProviderKind | None) -> list[str]:
    if row is None or kind is None:
        return []
    if kind == row.provider_kind:
        return row.models_cache
    return row.candidate_models if kind == row.candidate_provider_kind else []


def _key_hint(row: ProviderConfig | None, kind: str, *, for_another_key: bool) -> str:
    """What to do with the field of the key when the form shows that provider, "" for none."""
    if not kind:
        return _("Copy it from the provider's site; it is never shown again.")
    if not needs_key(ProviderKind(kind)):
        return _("This provider needs no key.")
    if row is None or kind not in (row.provider_kind, row.candidate_provider_kind):
        words = _("This provider needs its own key: copy it from its site. Its models appear after the check.")
        return f"{words} {PROOF_WORDS[ADAPTERS[ProviderKind(kind)].proof]}".strip()
    is_of_trial = kind == row.candidate_provider_kind and (for_another_key or kind != row.provider_kind)
    last4 = row.candidate_api_key_last4 if is_of_trial else row.api_key_last4
    if last4 and (_trial(row) is Trial.REFUSED if is_of_trial else row.reason is Reason.REJECTED):
        return _("The key …%(last4)s was refused. Enter another one.", last4=last4)
    if last4:
        return _("Stored: …%(last4)s. Leave blank to keep it.", last4=last4)
    return _("Leave blank to keep the stored key; it is never shown.")


def _badge(section: Section) -> tuple[str, str | LazyString]:
    row, blocked = section.row, section.blocked
    if row is None and section.environment:
        return ("danger", reason_words(blocked)) if blocked else ("info", _("key from the environment"))
    if row is None or row.provider_kind is None:
        return "secondary", _("not set")
    if row.status is Status.UNKNOWN:
        return ("info", _("checking")) if row.is_checking else ("secondary", STATUS_WORDS[Status.UNKNOWN])
    if row.status is Status.INVALID:
        return _badge_of_invalid(row, blocked)
    works = blocked in (None, Reason.CHECKING)
    return ("success", STATUS_WORDS[Status.ACTIVE]) if works else ("danger", reason_words(blocked))


def _badge_of_invalid(row: ProviderConfig, blocked: Reason | None) -> tuple[str, str | LazyString]:
    if row.reason not in PASSING_REASONS or blocked is Reason.UNREADABLE:
        return "danger", STATUS_WORDS[Status.INVALID]
    # Of a first key nobody could ask; what has worked is tried all the same.
    return "warning", reason_words(row.reason) if row.has_live else STATUS_WORDS[Status.UNKNOWN]
