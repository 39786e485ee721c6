"""The list of an index's projects, written once, and then only where it changes.

It learns of changes as the shelf does: by the pulse, and then from the journal. At an instant at
which rules would list others, it is written anew.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial

from cloche.core.gzips import Part
from cloche.core.roots import Roll, changed, roll
from cloche.ports import Journal, Ledger, Pulse
from cloche.service.shelf import Rendered
from cloche.service.view import View

MAX_BYTES = 64 << 20


@dataclass(slots=True)
class Root:
    """The list as it is. `holds` turns False when it must not be used again."""

    index: str
    roll: Roll
    read: int  # the serial up to which the journal was read
    beat: int
    until: datetime  # when rules would list others
    html: dict[bytes, Part] = field(default_factory=dict)
    renders: dict[Hashable, Rendered] = field(default_factory=dict)
    holds: bool = True

    @property
    def weight(self) -> int:
        written = sum(len(each.data) for each in self.html.values())
        return self.roll.weight + written + sum(len(r.body) for r in self.renders.values())


class Roots:
    """Bounded in bytes; the least recently asked for goes first."""

    def __init__(
        self,
        view: View,
        ledger: Ledger,
        journal: Journal,
        pulse: Pulse,
        *,
        max_bytes: int = MAX_BYTES,
    ) -> None:
        self._view = view
        self._ledger = ledger
        self._journal = journal
        self._pulse = pulse
        self._max_bytes = max_bytes
        self._roots: OrderedDict[str, Root] = OrderedDict()
        self._looking: dict[str, asyncio.Lock] = {}

    def current(self, root: Root) -> bool:
        """Whether the list may be shown again. Asks nobody, and costs microseconds."""
        return root.holds and self._pulse.beat() == root.beat and self._view.clock() < root.until

    def peek(self, index: str) -> Root | None:
        """The list that was shown last, however old."""
        return self._roots.get(index)

    async def get(self, index: str) -> Root:
        """The list as it is now. Raise NoSuchIndex."""
        self._view.index(index)
        # Those who wait find it current, unless somebody wrote meanwhile: then they look too.
        async with self._looking.setdefault(index, asyncio.Lock()):
            root = self._roots.get(index)
            if root is None or self._view.clock() >= root.until:
                root = await self._made(index, root.html if root else {})
            elif not self.current(root):
                root = await self._caught_up(root)
            self._put(root)
            return root

    def grew(self, root: Root) -> None:
        """Take note that something was rendered, and make room for it."""
        if self._roots.get(root.index) is root:
            self._put(root)

    async def _made(self, index: str, html: dict[bytes, Part]) -> Root:
        beat = self._pulse.beat()
        # Up to where the journal is read first: what comes later is looked at again.
        read = (await self._ledger.changes(2**63 - 1)).serial
        newest = await self._journal.newest(self._view.closure(index))
        listing = await self._view.listing(index)
        made = await self._journal.survey(listing.ways, partial(roll, serial=newest))
        return Root(index, made, read, beat, listing.until, html)

    async def _caught_up(self, root: Root) -> Root:
        beat = self._pulse.beat()
        changes = await self._ledger.changes(root.read)
        places = self._view.closure(root.index)
        named = {key[1]: n for key, n in changes.named.items() if key[0] in places}
        root.read = changes.serial
        if not named:
            root.beat = beat
            return root
        newest = max(root.roll.serial, *named.values())
        listing = await self._view.listing(root.index)
        if listing.now >= root.until:
            return await self._made(root.index, root.html)
        standings = await self._journal.standings(listing.ways, named)
        new = await asyncio.to_thread(changed, root.roll, standings, newest)
        # What is let past rules changes the instant, and is named by the journal.
        return Root(root.index, new, changes.serial, beat, listing.until, root.html)

    def _put(self, root: Root) -> None:
        before = self._roots.get(root.index)
        if before is not None and before is not root:
            before.holds = False
        self._roots[root.index] = root
        self._roots.move_to_end(root.index)
        while len(self._roots) > 1 and self._weight() > self._max_bytes:
            _, oldest = self._roots.popitem(last=False)
            oldest.holds = False

    def _weight(self) -> int:
        return sum(root.weight for root in self._roots.values())
