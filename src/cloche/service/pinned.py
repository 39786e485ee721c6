"""Which upstreams' files must stay: what snapshots show, and what nobody could send again."""

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from cloche.core.errors import Error, NoSuchProject, ProjectDeleted
from cloche.core.model import BESIDE, FileKey, Held, ProjectName
from cloche.ports import Snapshot, Snapshots
from cloche.service.past import Times
from cloche.service.upstream import CachedUpstream

MAX_PAGES = 1000  # of which it is remembered what snapshots show

Shown = frozenset[tuple[str, FileKey, str]] | None
"""Upstream, key and filename of each file; None while nobody can say."""


@dataclass(frozen=True, slots=True)
class Pins:
    snapshots: Snapshots
    times: Times
    cached: Mapping[str, CachedUpstream]

    async def now(self) -> "Pinned":
        """What the snapshots show that there are. Who makes one later pins what is left then."""
        return Pinned(await self.snapshots.named(None), self.times, self.cached)


@dataclass
class Pinned:
    snapshots: Sequence[Snapshot]
    times: Times
    cached: Mapping[str, CachedUpstream]
    _pages: OrderedDict[tuple[str, str, int, ProjectName], Shown] = field(
        default_factory=OrderedDict
    )

    async def holds(self, held: Held) -> bool:
        """Whether a snapshot shows the file, or its upstream lists it no longer.

        Of what lies beside a file, whether that is so of the file.
        """
        return not await self._listed(held) or await self.shows(held)

    async def shows(self, held: Held) -> bool:
        """Whether a snapshot shows the file, or that beside which it lies."""
        for each in self.snapshots:
            if not self._draws(each.index, held.upstream):
                continue
            shown = await self._shown(each, held.project)
            if shown is None or (held.upstream, held.key, _main(held)) in shown:
                return True
        return False

    async def _listed(self, held: Held) -> bool:
        """By the page that is kept; nobody is asked. What an upstream of yore had is nobody's."""
        cached = self.cached.get(held.upstream)
        if cached is None:
            return True
        page = await cached.known(held.project)
        found = page.find(_main(held)) if page else None
        return found is not None and found.key == held.key

    def _draws(self, index: str, upstream: str) -> bool:
        view = self.times.files.view
        return index in view.indexes and upstream in view.closure(index)

    async def _shown(self, snapshot: Snapshot, project: ProjectName) -> Shown:
        key = (snapshot.index, snapshot.name, snapshot.serial, project)
        if key not in self._pages:
            self._pages[key] = await self._looked(snapshot, project)
            if len(self._pages) > MAX_PAGES:
                self._pages.popitem(last=False)
        return self._pages[key]

    async def _looked(self, snapshot: Snapshot, project: ProjectName) -> Shown:
        try:
            past = await self.times.at(snapshot.index, snapshot.name)
            sight, _ = await past.view.unmarked(snapshot.index, project)
        except (NoSuchProject, ProjectDeleted):
            return frozenset()
        except Error:  # doubt keeps
            return None
        return frozenset(
            (sight.origin(file.filename).owner, file.key, file.filename)
            for file in sight.offered.files
        )


def _main(held: Held) -> str:
    """The distribution that it is, or lies beside."""
    end = next((end for end in BESIDE if held.filename.endswith(end)), "")
    return held.filename.removesuffix(end)
