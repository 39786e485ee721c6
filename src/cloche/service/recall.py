"""What becomes of kept files that their upstream has taken back."""

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from cloche.core.advisories import Advisory
from cloche.core.errors import Denied
from cloche.core.model import BESIDE, FileKey, Held, Page, ProjectName
from cloche.core.recalls import Recall, distributions, flagged, over, sentence, vanished, yanked
from cloche.core.upstreams import Policy
from cloche.ports import Holdings, Recalls


@dataclass(frozen=True, slots=True)
class Recaller:
    """One upstream's."""

    upstream: str
    policy: Policy
    holdings: Holdings
    recalls: Recalls

    async def follow(
        self,
        project: ProjectName,
        before: Callable[[], Awaitable[Page | None]],
        after: Page | None,
        at: datetime,
    ) -> None:
        """Take note of what a page's change, or its end, means for the files that are kept.

        Costs one question where nothing of the project is kept.
        """
        held = distributions(await self.holdings.files(self.upstream, project))
        if not held:
            return
        was, known = await before(), await self.recalls.of(self.upstream, project)
        gone = list(vanished(was, after, held))
        if {(e.key, e.filename, e.why) for e in gone} != {
            (e.key, e.filename, e.why) for e in known
        }:
            await self.recalls.settle(self.upstream, project, gone, at)
        await self.recalls.tell(list(yanked(was, after, held)), at)

    async def over(self, project: ProjectName, page: Page) -> Page:
        """The page with the kept files that are deleted upstream, if the policy is to keep."""
        if self.policy.deleted != "keep":
            return page
        gone = await self.recalls.of(self.upstream, project)
        return over(page, gone, await self._kept(project)) if gone else page

    async def instead(self, project: ProjectName) -> tuple[Page, int] | None:
        """What there still is of a project that is gone, and since which journal entry; or None."""
        if self.policy.deleted != "keep":
            return None
        gone = await self.recalls.of(self.upstream, project)
        page = over(Page(name=project), gone, await self._kept(project) if gone else ())
        return (page, max(each.serial for each in gone)) if page.files else None

    async def denied(self, project: ProjectName) -> dict[tuple[FileKey, str], Recall]:
        """The files that are served no more, by key and name."""
        if not self.denies:
            return {}
        gone = await self.recalls.of(self.upstream, project)
        return {(each.key, each.filename): each for each in gone}

    @property
    def denies(self) -> bool:
        return self.policy.deleted == "deny"

    async def check(self, held: Held, page: Page | None) -> None:
        """Raise Denied when a kept file, or what lies beside it, is served no more.

        That is one that is noted as gone, or came too late for that and is not on the page.
        """
        ends = (end for end in BESIDE if held.filename.endswith(end))
        name = held.filename.removesuffix(next(ends, ""))
        recall = (await self.denied(held.project)).get((held.key, name))
        if recall is not None:
            raise self._denied(held, sentence(recall))
        if page is not None and page.find(name) is None:
            raise self._denied(held, "listed upstream no longer")

    def _denied(self, held: Held, what: str) -> Denied:
        return Denied(
            f"{held.filename} is withheld: it is {what}, and upstream.{self.upstream}.recall "
            "denies such files; choose another version, or ask whoever manages the index",
            {
                "by": self.upstream,
                "rule": "recall",
                "kind": "recall",
                "reason": what,
                "clock": None,
                "until": None,
            },
        )

    async def _kept(self, project: ProjectName) -> Collection[tuple[FileKey, str]]:
        held = await self.holdings.files(self.upstream, project)
        return {(each.key, each.filename) for each in held}


@dataclass(frozen=True, slots=True)
class Flags:
    """Tells of kept files that advisories are about."""

    upstreams: Sequence[str]
    holdings: Holdings
    recalls: Recalls

    async def raised(
        self, bulletins: Sequence[Mapping[ProjectName, Advisory]], at: datetime
    ) -> None:
        """Journal each kept file that these are about, once for each advisory."""
        about: dict[ProjectName, list[Advisory]] = {}
        for bulletin in bulletins:
            for project, advisory in bulletin.items():
                about.setdefault(project, []).append(advisory)
        for upstream in self.upstreams:
            for project in sorted(about.keys() & set(await self.holdings.projects(upstream))):
                held = await self.holdings.files(upstream, project)
                await self.recalls.tell(list(flagged(about[project], held)), at)
