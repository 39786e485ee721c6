"""Mirrors: what of an upstream is to be here ahead of need, and how far that has come."""

import re
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated, Literal

from msgspec import Meta, Struct

from cloche.core.errors import BadName
from cloche.core.model import ProjectName
from cloche.core.patterns import Names, names

FEW = 20  # projects: of a list so short any part may go at once
LEAST = 0.5  # of the projects that were listed must be listed still, if nobody says otherwise
MAX_PATTERN = 1000  # characters of a regular expression

FIRST_WAIT, LONGEST_WAIT = timedelta(seconds=30), timedelta(hours=6)

Mode = Literal["on_demand", "pages", "all"]
Gone = Literal["drop", "keep", "hide"]

JOBS = 96


class Environment(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An item of `environments`: for whom dependencies are resolved."""

    python: str
    platform: str


class Mirror(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[upstream.NAME.mirror]`."""

    mode: Mode = "on_demand"
    projects: tuple[str, ...] = ()  # none: all that the upstream lists
    requirements: tuple[str, ...] = ()  # paths: what these name is chosen too
    dependencies: bool = False  # of what is chosen too
    environments: tuple[Environment, ...] = ()  # for which; none: those of any client
    every: Annotated[float, Meta(ge=1)] | None = None  # seconds between two runs of a server
    gone: Gone | None = None  # None: as `recall` says
    jobs: Annotated[int, Meta(ge=1, le=512)] = JOBS


class State(StrEnum):
    """How a project stands."""

    DUE = "due"  # listed, and not looked at since
    HELD = "held"  # all of it that is wanted is here
    FAILED = "failed"  # something of it could not be had
    LOST = "lost"  # listed no longer, which is still to be followed
    LEFT = "left"  # chosen no longer, which is still to be followed
    GONE = "gone"  # listed no longer, and that was followed


class Mirrored(Struct, frozen=True, kw_only=True):
    """How far one project of an upstream has come. Files and bytes are those that are wanted."""

    project: ProjectName
    state: State
    listed: int  # its serial, as the list of projects has it; 0 where that has none
    seen: int | None = None  # the serial under which its page was taken last
    tries: int = 0  # in vain, in a row
    due_at: datetime | None = None  # when to look at it again; None: when it changes
    cause: str = ""  # of the last failure
    files: int = 0
    size: int = 0
    lacking: int = 0  # files that could not be had
    lacking_size: int = 0


class Difference(Struct, frozen=True, gc=False):
    """A project that is not as it was: `state` is what it becomes."""

    project: ProjectName
    listed: int
    state: State
    is_new: bool = False


class Choice:
    """Which projects are chosen: names, globs, and regular expressions between slashes."""

    def __init__(self, patterns: Iterable[str]) -> None:
        """Raise BadName."""
        self.says = tuple(patterns)
        plain = [each for each in self.says if not _is_expression(each)]
        self._names: Names = names(plain)
        self._expressions = tuple(_expression(each) for each in self.says if _is_expression(each))

    @property
    def exact(self) -> frozenset[ProjectName] | None:
        """The projects, where nobody needs a list to tell them; None where a list is needed."""
        if not self.says or self._expressions or self._names.globs is not None:
            return None
        return self._names.exact

    def match(self, project: ProjectName) -> bool:
        if not self.says or self._names.match(project):
            return True
        return any(each.search(project) for each in self._expressions)


def _is_expression(pattern: str) -> bool:
    return len(pattern) > 1 and pattern.startswith("/") and pattern.endswith("/")


def _expression(pattern: str) -> re.Pattern[str]:
    try:
        if len(pattern) > MAX_PATTERN:
            raise BadName(f"a pattern has over {MAX_PATTERN} characters; split it")
        return re.compile(pattern[1:-1])
    except (re.error, RecursionError, OverflowError) as e:
        raise BadName(
            f"{pattern!r} is no regular expression ({e}); write one as Python's re reads it"
        ) from None


def is_plausible(before: int, after: int) -> bool:
    """Whether a list of projects may be that much shorter than the one before."""
    return after > 0 and (before <= FEW or after >= before * LEAST) if before else True


def again(now: datetime, tries: int, chance: float) -> datetime:
    """When to try once more after so many failures; `chance` is from 0 to 1, to spread them."""
    wait = min(LONGEST_WAIT, FIRST_WAIT * (1 << min(tries, 20)))
    return now + wait * (0.5 + chance / 2)


def policy(gone: Gone | None, deleted: Literal["keep", "hide", "deny"]) -> Gone:
    """What becomes of what is gone upstream: one answer, of two keys that may say it."""
    same: Mapping[str, Gone] = {"keep": "keep", "hide": "hide", "deny": "drop"}
    return gone or same[deleted]


def recalled(gone: Gone) -> Literal["keep", "hide", "deny"]:
    """The same, as `[upstream.NAME.recall]` says it."""
    return "deny" if gone == "drop" else gone
