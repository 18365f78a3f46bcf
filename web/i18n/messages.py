"""The one place that turns codes into sentences for people, in the language of the request.

Every value is lazy: it is translated when it is shown. ``str()`` makes a text of it. The sentences hold no key, no
word of an order and nothing that a provider has said; a provider's own short words stand beside them. Why a stage
stands is next door, in ``i18n.stuck``.
"""

from collections.abc import Mapping

from flask_babel import format_currency, format_decimal, gettext, ngettext
from flask_babel import lazy_gettext as _
from flask_babel.speaklater import LazyString

from domain.orders.models import OrderState, StageReason, StageState
from domain.provider_configs.models import Reason, Status
from providers.base import Proof
from providers.kinds import ProviderKind, StageType

STAGE_NAMES: dict[StageType, LazyString] = {
    StageType.POEM: _("Poem"),
    StageType.VOICE: _("Voice"),
    StageType.SONG: _("Song"),
    StageType.CLIP: _("Video"),
}

PROVIDER_TITLES: dict[ProviderKind, LazyString] = {
    ProviderKind.YANDEX_GPT: _("YandexGPT"),
    ProviderKind.SPEECHKIT: _("Yandex SpeechKit"),
    ProviderKind.SUNO: _("Suno"),
    ProviderKind.PIKA: _("Pika"),
    ProviderKind.DUMMY: _("Built-in samples"),
    ProviderKind.GEMINI: _("Google Gemini"),
    ProviderKind.OPENAI: _("OpenAI"),
}

STATUS_WORDS: dict[Status, LazyString] = {
    Status.ACTIVE: _("works"),
    Status.INVALID: _("does not work"),
    Status.UNKNOWN: _("not checked yet"),
}

#: How new settings stand that wait beside those in use.
TRIAL_WORDS: dict[str, LazyString] = {
    "checking": _("checking"),
    "unchecked": _("not checked yet"),
    "needs_model": _("not accepted"),
    "refused": _("not accepted"),
}

#: What a check does beyond asking for key and models, and what that costs.
PROOF_WORDS: dict[Proof, LazyString | str] = {
    Proof.TEXT: _("A check has the model write a few words, which costs a tiny part of a cent."),
    Proof.CHARACTER: _("A check has one character read aloud, and is billed as one character."),
    Proof.BALANCE: _("A check asks for the balance, which is free; whether it is enough, the first work shows."),
    Proof.NONE: "",
}

STAGE_STATES: dict[StageState, LazyString] = {
    StageState.BLOCKED: _("waits for the poem"),
    StageState.QUEUED: _("in the queue"),
    StageState.RUNNING: _("being made"),
    StageState.SUBMITTED: _("being made by the provider"),
    StageState.FETCHING: _("being downloaded"),
    StageState.UNCERTAIN: _("answer being looked for"),
    StageState.WAITING: _("waits for the settings"),
    StageState.ATTENTION: _("needs a decision"),
    StageState.DONE: _("ready"),
    StageState.FAILED: _("did not work out"),
}

ORDER_STATES: dict[OrderState, LazyString] = {
    OrderState.RUNNING: _("in progress"),
    OrderState.WAITING: _("waits for the settings"),
    OrderState.ATTENTION: _("needs a decision"),
    OrderState.DONE: _("ready"),
    OrderState.FAILED: _("did not work out"),
}

