"""Mirrors: bringing an upstream's projects ahead of need, and following what it takes back.

One row of state a project, committed as it goes: whatever ends a run, the next one goes on from
there. What is to be looked at is found by comparing the upstream's list with the rows.
"""

import asyncio
from collections.abc import AsyncIterator, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from msgspec.structs import replace

from cloche.core.errors import BadSetting, Error, NoSuchProject, UpstreamLies
from cloche.core.mirrors import (
    Difference,
    Mirrored,
    State,
    is_plausible,
)
from cloche.core.model import ProjectName
from cloche.core.plan import Done, Plan
from cloche.core.policy import FOREVER
from cloche.ports import (
    Clock,
    Ledger,
    Mirroring,
    Mirrors,
    Roll,
    Rolled,
    Standings,
    Upstream,
)
from cloche.service.alone import Alone
from cloche.service.crew import Crew
from cloche.service.listing import Listing
from cloche.service.needing import Needing
from cloche.service.one import One, Result, Watch

BATCH = 1000  # rows that are read at once
MOST_FAILED = 100_000  # projects that are tried again at once
NEVER = 2**63 - 1


@dataclass(frozen=True, slots=True)
class _Listed:
    """What a run starts from."""

    rolled: Rolled | None  # None: as before
    differences: Sequence[Difference] = ()
    others: Sequence[Mirrored] = ()  # in a dry run: what a change of policy has looked at too
    until: datetime = FOREVER  # when rules would choose other names


