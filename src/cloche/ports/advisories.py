"""What is known against versions of projects: where it comes from, and where it is kept."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from msgspec import Struct

from cloche.core.advisories import Advisory
from cloche.core.model import Digest, ProjectName


@dataclass(frozen=True, slots=True)
class Delivery:
    """All that a feed has. `documents` are read in a thread, once: None is one that is too large.

    They raise UpstreamLies when they cannot be read to the end.
    """

    documents: Iterator[bytes | None]
    validator: str | None  # by which it can be seen whether there is anything new


class Feed(Protocol):
    """A place that advisories come from, in OSV's schema. All that it sends is bounded."""

    @property
    def source(self) -> str:
        """Where that is, for people: without secrets."""

    @property
    def is_local(self) -> bool:
        """Whether asking it leaves this machine alone."""

    def fetch(self, validator: str | None) -> AbstractAsyncContextManager[Delivery | None]:
        """Ask for everything; None when nothing has changed since the validator.

        Raise UpstreamDown when it cannot be had, UpstreamLies when it is no such data.
        """


class FeedState(Struct, frozen=True, kw_only=True):
    """What a feed came to when it was loaded last."""

    name: str
    source: str
    validator: str | None
    documents: int  # that it had about projects
    skipped: int  # that could not be understood
    loaded_at: datetime  # when they were new last
    checked_at: datetime  # when it was asked last


class Bulletin(Struct, frozen=True):
    """A document of a feed: its sha256, and what it says of each project."""

    document: Digest
    about: Mapping[ProjectName, Advisory]


class Advisories(Protocol):
    """What feeds say of projects. Evictable: it is loaded again.

    A change is journaled for each project that is known in any of `places`, the names of indexes
    and upstreams: pages of others are held nowhere.
    """

    async def of(self, feeds: Sequence[str], project: ProjectName) -> tuple[Advisory, ...] | None:
        """All that these feeds say of it; None when one of them has never been loaded."""

    async def feed(self, name: str) -> FeedState | None:
        """None when it has never been loaded."""

    async def documents(self, feed: str) -> set[Digest]:
        """Those that are kept."""

    async def add(
        self, feed: str, told: Sequence[Bulletin], at: datetime, places: Sequence[str]
    ) -> None:
        """Keep documents, each once."""

    async def remove(
        self, feed: str, documents: Collection[Digest], at: datetime, places: Sequence[str]
    ) -> None:
        """Forget documents that the feed has no more."""

    async def loaded(self, state: FeedState) -> None:
        """Everything that it had is kept."""