#: Why a section does not serve or a stage stands still: a few words, and what to do about it.
REASONS: dict[str, tuple[LazyString, LazyString]] = {
    Reason.REJECTED: (
        _("the provider refuses the key"),
        _("The key is wrong, expired or revoked. Enter a new key from the provider's site."),
    ),
    Reason.NO_PERMISSION: (
        _("the key lacks a permission"),
        _("The key is real but may not do this. Grant it the permission at the provider, or enter another key."),
    ),
    Reason.NO_CREDIT: (
        _("not enough money or quota"),
        _("Top up the account at the provider, then have it checked again."),
    ),
    Reason.REGION: (
        _("the provider refuses our region"),
        _("The provider does not serve our country or network. Choose another provider, or a gateway."),
    ),
    Reason.UNREADABLE: (
        _("the stored key cannot be read"),
        _("It was sealed with another ADMIN_SECRET_KEY. Enter the key again, or bring the old secret back."),
    ),
    Reason.UNAVAILABLE: (
        _("the provider does not answer"),
        _("It is tried again by itself."),
    ),
    Reason.RATE_LIMITED: (
        _("too many calls to the provider"),
        _("Calls go on when the provider allows them again."),
    ),
    Reason.MODEL_NOT_LISTED: (
        _("the model is not in the list of this key"),
        _("Choose a model from the list and save."),
    ),
    Reason.MODEL_NOT_FOUND: (
        _("the provider does not know the model"),
        _("The model is gone, or this key may not use it. Choose another model and save."),
    ),
    Reason.MODEL_NOT_CHOSEN: (
        _("no model is chosen"),
        _("The provider does not tell this key which models there are. Type the id of one of its models and save."),
    ),
    Reason.MODEL_UNFIT: (
        _("the model does not take our requests"),
        _("It was tried with a few words, and the provider refused the request itself. Choose another model and save."),
    ),
    Reason.NO_LIST: (
        _("this address gives no list of models"),
        _("Type the id of a model and save: it is tried before it counts."),
    ),
    Reason.NOT_CONFIGURED: (
        _("no key is set"),
        _("Choose a provider and enter its key."),
    ),
    Reason.CHECKING: (
        _("the key is being checked"),
        _("It takes up to half a minute."),
    ),
    Reason.PROVIDER_OFF: (
        _("the provider is switched off here"),
        _("This installation does not offer the provider. Choose another one."),
    ),
    "content_blocked": (
        _("the provider refused the words of the order"),
        _("Its safety filter said no. Place the order again in other words."),
    ),
    "request_refused": (
        _("the provider refused the request"),
        _("It calls our request malformed or too long. Try again, or place the order with a shorter text."),
    ),
    "provider_pace": (
        _("the provider takes no more at the moment"),
        _("It goes on by itself, the oldest order first."),
    ),
    "unreadable_answer": (
        _("the provider's answer could not be read"),
        _("Try again; if it happens every time, the provider has changed its answers."),
    ),
    "answer_lost": (
        _("the answer was lost"),
        _("The work may have been made and charged. Look at the provider's site first; a retry may cost again."),
    ),
    "job_failed": (
        _("the provider failed to make it"),
        _("The provider took the work and could not make it. Try again; look at its site for what it has charged."),
    ),
    "job_unknown": (
        _("the provider no longer knows the work"),
        _("It may have been made and charged. Look at the provider's site first; a retry may cost again."),
    ),
    "job_too_long": (
        _("it takes the provider too long"),
        _("The work was handed over long ago and is not ready. Try again to look again: that costs nothing."),
    ),
    "job_key_unreadable": (
        _("the key that ordered this work cannot be read"),
        _(
            "It was sealed with another ADMIN_SECRET_KEY. With that one in ADMIN_SECRET_KEY_PREVIOUS, try again to look"
            " for the work, which costs nothing; without it, the work is ordered anew, which may cost again."
        ),
    ),
    "job_id_taken": (
        _("the provider named the work of another order"),
        _("Nobody can tell whose work this is. Look at the provider's site; a retry may cost again."),
    ),
    "link_expired": (
        _("the link to the finished work does not open"),
        _("The provider is asked for a fresh link by itself."),
    ),
    "download_failed": (
        _("the finished work could not be downloaded"),
        _("It is ready at the provider. Try again to download it again: that costs nothing."),
    ),
    "retrying": (
        _("a passing failure"),
        _("It is tried again by itself."),
    ),
    "waited_too_long": (
        _("waited too long"),
        _("The section did not work again in time. Set it right, then retry."),
    ),
    "no_poem": (
        _("there is no poem to work from"),
        _("Retry the poem first."),
    ),
    StageReason.ERASED: (
        _("the order was erased before the work was made"),
        _("It was cancelled. What its provider had begun may be charged all the same."),
    ),
    "storage_full": (
        _("there is no room to store the work"),
        _(
            "The disk is full or cannot be written, or the bucket takes no files. Mend that: it then goes on by itself."
            " Where a retry is offered, it may cost again."
        ),
    ),
}

_UNKNOWN_REASON = (_("something went wrong"), _("Try again; the log of the worker has more."))

