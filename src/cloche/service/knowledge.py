"""What rules must know of files beyond their page: looked for within bounds, and kept.

A page waits for a few looks, at its newest versions; others go on behind it, and whoever looks at
the page again finds what they brought. What is not known by then is a `Lack`: doubt means no.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from typing import NamedTuple, Protocol

from packaging.version import Version

from cloche.core.errors import Error, UpstreamDown
from cloche.core.known import Facts, Known, Lack, Need
from cloche.core.model import FileKey, ProjectName
from cloche.core.policy import Candidate, Offer
from cloche.logs import Log
from cloche.ports import Clock, FactStore

log = Log(__name__)

FIRST = 40  # looks that a page waits for
MOST = 400  # looks that a page sets going
AT_ONCE = 8  # of those that pages wait for, of one worker
BEHIND = 2  # of the others: they must not take the place of what clients ask for
PATIENCE = 10.0  # seconds that a page waits, and that one look may take
SOON = timedelta(seconds=5)  # until what is being looked for may have been found
LATER = timedelta(seconds=30)  # until an upstream that is down may be up
RARELY = timedelta(hours=1)  # until what made no sense may make some
MAX_LACKS = 20_000  # failures that a worker remembers

_OLDEST = Version("0.dev0")

Place = tuple[str, ProjectName, Need]
Said = dict[FileKey, Facts | Lack]


class Group(NamedTuple):
    """Files of one source for which one tells: any of `tellers`, the best first."""

    tellers: Sequence[Candidate]
    members: Sequence[Candidate]

    @property
    def source(self) -> str:
        return self.members[0].source

    @property
    def version(self) -> Version:
        return self.members[0].version or _OLDEST


class Looker(Protocol):
    """Finds out one kind of thing about files."""

    def groups(self, offer: Offer) -> list[Group]:
        """All that is offered, parted."""

    async def look(self, project: ProjectName, teller: Candidate) -> Facts:
        """Raise an Error when it cannot be found out, UpstreamDown when it can be later."""


@dataclass
class _Walk:
    """Looks under way, for what tells of `sought`.

    `found` grows; `enough` is set when a page need wait no more.
    """

    sought: frozenset[FileKey]
    found: Said = field(default_factory=dict)
    enough: asyncio.Event = field(default_factory=asyncio.Event)


@dataclass
class Knowledge:
    """Each thing is looked for once in a worker, whichever index needs it."""

    facts: FactStore
    lookers: Mapping[Need, Looker]
    clock: Clock
    _walks: dict[Place, list[_Walk]] = field(default_factory=dict)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)
    _lacks: OrderedDict[tuple[Place, FileKey], Lack] = field(default_factory=OrderedDict)
    _turns: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(AT_ONCE))
    _later: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(BEHIND))

    async def of(self, offer: Offer, needs: frozenset[Need]) -> Known:
        known = {need: await self._of(offer, need) for need in sorted(needs)}
        agains = {
            each.again
            for said in known.values()
            for each in said.values()
            if isinstance(each, Lack) and each.again
        }
        return Known(known, min(agains, default=None))

    async def close(self) -> None:
        """Stop looking."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _of(self, offer: Offer, need: Need) -> dict[str, Facts | Lack]:
        groups: dict[str, list[Group]] = {}
        for group in self.lookers[need].groups(offer):
            groups.setdefault(group.source, []).append(group)
        found: dict[str, Facts | Lack] = {}
        for source, own in groups.items():
            found |= await self._of_source((source, offer.project, need), own)
        return found

    async def _of_source(self, place: Place, groups: list[Group]) -> dict[str, Facts | Lack]:
        known: Said = dict(await self.facts.recall(*place))
        missing = [
            group
            for group in groups
            if group.tellers and not any(self._settled(place, one, known) for one in group.tellers)
        ]
        if missing:
            missing.sort(key=lambda group: group.version, reverse=True)
            known |= await self._looked(place, [group.tellers[0] for group in missing])
        unknown = self._lack(f"its {place[2]} is not known yet", SOON)
        none = Lack(f"it offers no {place[2]}")
        return {
            member.file.filename: said
            for group in groups
            for said in [_said(group, known, unknown if group.tellers else none)]
            for member in group.members
        }

    def _settled(self, place: Place, teller: Candidate, known: Said) -> bool:
        """Whether nobody need look; a failure that is remembered goes to what is known."""
        key = teller.file.key
        lack = self._lacks.get((place, key))
        if key not in known and lack and lack.again and self.clock() < lack.again:
            known[key] = lack
        return key in known

    async def _looked(self, place: Place, tellers: list[Candidate]) -> Said:
        """What is found within a moment. The rest is looked for behind it."""
        walks = self._walks.setdefault(place, [])
        under_way = frozenset(key for walk in walks for key in walk.sought)
        wanted = {each.file.key: each for each in tellers[:MOST]}
        if new := [each for key, each in wanted.items() if key not in under_way]:
            walks.append(self._begin(place, new))
        joined = [walk for walk in walks if not walk.sought.isdisjoint(wanted)]
        with suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE):
                for walk in joined:
                    await walk.enough.wait()
        return {key: said for walk in joined for key, said in walk.found.items()}

    def _begin(self, place: Place, tellers: list[Candidate]) -> _Walk:
        walk = _Walk(frozenset(each.file.key for each in tellers))
        task = asyncio.get_running_loop().create_task(self._walk(place, walk, tellers))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return walk

    async def _walk(self, place: Place, walk: _Walk, tellers: list[Candidate]) -> None:
        try:
            for start in range(0, len(tellers), FIRST):
                batch = tellers[start : start + FIRST]
                turns = self._later if start else self._turns
                await asyncio.gather(*(self._look(place, walk, each, turns) for each in batch))
                walk.enough.set()
                said = [(each.file.key, walk.found[each.file.key]) for each in batch]
                await self._keep(place, {k: one for k, one in said if not isinstance(one, Lack)})
                if all(isinstance(one, Lack) for _, one in said):
                    break  # an upstream that is unwell is not asked for the rest
        finally:
            walk.enough.set()
            self._walks[place].remove(walk)
            if not self._walks[place]:
                del self._walks[place]

    async def _look(
        self, place: Place, walk: _Walk, teller: Candidate, turns: asyncio.Semaphore
    ) -> None:
        _, project, need = place
        key, name = teller.file.key, teller.file.filename
        try:
            async with turns, asyncio.timeout(PATIENCE):
                walk.found[key] = await self.lookers[need].look(project, teller)
        except (TimeoutError, UpstreamDown) as e:
            cause = str(e) or "it takes too long"
            walk.found[key] = self._lack(f"the {need} of {name} cannot be had: {cause}", LATER)
        except Error as e:
            lack = self._lack(f"the {need} of {name} cannot be read: {e}", RARELY)
            walk.found[key] = lack
            log.info("file tells nothing", filename=name, need=need, error=str(e))
        self._remember(place, key, walk.found[key])

    def _remember(self, place: Place, key: FileKey, said: Facts | Lack) -> None:
        if isinstance(said, Lack):
            self._lacks[place, key] = said
            if len(self._lacks) > MAX_LACKS:
                self._lacks.popitem(last=False)

    async def _keep(self, place: Place, facts: dict[FileKey, Facts]) -> None:
        """Keep it for other workers and the next start. It is served whether that works or not."""
        try:
            if facts:
                await self.facts.keep(*place, facts)
        except Error as e:
            log.warning("could not keep what was found out", project=place[1], error=str(e))

    def _lack(self, reason: str, wait: timedelta) -> Lack:
        again = self.clock() + wait
        plain = "".join(letter for letter in reason if letter.isprintable())[:200]
        return Lack(f"{plain}; it is looked for again from {again:%H:%M:%S} UTC on", again)


def _said(group: Group, known: Said, unknown: Lack) -> Facts | Lack:
    found = (known.get(one.file.key) for one in group.tellers)
    return next((each for each in found if each is not None), unknown)
