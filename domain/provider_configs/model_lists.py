"""Lists of models: which new one is believed, what is new in it, what has gone, and what ends soon.

A list that an administrator chooses from must not empty itself because a provider had a bad minute: one that is empty,
or has shrunk to less than half, counts only when a second one an hour later says the same. The chosen model is never
changed; where it is missing, a second list has to confirm that before anybody is alarmed.
"""

from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta
from difflib import get_close_matches

from domain.provider_configs import history
from domain.provider_configs.models import ProviderConfig
from providers.base import Model

#: A second list after this long is believed if it says the same.
BELIEF = timedelta(hours=1)
#: Of so many models or more, a list of less than half of them is odd.
LARGE = 10
#: How long a model counts as new.
NEW_FOR = timedelta(days=7)
#: How many names of models a line of the history has at the most.
NAMED = 5
CLOSE = 3
#: Beyond this a list is called old.
OLD = timedelta(hours=48)
_PREFIXES = ("models/",)


def key_of(model: str) -> str:
    """What two spellings of one model have in common: providers have changed case and prefixes over night."""
    folded = model.casefold()
    for prefix in _PREFIXES:
        folded = folded.removeprefix(prefix)
    return folded


def spelled_as_listed(model: str | None, models: Sequence[str]) -> str | None:
    """The one of ``models`` that is ``model``, as it is spelled there; None where none is."""
    if not model:
        return None
    if model in models:
        return model
    wanted = key_of(model)
    return next((each for each in models if key_of(each) == wanted), None)


def close_to(model: str, models: Iterable[str]) -> list[str]:
    """The models whose ids are most like ``model``, the likest first."""
    by_key = {key_of(each): each for each in models}
    return [by_key[key] for key in get_close_matches(key_of(model), by_key, n=CLOSE, cutoff=0.5)]


def take(row: ProviderConfig, models: Sequence[str], now: datetime) -> bool:
    """Give ``row`` the list that its provider has answered with, or doubt it. The caller commits.

    Returns whether that is worth a line of the history, which it then has.
    """
    row.models_reason, row.models_detail, row.models_tried_at = None, "", now
    if _is_odd(row.models_cache, models) and not _is_confirmed(row, models, now):
        return True
    row.models_doubted, row.models_doubted_since = [], None
    has_changed = _note_changes(row, models, now)
    row.models_cache, row.models_cache_updated_at = list(models), now
    row.models_retiring = {str(each): _day(each) for each in models if isinstance(each, Model) and each.retires_on}
    return _watch_chosen(row, now) or has_changed


def _watch_chosen(row: ProviderConfig, now: datetime) -> bool:
    """See whether the list still has the chosen model; a second look that misses it has to be later."""
    if not row.model or spelled_as_listed(row.model, row.models_cache):
        was_gone, row.model_missing_since, row.model_gone_at = row.model_gone_at is not None, None, None
        if was_gone:
            history.record_check(row.stage_type, "model_back", model=row.model)
        return was_gone
    if row.model_missing_since is None:
        row.model_missing_since = now
        row.look_again_at(now + BELIEF)
        history.record_check(row.stage_type, "model_missing", model=row.model)
        return True
    if row.model_gone_at is None and now - row.model_missing_since >= BELIEF:
        row.model_gone_at = now
        close = close_to(row.model, row.models_cache)
        history.record_check(row.stage_type, "model_gone", model=row.model, close=", ".join(close))
        return True
    return False


def is_new(row: ProviderConfig, model: str, now: datetime) -> bool:
    """Whether the model has come to the list within ``NEW_FOR``."""
    seen = row.models_added.get(model)
    return seen is not None and now - datetime.fromisoformat(seen) < NEW_FOR


def retires_on(row: ProviderConfig, model: str) -> date | None:
    """The day on which the provider stops serving the model, where it has said so."""
    day = row.models_retiring.get(model)
    return date.fromisoformat(day) if day else None


def _is_odd(known: Sequence[str], models: Sequence[str]) -> bool:
    return not models or (len(known) >= LARGE and len(models) * 2 < len(known))


def _is_confirmed(row: ProviderConfig, models: Sequence[str], now: datetime) -> bool:
    """Whether the odd list was given before, long enough ago; else it is noted, to be asked for again."""
    same = row.models_doubted_since is not None and _keys(row.models_doubted) == _keys(models)
    if same and row.models_doubted_since is not None and now - row.models_doubted_since >= BELIEF:
        return True
    if not same:
        row.models_doubted, row.models_doubted_since = list(models), now
        history.record_check(row.stage_type, "list_doubted", models=len(models), before=len(row.models_cache))
    assert row.models_doubted_since is not None  # noqa: S101  # set above; this tells the type checker
    row.look_again_at(max(row.models_doubted_since + BELIEF, now + timedelta(minutes=1)))
    return False


def _note_changes(row: ProviderConfig, models: Sequence[str], now: datetime) -> bool:
    """What is new since the list before, and what has gone; of a first list nothing is. Whether anything is."""
    if row.models_cache_updated_at is None:
        row.models_added = {}
        return False
    known, listed = _keys(row.models_cache), _keys(models)
    added = [str(each) for each in models if key_of(each) not in known]
    gone = [each for each in row.models_cache if key_of(each) not in listed]
    spelled = set(models)
    still_new = {each: at for each, at in row.models_added.items() if each in spelled and is_new(row, each, now)}
    row.models_added = still_new | dict.fromkeys(added, now.isoformat())
    if added or gone:
        history.record_check(
            row.stage_type, "models_changed", added=_named(added), gone=_named(gone), models=len(models)
        )
    return bool(added or gone)


def _keys(models: Iterable[str]) -> set[str]:
    return {key_of(each) for each in models}


def _named(models: Sequence[str]) -> str:
    rest = len(models) - NAMED
    return ", ".join(models[:NAMED]) + (f" +{rest}" if rest > 0 else "")


def _day(model: Model) -> str:
    assert model.retires_on is not None  # noqa: S101  # asked before; this tells the type checker
    return model.retires_on.isoformat()
