"""What requirements come to: versions, and the files of these, with all that they need again.

Each environment is by itself: what is newest for one may not be for all, so all that any of them
needs is kept.
"""

import asyncio
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from cloche.core.choosing import Rules
from cloche.core.model import File, Page, ProjectName
from cloche.core.needs import (
    MAX_LINES,
    Lines,
    Need,
    Release,
    is_locked,
    lines_of,
    releases,
    required,
    satisfying,
    wanted,
)
from cloche.core.targets import WHEEL
from cloche.core.wants import Want
from cloche.service.abreast import each

MOST = 100_000  # needs that are followed
MAX_EXTRAS = 500  # of them, those of one project with extras, in one environment

Asked = tuple[int, Need]
"""A need, and the place of its environment."""


class Library(Protocol):
    """Where pages and metadata are known from."""

    async def page(self, project: ProjectName) -> Page | None:
        """What is wanted of the project may be of this; None: nobody knows it."""

    async def requires(self, project: ProjectName, file: File) -> tuple[str, ...] | None:
        """The file's `Requires-Dist`; None: it does not say them, or not yet."""


@dataclass(slots=True)
class Needed:
    """What was found. `because` says who needs something first; the files are by name."""

    asked: dict[ProjectName, set[Asked]] = field(default_factory=dict)
    files: dict[ProjectName, dict[str, File]] = field(default_factory=dict)
    because: dict[Asked, Release] = field(default_factory=dict)
    unmet: dict[Need, str] = field(default_factory=dict)
    untold: dict[Release, str] = field(default_factory=dict)
    count: int = 0
    extras: Counter[tuple[int, ProjectName]] = field(default_factory=Counter)

    @property
    def notes(self) -> tuple[str, ...]:
        """What is not known, or not to be had, in words."""
        unmet = (f"{need}: {why}" for need, why in self.unmet.items())
        many = {project for (_, project), count in self.extras.items() if count > MAX_EXTRAS}
        left = f"is needed with over {MAX_EXTRAS} sets of extras, of which the others are left out"
        return (*unmet, *self.untold.values(), *(f"{each} {left}" for each in sorted(many)))

    def take(self, asked: Asked) -> bool:
        """Whether this is new, and may be followed."""
        at, need = asked
        those = self.asked.setdefault(need.project, set())
        if asked in those or self.count >= MOST or self._has_many(at, need):
            return False
        those.add(asked)
        self.count += 1
        return True

    def _has_many(self, at: int, need: Need) -> bool:
        """Whether it is one too many with extras: each may name all others of its own project."""
        if need.extras:
            self.extras[at, need.project] += 1
        return self.extras[at, need.project] > MAX_EXTRAS and bool(need.extras)


@dataclass(frozen=True, slots=True)
class Closure:
    """`environments` say for whom; what the lines of `wants` say of versions bounds all."""

    library: Library
    environments: Sequence[Rules]
    wants: Sequence[Want] = ()
    jobs: int = 1
    _lines: Lines = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_lines", lines_of(self.wants))

    async def of(self, whole: Iterable[ProjectName] = ()) -> Needed:
        """All that the lines need, and these projects, and what all that needs again.

        Raise what the library raises.
        """
        walk = _Walk(self, Needed(), {})
        roots = [Need(project) for project in whole]
        waiting = [
            (at, need)
            for at, rules in enumerate(self.environments)
            for need in (*roots, *wanted(self.wants, rules.targets))
        ]
        while waiting:
            waiting = await walk.level(waiting)
        return walk.needed

    def files(self, page: Page, asked: Collection[Asked]) -> dict[str, File]:
        """Those of a project's page that satisfy what is asked of it."""
        return {
            file.filename: file
            for at, need in asked
            for file in satisfying(page, need, self.lines(page.name), self.environments[at])
        }

    def lines(self, project: ProjectName) -> Sequence[Want]:
        return self._lines.get(project, ())


@dataclass(frozen=True, slots=True)
class _Walk:
    closure: Closure
    needed: Needed
    told: dict[tuple[ProjectName, str], tuple[str, ...] | None]  # by filename
    begun: set[tuple[int, tuple[str, ...]]] = field(default_factory=set)  # by environment

    async def level(self, waiting: Iterable[Asked]) -> list[Asked]:
        """What all of these need that is new."""
        new: dict[ProjectName, list[Asked]] = {}
        for asked in waiting:
            if self.needed.take(asked):
                new.setdefault(asked[1].project, []).append(asked)
        found: list[Asked] = []

        async def follow(project: ProjectName) -> None:
            found.extend(await self.follow(project, new[project]))

        await each(new, self.closure.jobs, follow)
        return found

    async def follow(self, project: ProjectName, asked: Sequence[Asked]) -> list[Asked]:
        """What the files need that satisfy this."""
        page = await self.closure.library.page(project)
        kept = self.needed.files.setdefault(project, {})
        if page is None:
            return []
        found: list[Asked] = []
        for at, need in asked:
            await asyncio.sleep(0)  # metadata may hold a thousand requirements, which take 10 ms
            files = self.closure.files(page, [(at, need)])
            kept.update(files)
            if not files:
                self._unmet(at, need)
            targets = self.closure.environments[at].targets
            if is_locked(self.closure.lines(project), targets):
                continue
            for release, some in releases(project, files.values()).items():
                lines = await self._said(release, some)
                read = at, tuple(file.filename for file in some)
                again = read in self.begun
                self.begun.add(read)
                for each_need in required(lines, need, release.version, targets, again=again):
                    self.needed.because.setdefault((at, each_need), release)
                    found.append((at, each_need))
        return found

    def _unmet(self, at: int, need: Need) -> None:
        by = self.needed.because.get((at, need))
        if by is not None:  # of what a line names itself, who chooses tells
            self.needed.unmet[need] = f"{by} needs it, and no version satisfies it"

    async def _said(self, release: Release, files: Sequence[File]) -> Sequence[str]:
        """What the release requires: all that its wheels say, else what an sdist does."""
        wheels = [file for file in files if file.filename.endswith(WHEEL)]
        said = [lines for file in wheels if (lines := await self._told(release, file)) is not None]
        if not said and not wheels:
            said = [lines for f in files if (lines := await self._told(release, f)) is not None][:1]
        if not said:
            why = "its metadata could not be had"
            if not wheels:
                why = "it only comes as an sdist that does not say them"
            self.needed.untold[release] = f"dependencies of {release} are not known: {why}"
        return tuple(dict.fromkeys(line for lines in said for line in lines))[:MAX_LINES]

    async def _told(self, release: Release, file: File) -> tuple[str, ...] | None:
        key = (release.project, file.filename)
        if key not in self.told:
            self.told[key] = await self.closure.library.requires(release.project, file)
        return self.told[key]
