"""What the shop asks before it sells: would an order placed now be made?"""

from typing import Literal

from flask import Response

from domain.accounts.api_tokens import Scope
from domain.orders import works
from domain.orders.models import StageReason
from domain.provider_configs import overview
from domain.provider_configs.models import Reason, Status
from domain.provider_configs.overview import Section
from web.api.authentication import caller
from web.api.blueprint import blueprint
from web.api.language import in_callers_language
from web.api.openapi import Operation, described
from web.api.orders import answer
from web.api.schemas import SectionShown, StagesShown
from web.i18n.messages import reason_words

#: What happens outside the section, so that its row does not say since when.
NOBODY_NOTED = (Reason.PROVIDER_OFF, StageReason.STORAGE_FULL)


@blueprint.get("/stages")
@described(
    Operation(scopes=(Scope.ORDERS_READ, Scope.ORDERS_WRITE), answer=StagesShown, answer_words="The four stage types.")
)
def list_stages() -> Response:
    """Ask whether an order placed now would be made, on what, and if not, why and since when.

    Answers from what is stored; no provider is asked.
    """
    has_room = works.has_room()
    found = overview.overview(waiting_of=None if caller().reaches_all_orders else caller().token_id)
    with in_callers_language():
        shown = {stage_type: _shown(section, has_room) for stage_type, section in found.items()}
    return answer(StagesShown(shown))


def _shown(section: Section, has_room: bool) -> SectionShown:
    refused: Literal["storage_full"] | None = None if has_room else StageReason.STORAGE_FULL.value
    reason = section.blocked or refused or _passing_trouble(section)
    words = str(reason_words(reason))
    return SectionShown(
        ready=not section.blocked and not refused,
        provider_kind=section.provider_kind,
        model=section.model,
        sample=section.makes_samples,
        reason=reason,
        message=f"{words[:1].upper()}{words[1:]}." if reason else None,
        since=section.noted_since if reason and reason not in NOBODY_NOTED else None,
        waiting=section.waiting,
    )


def _passing_trouble(section: Section) -> Reason | None:
    """What the last check met, although orders are still tried."""
    return section.row.reason if section.row and section.row.status is Status.INVALID else None
