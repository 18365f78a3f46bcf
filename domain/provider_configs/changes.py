"""What an administrator does to a section: save it, discard its candidate, remove its key, ask for a check.

Every function commits, or raises ``ChangeRefused`` with nothing changed. None calls a provider.
"""

import hashlib
import hmac
import json
import re
from dataclasses import dataclass, field

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from domain.db import db, utc_now
from domain.provider_configs import history, release
from domain.provider_configs.models import ProviderConfig, Status, find, live_place
from domain.provider_configs.resolver import SectionBlocked, environment_provider, get_provider_config
from domain.secrets import api_keys
from domain.secrets.context import current_vault
from domain.secrets.redaction import looks_like_a_key
from providers.http.redaction import key_stands_in
from providers.kinds import ProviderKind, StageType, allowed_providers
from providers.registry import has_adapter, needs_key
from settings import current_settings

MAX_MODEL_LENGTH = 200
#: What nobody guesses: a shorter name of a form would let whoever reads the table guess the key that it stands beside.
FORM_KEY = re.compile(r"[A-Za-z0-9_-]{20,100}")


class ChangeRefused(Exception):
    """A change that cannot be made. ``code`` names the sentence, ``field`` the form field that it belongs to."""

    def __init__(self, code: str, field_name: str = "", **facts: str) -> None:
        super().__init__(code)
        self.code = code
        self.field = field_name
        self.facts = facts


@dataclass(frozen=True, slots=True)
class NewSettings:
    """What the form of one section holds. ``version`` is that of the page, None where the sender does not compare.

    ``form_key`` is the name of the form as it was shown once, empty where it has none.
    """

    stage_type: StageType
    provider_kind: ProviderKind
    api_key: str = field(repr=False)
    model: str
    version: int | None
    actor: str
    form_key: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Saved:
    """What a save did: whether anything changed, and whether a check must be started."""

    changed: bool
    check_needed: bool


def save(new: NewSettings) -> Saved:
    """Take the settings over, or keep them as candidate until a check has passed; one history entry; commits.

    A blank key keeps the stored one. Saving the same twice changes nothing the second time. A form that is sent again
    as it is, and by which the section is as it is now, has been saved: that is the answer again, whatever its version.
    Raises ``ChangeRefused``.
    """
    key, form = _fit_key(new), _form_digest(new)
    try:
        # Looked at once: a section that another one saves first between two looks would count as changed by somebody.
        found = find(new.stage_type, lock=True)
        again = _saved_before(found, form)
        if again is not None:
            db.session.commit()
            return again
        row = _row_of_version(found, new)
        _refuse_keys_as_models(row, new.model)
        if key or (not needs_key(new.provider_kind) and row.provider_kind != new.provider_kind):
            saved = _save_new_key(row, new, key)
        else:
            saved = _save_model(row, new)
        if saved.changed:
            row.version += 1
            row.updated_at, row.updated_by = utc_now(), new.actor
            row.saved_form = form
        db.session.commit()
    except IntegrityError:
        # Two first saves of a section at the same moment: the other one was first.
        db.session.rollback()
        again = _saved_before(find(new.stage_type, lock=True), form)
        db.session.commit()
        if again is not None:
            return again
        raise ChangeRefused("changed_meanwhile") from None
    except ChangeRefused:
        db.session.rollback()
        raise
    if saved.changed and not saved.check_needed:
        # Nothing that was before the new settings holds anybody back. The sweep sends the messages.
        release.release(new.stage_type, utc_now(), from_now_on=True)
    return saved


def import_environment(stage_type: StageType, actor: str) -> Saved | None:
    """Take the environment's key over as the section's own first setting, and commit; None where there is none.

    Raises ``ChangeRefused`` for a key that cannot be one. A second time there is nothing left to take over.
    """
    if find(stage_type) is not None or environment_provider(stage_type) is None:
        db.session.rollback()
        return None
    try:
        config = get_provider_config(stage_type)
    except SectionBlocked:
        db.session.rollback()
        raise ChangeRefused("key_has_odd_characters", "api_key") from None
    return save(NewSettings(stage_type, config.provider_kind, config.api_key, "", 0, actor))


