"""What was carried here in bundles, and is shown as an upstream's."""

from collections.abc import Iterator
from datetime import datetime
from typing import Protocol

from msgspec import Struct

from cloche.core.bundles import Entry, Load, Mark
from cloche.core.model import ProjectName


class Change(Struct, frozen=True, kw_only=True):
    """What applying a bundle does: projects whose page is new or another, or that are gone."""

    changed: int = 0
    gone: int = 0


class Carried(Protocol):
    """Upstreams whose pages come in bundles. Their files are kept, and never evicted."""

    async def mark(self, upstream: str) -> Mark | None:
        """What was applied last; None when nothing ever was."""

    async def gone(self, upstream: str, entries: Iterator[Entry]) -> list[ProjectName]:
        """The projects that are here, and not among these."""

    async def apply(
        self,
        upstream: str,
        load: Load,
        pages: Iterator[tuple[Entry, bytes | None]],
        at: datetime,
        who: str,
    ) -> Change:
        """Make the upstream what the bundle says, in one transaction with its journal entries.

        The files are there already. `pages` is read in a thread, a few at a time, before that
        transaction begins: others write meanwhile. Raise BadBundle, and change nothing, when it
        is not its turn (`core.bundles.check_turn`), or a page that it supposes to be here is
        another one. Cancelled, it has changed nothing, unless it returns all the same: then it
        was too late for that.
        """
