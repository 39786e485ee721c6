"""Instants at which time alone changes what an index shows."""

from collections.abc import Mapping
from datetime import datetime
from typing import Protocol

from cloche.core.model import ProjectName


class Endings(Protocol):
    """For each index and project, the next instant that is known."""

    async def note(self, ends: Mapping[tuple[str, ProjectName], datetime]) -> None:
        """Remember these, unless a sooner one is known. By index and project."""

    async def tell(self, now: datetime, most: int) -> int:
        """Journal at most so many that have come, and forget them; return how many that were."""