def request_check(stage_type: StageType, actor: str, *, proof: bool = True, candidate: bool = False) -> None:
    """Want a check of the live setting, or once more of the ``candidate``, where there is one; commits.

    With ``proof`` key and model have to generate as well, and whatever an order was refused for is forgiven when they
    do: a person has looked.

    A second click changes nothing while the first one's check has not ended.
    """
    row = find(stage_type, lock=True)
    if row is None or row.provider_kind is None:
        db.session.rollback()
        raise ChangeRefused("nothing_to_check")
    is_wanted_already = row.is_checking and (candidate or row.proof_requested or not proof)
    if is_wanted_already and history.was_just_done(actor, "check_requested", stage_type):
        db.session.rollback()
        return
    row.request_check(utc_now())
    if candidate and row.has_candidate:
        row.candidate_status, row.candidate_reason, row.candidate_detail = Status.UNKNOWN, None, ""
    elif proof:
        row.proof_requested, row.refused_balance = True, None
    history.record(actor, "check_requested", stage_type)
    db.session.commit()


def discard_candidate(stage_type: StageType, actor: str) -> None:
    """Forget the candidate and its key, and commit; without one nothing happens."""
    row = find(stage_type, lock=True)
    if row is None or not row.has_candidate:
        db.session.rollback()
        return
    history.record(actor, "candidate_discarded", stage_type, provider_kind=row.candidate_provider_kind)
    row.clear_candidate()
    row.forget_check()
    _touch(row, actor)
    db.session.commit()


def restore_previous(stage_type: StageType, actor: str) -> None:
    """Make the setting before this one the candidate, with its key as it is sealed; commits.

    It has to pass a check like any other. A second time the candidate is there already, and is checked again; a second
    click changes nothing: by then the check may have passed, and "previous" be what the first one has replaced.
    A key that cannot be opened is refused at once: whatever waits beside the live setting stays.
    """
    row = find(stage_type, lock=True)
    if row is None or row.previous_provider_kind is None:
        db.session.rollback()
        raise ChangeRefused("no_previous")
    if history.was_just_done(actor, "previous_restored", stage_type):
        db.session.rollback()
        return
    if row.previous_provider_kind not in allowed_providers(stage_type, dummy=current_settings().dummy_provider):
        db.session.rollback()
        raise ChangeRefused("provider_not_allowed", "provider_kind")
    sealed = row.previous_api_key_encrypted
    if sealed is not None and not current_vault().opens(sealed, live_place(stage_type, row.previous_provider_kind)):
        db.session.rollback()
        raise ChangeRefused("previous_unreadable")
    now = utc_now()
    row.clear_candidate()
    row.candidate_provider_kind, row.candidate_model = row.previous_provider_kind, row.previous_model
    row.candidate_api_key_encrypted, row.candidate_api_key_last4 = sealed, row.previous_api_key_last4
    row.candidate_status, row.candidate_saved_at = Status.UNKNOWN, now
    row.request_check(now)
    history.record(
        actor,
        "previous_restored",
        stage_type,
        provider_kind=row.previous_provider_kind,
        model=row.previous_model,
        last4=row.previous_api_key_last4,
    )
    _touch(row, actor)
    db.session.commit()


def clear_section(stage_type: StageType, actor: str) -> None:
    """Forget the live setting and the candidate with their keys, and commit; orders wait until a new key is saved.

    The row stays, so that a key from the environment does not step in unasked.
    """
    row = find(stage_type, lock=True)
    if row is None or row.provider_kind is None:
        db.session.rollback()
        return
    history.record(actor, "key_removed", stage_type, provider_kind=row.provider_kind, last4=row.api_key_last4)
    row.clear_live(utc_now())
    row.clear_previous()
    row.clear_candidate()
    row.forget_check()
    _touch(row, actor)
    db.session.commit()


