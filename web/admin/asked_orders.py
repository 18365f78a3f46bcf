"""Which orders somebody looks through: it stands in the address of the list, and of each order opened from it."""

from dataclasses import dataclass
from typing import Any

from flask import abort, request

from domain.orders import queries, search
from domain.orders.models import OrderState


@dataclass(frozen=True, slots=True)
class Asked:
    """Which orders a page lists, as its address says; what means nothing there is as good as left out."""

    query: str
    state: OrderState | None
    stuck: bool
    before: int | None

    @property
    def address(self) -> dict[str, Any]:
        """The arguments of the address of the first of these pages; those that are None are left out."""
        state = self.state.value if self.state else None
        return {"q": self.query or None, "state": state, "stuck": 1 if self.stuck else None}

    @property
    def address_of_page(self) -> dict[str, Any]:
        """The arguments of the address of this very page."""
        return {**self.address, "before": self.before}


def read_asked() -> Asked:
    """What the address of the present request asks for; 404 for an id that no order can have."""
    state = request.args.get("state", "")
    before = request.args.get("before", type=int)
    if before is not None and not 0 < before <= queries.MAX_ID:
        abort(404)
    return Asked(
        search.tidy(request.args.get("q", "")),
        OrderState(state) if state in set(OrderState) else None,
        request.args.get("stuck") == "1",
        before,
    )
