"""What rules must know of what is known against versions of a project."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from msgspec.structs import replace

from cloche.core.known import NOTHING, Known, Need
from cloche.core.policy import Offer
from cloche.ports import Advisories, Clock
from cloche.service.knowledge import Knowledge

SOON = timedelta(seconds=2)  # until a feed that is being loaded may have been


@dataclass(frozen=True, slots=True)
class Advised:
    """All that rules must know: what is `beyond` advisories is asked for there."""

    advisories: Advisories
    feeds: Sequence[str]
    clock: Clock
    beyond: Knowledge

    async def of(self, offer: Offer, needs: frozenset[Need]) -> Known:
        """Until all feeds have been loaded once, nothing is known against the project."""
        others = needs - {"advisories"}
        known = await self.beyond.of(offer, others) if others else NOTHING
        if "advisories" not in needs:
            return known
        found = await self.advisories.of(self.feeds, offer.project) if self.feeds else None
        if found is None:
            soon = self.clock() + SOON
            return replace(known, until=min(known.until or soon, soon))
        return replace(known, advisories=found)