def _fit_key(new: NewSettings) -> str:
    """The cleaned key, empty for none; refuses what the form cannot mean."""
    if new.provider_kind not in allowed_providers(new.stage_type, dummy=current_settings().dummy_provider):
        raise ChangeRefused("provider_not_allowed", "provider_kind")
    if not has_adapter(new.provider_kind):
        raise ChangeRefused("provider_not_built_in", "provider_kind", provider=new.provider_kind)
    if len(new.model) > MAX_MODEL_LENGTH or not new.model.isprintable():
        raise ChangeRefused("model_not_listed", "model")
    if looks_like_a_key(new.model):
        raise ChangeRefused("key_as_model", "model")
    if not needs_key(new.provider_kind):
        return ""
    try:
        key = api_keys.clean(new.api_key)
    except api_keys.InvalidKey as unfit:
        raise ChangeRefused(unfit.code, "api_key") from None
    if key and key_stands_in(key, new.model):
        raise ChangeRefused("key_as_model", "model")
    return key


def _form_digest(new: NewSettings) -> str | None:
    """What is told apart of the form and all that stands in it; None for one without a name.

    Only whoever has the form can make it, and it is compared with what that very form has saved, never with a key that
    is stored: so it tells nobody whether a guess at one is right.
    """
    if not FORM_KEY.fullmatch(new.form_key):
        return None
    values = json.dumps([new.provider_kind, new.model, new.api_key])
    return hmac.new(new.form_key.encode(), values.encode(), hashlib.sha256).hexdigest()


def _saved_before(row: ProviderConfig | None, form: str | None) -> Saved | None:
    """What that form has done, where the section is still as it saved it."""
    if row is None or form is None or not hmac.compare_digest(row.saved_form or "", form):
        return None
    if row.candidate_status is Status.INVALID and not row.is_checking:
        # It was saved, and has been refused since: whoever sends it again wants it tried again.
        row.candidate_status, row.candidate_reason, row.candidate_detail = Status.UNKNOWN, None, ""
        row.request_check(utc_now())
    return Saved(changed=True, check_needed=row.is_checking)


def _row_of_version(row: ProviderConfig | None, new: NewSettings) -> ProviderConfig:
    """The section's row, if it is as it was on the page; a new one where there is none."""
    if new.version is not None and new.version != (row.version if row else 0):
        raise ChangeRefused("changed_meanwhile", who=row.updated_by if row else "")
    if row is None:
        row = ProviderConfig(stage_type=new.stage_type, version=0)
        db.session.add(row)
        db.session.flush()
    return row


def _refuse_keys_as_models(row: ProviderConfig, model: str) -> None:
    """A model is kept in clear, and shown to programs as well: none may hold a key of any section, however written."""
    if not model or model in {row.model, row.candidate_model, *row.models_cache, *row.candidate_models}:
        # Each opening of a key is one more: none for what is there already.
        return
    stands_in = current_vault().stands_in
    for other in db.session.scalars(select(ProviderConfig)):
        sealed = (
            (other.api_key_encrypted, other.provider_kind),
            (other.candidate_api_key_encrypted, other.candidate_provider_kind),
            (other.previous_api_key_encrypted, other.previous_provider_kind),
        )
        if any(stands_in(token, live_place(other.stage_type, kind), model) for token, kind in sealed if token and kind):
            raise ChangeRefused("key_as_model", "model")