#: Why a change of a section was not made; the facts of ``ChangeRefused`` fill the gaps.
REFUSALS: dict[str, LazyString] = {
    "changed_meanwhile": _("Not saved: the section has changed meanwhile. Look at it, then save again."),
    "provider_not_allowed": _("This provider cannot be chosen here."),
    "provider_not_built_in": _("%(provider)s cannot be used in this release yet."),
    "model_not_listed": _("The model “%(model)s” is not in the list. Nothing was saved."),
    "needs_own_key": _("%(provider)s needs its own key: enter it to change the provider."),
    "key_too_long": _("The key is longer than 512 characters."),
    "key_has_odd_characters": _(
        "The key holds a space, a line break or a letter that no key has. Copy it again, with nothing around it."
    ),
    "key_as_model": _("What stands in the field of the model looks like an API key. Put it into the field of the key."),
    "model_as_key": _("This is the name of a model, not a key. Copy the key from the provider's site."),
    "key_is_a_mask": _("This is a hidden key, not the key itself. Copy it from the provider's site."),
    "nothing_to_check": _("There is nothing to check: no provider is set."),
    "provider_missing": _("Choose a provider."),
    "previous_unreadable": _(
        "The previous key cannot be read: it was sealed with another ADMIN_SECRET_KEY. Bring that one back as"
        " ADMIN_SECRET_KEY_PREVIOUS, or enter the key anew."
    ),
    "no_previous": _("There are no previous settings to go back to."),
    "no_environment_key": _("There is no key in the environment for this section, or it has settings of its own."),
}

#: What came of a change of a section that was made.
SECTION_NEWS: dict[str, LazyString] = {
    "saved": _("Saved."),
    "saved_checking": _("Saved. The check has been started."),
    "saved_not_started": _("Saved. The check has not started yet; it will start by itself."),
    "unchanged": _("Nothing has changed: these settings are stored already."),
    "check_started": _("The check has been started."),
    "check_not_started": _("The check has not started yet; it will start by itself."),
    "discarded": _("The new settings are discarded."),
    "restored": _("The previous settings are back as new ones. The check has been started."),
    "restored_not_started": _("The previous settings are back as new ones. The check will start by itself."),
    "imported": _("The key from the environment is stored here. The check has been started."),
    "cleared": _("The key is removed. Orders wait until a new one is saved."),
}

#: Why an order cannot be placed; the facts of ``OrderInvalid`` fill the gaps.
ORDER_FAULTS: dict[str, LazyString] = {
    "required": _("Fill this in."),
    "too_long": _("At most %(limit)s characters; there are %(length)s."),
    "not_text": _("This must be a text."),
    "odd_characters": _("There are characters here that cannot be used."),
    "unknown_language": _("Choose Russian or English."),
    "stages_missing": _("Choose at least one work."),
    "stages_not_a_list": _("This must be a list of works."),
    "unknown_stage": _("There is no such work."),
    "doubled_stage": _("A work is named twice."),
    "poem_required": _("Order a poem too, or bring your own text."),
    "poem_not_wanted": _("The poem is being ordered: leave the text empty, or do not order a poem."),
    "unknown_field": _("There is no such field."),
}


def reason_words(code: str | None) -> LazyString | str:
    """A few words for a reason, without a capital or a full stop; empty for none."""
    return REASONS.get(code, _UNKNOWN_REASON)[0] if code else ""


def reason_advice(code: str | None) -> LazyString | str:
    """What to do about a reason, as whole sentences; empty for none."""
    return REASONS.get(code, _UNKNOWN_REASON)[1] if code else ""


def balance_words(kind: ProviderKind | None, balance: float) -> str:
    """What is left on the account, in the provider's unit, as a few words; empty where we do not know its unit."""
    left = int(balance)
    if kind is ProviderKind.SUNO:
        return ngettext("%(number)s credit left", "%(number)s credits left", left, number=format_decimal(left))
    if kind is ProviderKind.PIKA:
        return gettext("%(money)s left", money=format_currency(balance / 1_000_000, "USD"))
    return ""


def refusal(code: str, facts: Mapping[str, str]) -> str:
    """Why a change was not made, as a whole sentence in the language of the request."""
    return _filled(REFUSALS.get(code, _UNKNOWN_REASON[1]), facts)


def section_news(code: str) -> str:
    """What came of a change that was made, as a whole sentence in the language of the request."""
    return str(SECTION_NEWS[code])


def order_fault(code: str, facts: Mapping[str, object]) -> str:
    """Why an order cannot be placed, as a whole sentence in the language of the request."""
    return _filled(ORDER_FAULTS[code], facts)


def _filled(sentence: LazyString, facts: Mapping[str, object]) -> str:
    titles = {kind.value: PROVIDER_TITLES[kind] for kind in ProviderKind}
    known = {name: titles.get(str(value), value) for name, value in facts.items()}
    return str(sentence) % {"provider": "", "model": "", **known}
