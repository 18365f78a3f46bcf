"""What is known of the four sections, for the pages and the shop: stored states only, in one query."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import String, cast, func, literal, select, union_all

from domain.db import db
from domain.orders.models import Attempt, AttemptState, Order, Stage, StageState
from domain.provider_configs.models import REFUSALS, ProviderConfig, Reason
from domain.provider_configs.resolver import environment_provider, why_blocked
from providers.kinds import ProviderKind, StageType, makes_samples


@dataclass(frozen=True, slots=True)
class Section:
    """One section as the pages show it. ``row`` is None while it was never set; it holds no key in clear."""

    stage_type: StageType
    row: ProviderConfig | None
    #: The provider that a key from the environment serves, while the section has no row of its own.
    environment: ProviderKind | None
    #: Why an order placed now would wait; None when it would run.
    blocked: Reason | None
    #: Stages of this type that wait for the section, and since when the oldest does.
    waiting: int
    waiting_since: datetime | None
    #: Jobs that still run with the key before this one, and end with it.
    on_previous_key: int

    @property
    def version(self) -> int:
        """What a form of this section must send back; 0 while it was never set."""
        return self.row.version if self.row else 0

    @property
    def provider_kind(self) -> ProviderKind | None:
        """The provider that is in use."""
        return self.row.provider_kind if self.row else self.environment

    @property
    def makes_samples(self) -> bool:
        """Whether an order placed now would get a sample."""
        return makes_samples(self.provider_kind)

    @property
    def noted_since(self) -> datetime | None:
        """Since when the row says what it says; None where it knows nothing of what blocks it, as of a lost secret."""
        if self.row is None or (self.blocked is Reason.UNREADABLE and self.row.reason is not Reason.UNREADABLE):
            return None
        return self.row.status_since

    @property
    def model(self) -> str | None:
        """The model that is in use; None where the first of the list would be taken."""
        return self.row.model if self.row else None


def overview(*, waiting_of: int | None = None) -> dict[StageType, Section]:
    """All four sections, in the order of ``StageType``, from one query.

    With ``waiting_of``, the id of an API token, only what that token has ordered is counted among what waits.
    """
    kinds = union_all(*(select(literal(stage_type.value, String).label("stage_type")) for stage_type in StageType))
    kind = kinds.subquery()
    waits = (
        select(Stage.stage_type, func.count().label("count"), func.min(Stage.waiting_since).label("since"))
        .where(Stage.state == StageState.WAITING)
        .group_by(Stage.stage_type)
    )
    if waiting_of is not None:
        waits = waits.join(Order, Order.id == Stage.order_id).where(Order.api_token_id == waiting_of)
    waiting = waits.subquery()
    before = (
        select(Stage.stage_type, func.count().label("count"))
        .join(Attempt, Attempt.stage_id == Stage.id)
        .join(ProviderConfig, ProviderConfig.stage_type == Stage.stage_type)
        .where(
            Attempt.state.in_(AttemptState.unended()),
            Attempt.api_key_encrypted.is_not(None),
            Attempt.config_version < ProviderConfig.key_version,
        )
        .group_by(Stage.stage_type)
        .subquery()
    )
    query = (
        select(kind.c.stage_type, ProviderConfig, waiting.c.count, waiting.c.since, before.c.count)
        .outerjoin(ProviderConfig, cast(ProviderConfig.stage_type, String) == kind.c.stage_type)
        .outerjoin(waiting, cast(waiting.c.stage_type, String) == kind.c.stage_type)
        .outerjoin(before, cast(before.c.stage_type, String) == kind.c.stage_type)
    )
    found = {StageType(name): _section(StageType(name), *rest) for name, *rest in db.session.execute(query)}
    return {stage_type: found[stage_type] for stage_type in StageType}


def one(stage_type: StageType) -> Section:
    """One section."""
    return overview()[stage_type]


def _section(
    stage_type: StageType,
    row: ProviderConfig | None,
    waiting: int | None,
    since: datetime | None,
    on_previous_key: int | None,
) -> Section:
    environment = environment_provider(stage_type) if row is None else None
    unset = _met_with_environment(stage_type) if environment else Reason.NOT_CONFIGURED
    blocked = unset if row is None else why_blocked(row)
    return Section(stage_type, row, environment, blocked, waiting or 0, since, on_previous_key or 0)


def _met_with_environment(stage_type: StageType) -> Reason | None:
    """What orders have met with a key of the environment: it has no row that could tell, but they have."""
    met = select(Stage.reason).where(
        Stage.stage_type == stage_type,
        # One that waits, and one that tries again.
        Stage.state.in_((StageState.WAITING, StageState.QUEUED, StageState.RUNNING)),
        Stage.config_version == 0,
        Stage.reason.in_(REFUSALS),
    )
    reason = db.session.scalar(met.order_by(Stage.id).limit(1))
    return Reason(reason) if reason else None