def _save_new_key(row: ProviderConfig, new: NewSettings, key: str) -> Saved:
    """Store a provider with its own key: as candidate, or at once where nothing has ever worked."""
    if key in {*row.models_cache, *row.candidate_models}:
        # It would be hidden as a secret wherever it is to be seen.
        raise ChangeRefused("model_as_key", "api_key")
    now, kind = utc_now(), new.provider_kind
    # With another provider chosen, the model of the old one is only what the form still showed.
    model = new.model if kind == row.provider_kind or new.model != row.model else ""
    token = current_vault().seal(key, live_place(row.stage_type, kind)) if key else None
    event = "candidate_saved" if row.has_live else "settings_saved"
    if row.has_live:
        row.clear_candidate()
        row.candidate_provider_kind, row.candidate_model = kind, model or None
        row.candidate_api_key_encrypted, row.candidate_api_key_last4 = token, api_keys.last_four(key)
        row.candidate_status, row.candidate_saved_at = Status.UNKNOWN, now
    else:
        row.clear_live(now)
        row.provider_kind, row.model, row.key_version = kind, model or None, row.version + 1
        row.api_key_encrypted, row.api_key_last4 = token, api_keys.last_four(key)
    row.request_check(now)
    history.record(
        new.actor, event, row.stage_type, provider_kind=kind, model=model or None, last4=api_keys.last_four(key)
    )
    return Saved(changed=True, check_needed=True)


def _save_model(row: ProviderConfig, new: NewSettings) -> Saved:
    """Change the model and keep the key that belongs to the provider of the form."""
    if new.provider_kind == row.provider_kind:
        return _save_live_model(row, new)
    if new.provider_kind == row.candidate_provider_kind:
        return _save_candidate_model(row, new)
    raise ChangeRefused("needs_own_key", "api_key", provider=new.provider_kind)


def _save_live_model(row: ProviderConfig, new: NewSettings) -> Saved:
    if not new.model or new.model == row.model:
        return Saved(changed=False, check_needed=False)
    if row.models_cache and new.model not in row.models_cache:
        raise ChangeRefused("model_not_listed", "model", model=new.model)
    if not row.models_cache and row.has_live:
        return _try_beside_live_model(row, new)
    history.record(new.actor, "model_changed", row.stage_type, model=new.model, previous_model=row.model)
    row.model = new.model
    row.model_missing_since = row.model_gone_at = None
    if row.has_live and not row.is_refused:
        if row.is_checking:
            row.request_check(utc_now())
        return Saved(changed=True, check_needed=row.is_checking)
    if not row.has_live:
        row.set_status(Status.UNKNOWN, None, utc_now())
    row.request_check(utc_now())
    row.proof_requested, row.refused_balance, row.probe_stage_id = True, None, None
    return Saved(changed=True, check_needed=True)


def _try_beside_live_model(row: ProviderConfig, new: NewSettings) -> Saved:
    """Where no list says whether the model exists, it has to be proven beside the one that works, with its key."""
    now = utc_now()
    row.clear_candidate()
    row.candidate_provider_kind, row.candidate_model = row.provider_kind, new.model
    row.candidate_api_key_encrypted, row.candidate_api_key_last4 = row.api_key_encrypted, row.api_key_last4
    row.candidate_status, row.candidate_saved_at = Status.UNKNOWN, now
    row.request_check(now)
    history.record(
        new.actor,
        "candidate_saved",
        row.stage_type,
        provider_kind=row.provider_kind,
        model=new.model,
        last4=row.api_key_last4,
    )
    return Saved(changed=True, check_needed=True)


def _save_candidate_model(row: ProviderConfig, new: NewSettings) -> Saved:
    if row.candidate_models and new.model and new.model not in row.candidate_models:
        raise ChangeRefused("model_not_listed", "model", model=new.model)
    row.candidate_model = new.model or None
    row.candidate_status, row.candidate_reason, row.candidate_detail = Status.UNKNOWN, None, ""
    row.request_check(utc_now())
    history.record(new.actor, "candidate_model_changed", row.stage_type, model=new.model or None)
    return Saved(changed=True, check_needed=True)


def _touch(row: ProviderConfig, actor: str) -> None:
    row.version += 1
    row.updated_at, row.updated_by = utc_now(), actor
    row.saved_form = None
