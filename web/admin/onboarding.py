"""What leads a new administrator from an empty house to the first poem; gone once an order is done."""

from dataclasses import dataclass

from domain.orders import queries
from domain.orders.models import Order
from domain.provider_configs.models import Reason
from domain.provider_configs.overview import Section
from providers.kinds import StageType
from settings import current_settings


@dataclass(frozen=True, slots=True)
class FirstRun:
    """Three steps: set POEM, order a poem, see it; each is ticked off by what is stored."""

    poem: Section
    #: Whether the built-in samples can be chosen, for which no key is needed.
    offers_samples: bool
    #: The newest order; None before the first.
    order: Order | None

    @property
    def is_set(self) -> bool:
        """Whether a poem that is ordered now would be made."""
        return self.poem.blocked is None

    @property
    def is_checking(self) -> bool:
        """Whether the first step may tick itself off in a moment."""
        return self.poem.blocked is Reason.CHECKING or (self.poem.row is not None and self.poem.row.is_checking)

    @property
    def step(self) -> int:
        """The step that is next."""
        if not self.is_set:
            return 1
        return 3 if self.order else 2


def find_steps(sections: dict[StageType, Section]) -> FirstRun | None:
    """The steps, or None once they are done. Two small queries at the most."""
    if queries.any_is_done():
        return None
    return FirstRun(sections[StageType.POEM], current_settings().dummy_provider, queries.find_newest())