@dataclass
class Sync:
    """One upstream's."""

    plan: Plan
    upstream: Upstream
    one: One
    crew: Crew
    mirrors: Mirrors
    standings: Standings
    ledger: Ledger
    alone: Alone
    clock: Clock
    needing: Needing | None = None  # what the chosen ones need is wanted too
    _serial: int = field(default=0, init=False)

    async def run(self, watch: Watch) -> Done:
        """Do it all. Raise Occupied when somebody does, and what ends the whole: no room, no list.

        What one project lacks is told to `watch`, and recorded.
        """
        if self.plan.dry:
            return await self._run(watch)
        async with self.alone.doing(f"the sync of upstream {self.plan.upstream}"):
            try:
                return await self._run(watch)
            finally:
                await self.crew.close()

    async def _run(self, watch: Watch) -> Done:
        before, start = await self.mirrors.find(self.plan.upstream), self.clock()
        self._serial = (await self.ledger.changes(NEVER)).serial
        rolled = await self._asked(before)
        await self._look_for_needs(rolled)
        listed = await self._listed(before, rolled)
        if self.plan.dry:
            rows = self._dry_rows(listed, start)
            return self._noted(await self._drain(rows, watch, Done(upstream=self.plan.upstream)))
        after = await self._mark(before, listed, start, first=True)
        done = await self._drain(self._due(start), watch, Done(upstream=self.plan.upstream))
        while await self._look_for_needs(rolled):
            start = self.clock()
            listed = await self._listed(after, rolled)
            after = await self._mark(after, listed, start, first=False)
            done = await self._drain(self._due(start), watch, done)
        await self.mirrors.record(
            self.plan.upstream,
            replace(after, complete_serial=after.serial, complete_at=self.clock()),
        )
        return self._noted(done)

    def _noted(self, done: Done) -> Done:
        return done if self.needing is None else replace(done, notes=self.needing.needed.notes)

    async def _look_for_needs(self, rolled: Rolled | None) -> bool:
        """Find out what the chosen projects need, as far as what is kept tells; whether it grew."""
        if self.needing is None or rolled is None:
            return False
        return await self.needing.look(rolled.projects)

    @property
    def _needed(self) -> frozenset[ProjectName]:
        return frozenset() if self.needing is None else self.needing.projects

    # The list --------------------------------------------------------------------------------

    async def _asked(self, before: Mirroring) -> Rolled | None:
        """Ask which projects there are; None for "as before". One request."""
        same = before.policy == self.plan.policy and not self.plan.dry and self.needing is None
        named_again = before.until is not None and self.clock() >= before.until
        rolled = await self._rolled(before.etag if same and not named_again else None)
        if rolled is None or self.plan.shrink or not self.one.is_listed:
            return rolled
        if not is_plausible(before.projects, len(rolled.projects)):
            raise UpstreamLies(
                f"{self.plan.upstream} lists {len(rolled.projects)} projects, and listed "
                f"{before.projects} before: nothing is dropped for that; if it is right, say "
                "--allow-shrink"
            )
        return rolled

    async def _listed(self, before: Mirroring, rolled: Rolled | None) -> _Listed:
        """Compare what is listed with what was."""
        if rolled is None:
            return _Listed(None, until=before.until or FOREVER)
        if not self.one.is_listed:
            named = rolled.projects.keys() | self._needed
            rolled = replace(rolled, projects=dict.fromkeys(named, 0))
        listings = await self.one.judges.listings()
        chosen, others = await asyncio.to_thread(self._chosen, rolled, listings)
        found = await self.mirrors.compare(self.plan.upstream, chosen, others)
        rest: list[Mirrored] = []
        if self.plan.dry and (before.policy != self.plan.policy or self.plan.full):
            named = {each.project for each in found}
            rest = [
                Mirrored(project=name, state=State.HELD, listed=serial, seen=serial)
                for name, serial in chosen.items()
                if name not in named
            ]
        until = min((each.until for each in listings), default=FOREVER)
        return _Listed(rolled, found, rest, until)

    async def _rolled(self, etag: str | None) -> Rolled | None:
        if isinstance(self.upstream, Roll):
            try:
                return await self.upstream.roll(etag)
            except NoSuchProject:
                pass
        exact = self.plan.choice.exact
        if exact is None:
            raise BadSetting(
                f"{self.plan.upstream} has no list of its projects; name each of those that are "
                f"wanted as projects under [upstream.{self.plan.upstream}.mirror]"
            )
        self.one.is_listed = False
        return Rolled(projects=dict.fromkeys(exact, 0))

    def _chosen(
        self, rolled: Rolled, listings: Sequence[Listing]
    ) -> tuple[Mapping[ProjectName, int], Collection[ProjectName]]:
        """What is listed, parted in two: what is wanted, and the rest."""
        name, choice = self.plan.upstream, self.plan.choice
        if not choice.says and any(name in each.ways.of_all for each in listings):
            return rolled.projects, ()  # to ask for each of 700,000 names takes two seconds
        chosen = {
            project: serial
            for project, serial in rolled.projects.items()
            if (choice.match(project) or project in self._needed)
            and any(name in each.ways.of(project) for each in listings)
        }
        if len(chosen) == len(rolled.projects):
            return chosen, ()
        return chosen, rolled.projects.keys() - chosen.keys()

    async def _mark(
        self, before: Mirroring, listed: _Listed, start: datetime, *, first: bool
    ) -> Mirroring:
        """Write down what is to be looked at, and then, that the list was."""
        name = self.plan.upstream
        await self.mirrors.mark(name, listed.differences, start)
        if self.needing is not None and self.needing.lacking:
            vain = {each.project for each in await self.standings.failed(name, MOST_FAILED)}
            await self.mirrors.recheck(name, self.needing.lacking - vain, start)
        if before.policy != self.plan.policy or (self.plan.full and first):
            await self.mirrors.recheck(name, None, start)
        else:
            changed = (await self.ledger.changes(before.journal)).named
            here = {project for place, project in changed if place in self.one.places}
            await self.mirrors.recheck(name, here, start)
        if first and not self.plan.patient:
            failed = await self.standings.failed(name, MOST_FAILED)
            await self.mirrors.recheck(name, [each.project for each in failed], start)
        rolled = listed.rolled
        after = replace(
            before,
            policy=self.plan.policy,
            journal=self._serial,
            listed_at=start,
            until=None if listed.until == FOREVER else listed.until,
        )
        if rolled is not None:
            after = replace(
                after, etag=rolled.etag, serial=rolled.serial, projects=len(rolled.projects)
            )
        await self.mirrors.record(name, after)
        return after

    # The projects ----------------------------------------------------------------------------

    async def _due(self, start: datetime) -> AsyncIterator[Sequence[Mirrored]]:
        after: Mirrored | None = None
        while rows := await self.mirrors.due(self.plan.upstream, start, after, BATCH):
            yield rows
            after = rows[-1]

    async def _dry_rows(
        self, listed: _Listed, start: datetime
    ) -> AsyncIterator[Sequence[Mirrored]]:
        new = [
            Mirrored(project=each.project, state=each.state, listed=each.listed)
            for each in listed.differences
        ]
        named = {each.project for each in (*new, *listed.others)}
        yield [*new, *listed.others]
        async for rows in self._due(start):
            yield [row for row in rows if row.project not in named]

    async def _drain(
        self, batches: AsyncIterator[Sequence[Mirrored]], watch: Watch, total: Done
    ) -> Done:
        def came(result: Result) -> None:
            nonlocal total
            total = _added(total, result)

        try:
            await self.crew.drain(batches, watch, came)
        except ExceptionGroup as e:
            raise _first(e) from None
        return total


def _added(total: Done, result: Result) -> Done:
    return replace(
        total,
        projects=total.projects + 1,
        files=total.files + result.files,
        size=total.size + result.size,
        dropped=total.dropped + result.dropped,
        failed=total.failed + bool(result.causes),
    )


def _first(group: ExceptionGroup[Exception]) -> Exception:
    """The one that says most to people."""
    flat: Iterable[Exception] = group.exceptions
    return next((each for each in flat if isinstance(each, Error)), group.exceptions[0])
