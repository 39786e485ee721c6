"""Kept files that their upstream has taken back."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from cloche.core.model import ProjectName
from cloche.core.recalls import Recall


class Recalls(Protocol):
    """Evictable, as the files are; that it happened stays in the journal, once for each file."""

    async def of(self, upstream: str, project: ProjectName) -> list[Recall]:
        """The files that are gone, in the order in which that was noticed."""

    async def settle(
        self, upstream: str, project: ProjectName, gone: Sequence[Recall], at: datetime
    ) -> None:
        """These files are gone, and no others. What is new about that is journaled."""

    async def tell(self, recalls: Sequence[Recall], at: datetime) -> None:
        """Journal what befell files that are not gone: of advisories, those not told before."""
