"""A database that holds a sealed key in every place that there is for one."""

from sqlalchemy import update

from domain.db import db, utc_now
from domain.generation.calls import snapshot_place
from domain.maintenance.encrypted_columns import stored_keys
from domain.orders.models import Attempt, AttemptState, Stage, StageState
from domain.provider_configs.models import ProviderConfig, Status, live_place
from domain.secrets.vault import Vault
from providers.kinds import ProviderKind, StageType
from tests.builders import place_order, stage_of

POEM, SONG = StageType.POEM, StageType.SONG
LIVE, CANDIDATE, PREVIOUS, SONGS, JOB = (
    f"sk-canary-{name}-0123456789" for name in ("live", "candidate", "previous", "songs", "job")
)
#: In the order in which they are read.
KEYS = [LIVE, CANDIDATE, PREVIOUS, SONGS, JOB]


def fill_every_place(vault: Vault) -> int:
    """POEM has all three keys, SONG one of its own and a job; returns the job's order."""
    db.session.add(
        _section(
            POEM,
            ProviderKind.OPENAI,
            api_key_encrypted=vault.seal(LIVE, live_place(POEM, ProviderKind.OPENAI)),
            candidate_provider_kind=ProviderKind.GEMINI,
            candidate_api_key_encrypted=vault.seal(CANDIDATE, live_place(POEM, ProviderKind.GEMINI)),
            candidate_status=Status.UNKNOWN,
            previous_provider_kind=ProviderKind.YANDEX_GPT,
            previous_api_key_encrypted=vault.seal(PREVIOUS, live_place(POEM, ProviderKind.YANDEX_GPT)),
        )
    )
    song_key = vault.seal(SONGS, live_place(SONG, ProviderKind.SUNO))
    db.session.add(_section(SONG, ProviderKind.SUNO, api_key_encrypted=song_key))
    db.session.commit()
    order_id = place_order(frozenset({SONG}), poem="Море шумит").id
    stage_id = stage_of(order_id, SONG).id
    attempt = Attempt(stage_id=stage_id, number=1, provider_kind=ProviderKind.SUNO, model="V5", job_id="job-1")
    attempt.state, attempt.config_version, attempt.submitted_at = AttemptState.ACCEPTED, 3, utc_now()
    attempt.api_key_encrypted = vault.seal(JOB, snapshot_place(SONG, ProviderKind.SUNO))
    db.session.add(attempt)
    db.session.execute(update(Stage).where(Stage.id == stage_id).values(state=StageState.SUBMITTED))
    db.session.commit()
    return order_id


def keys_opened_by(vault: Vault) -> list[str]:
    """Every stored key, as ``vault`` opens it."""
    db.session.rollback()
    return [key.open(vault) for key in stored_keys() if key.token]


def _section(stage_type: StageType, kind: ProviderKind, **values: object) -> ProviderConfig:
    defaults = {"model": "m", "status": Status.ACTIVE, "activated_at": utc_now(), "version": 3}
    return ProviderConfig(stage_type=stage_type, provider_kind=kind, **{**defaults, **values})
