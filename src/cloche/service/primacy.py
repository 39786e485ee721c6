"""Whose word counts in an index: its own users', or another server's that it follows."""

from dataclasses import dataclass

from cloche.core.errors import Follows
from cloche.core.index import Index
from cloche.ports import Pursuits


@dataclass(frozen=True, slots=True)
class Primacy:
    """The catalog refuses changes itself, and as one; this is to know before an upload is read."""

    pursuits: Pursuits | None = None

    async def check(self, index: Index) -> None:
        """Raise Follows when changes are made elsewhere."""
        if index.follows is None:
            return
        found = await self.pursuits.all() if self.pursuits is not None else []
        of = next((each for each in found if each.index == index.name), None)
        if of is None or of.promoted_at is None:
            where = of.url if of is not None else f"upstream {index.follows}"
            raise Follows.to(index.name, where)
