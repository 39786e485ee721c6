"""How wheels that were built from sdists came to be: the journal has it beside each."""

from dataclasses import dataclass

from cloche.core.building import Built, built_in
from cloche.core.model import ProjectName
from cloche.ports import Entries
from cloche.service.shelf import Shown

MAX_ENTRIES = 10_000  # of a project's journal that are looked through


@dataclass(frozen=True, slots=True)
class Builds:
    entries: Entries

    async def of(self, index: str, project: ProjectName) -> dict[str, Built]:
        """By the wheel's filename, the oldest first; also of wheels that are deleted."""
        found = await self.entries.journal(index, project, 0, MAX_ENTRIES)
        built = ((entry.filename, built_in(entry.detail)) for entry in found)
        return {name: each for name, each in built if name and each}

    async def shown(self, shown: Shown) -> dict[str, Built]:
        """Of the files that a page lists, in whichever index they were uploaded."""
        found: dict[str, Built] = {}
        for owner, hosted in shown.sight.owners.items():
            of = await self.of(owner, shown.page.name) if hosted else {}
            found |= {
                name: built
                for name, built in of.items()
                if name in shown.by_name and shown.sight.origin(name) == (owner, True)
            }
        return found
