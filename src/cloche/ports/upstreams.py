"""What other places offer, and how they are asked."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from typing import Protocol, runtime_checkable

from msgspec import Struct

from cloche.core.model import Artifact, ProjectName


class Document(Struct, frozen=True, kw_only=True):
    """A project's page as an upstream sent it, after decompression: received facts."""

    body: bytes
    content_type: str
    url: str  # after redirects: what relative links are relative to


class Received(Struct, frozen=True, kw_only=True):
    """An upstream's answer about one project. `document` is None for "as before" (304)."""

    document: Document | None
    etag: str | None
    max_age: int | None  # seconds, from Cache-Control; None when the upstream says nothing
    serial: int | None = None  # of the project's last change, as far as this answer knows


class Transfer(Struct, frozen=True, kw_only=True):
    """A file on its way. `start` is where the upstream really begins, 0 if it ignored the Range."""

    start: int
    total: int | None  # bytes of the whole file, when known
    etag: str | None  # a strong validator to resume with
    chunks: AsyncIterator[bytes]


@runtime_checkable
class Greetable(Protocol):
    """An upstream that is far enough away to be met before it is asked."""

    async def greet(self) -> None:
        """Have a connection at hand for the first question. Say nothing, and raise nothing."""


@runtime_checkable
class Foretelling(Protocol):
    """An upstream that may say in one answer what otherwise takes two: a page, then metadata."""

    async def requires_dist(self, project: ProjectName) -> list[str] | None:
        """What the project's newest release requires (core metadata's Requires-Dist), as it says.

        None where it does not say so. It is good for a guess alone. Raise UpstreamDown or
        UpstreamLies as `Upstream.page` does.
        """


class Upstream(Protocol):
    """Somewhere else that projects come from. Every answer is bounded in size and time."""

    @property
    def name(self) -> str:
        """As the configuration names it."""

    async def page(self, project: ProjectName, etag: str | None) -> Received:
        """Ask for one project, never for the list of all.

        Raise NoSuchProject only when the upstream says so, UpstreamDown when it cannot be
        reached or is unwell, UpstreamLies when what it sends is no page, Denied when it says by
        which rule of its own it withholds the project.
        """

    def transfer(
        self, artifact: Artifact, start: int, etag: str | None
    ) -> AbstractAsyncContextManager[Transfer]:
        """Open a file from byte `start` on, if it still is the one with `etag`.

        Raise NoSuchFile when the upstream has it no longer, Denied when it withholds the file by
        a rule, TransferBroken (also while its
        chunks are read) when the connection fails or stalls, TooLarge beyond the bound.
        """

    async def close(self) -> None:
        """Give back the connections."""
