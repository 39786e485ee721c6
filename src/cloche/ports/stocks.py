"""What another system has kept: distributions that lie somewhere, with what is recorded of them."""

from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import Literal, Protocol

from msgspec import Struct

from cloche.core.model import ProjectName
from cloche.ports.spool import Hashed, Scratch
from cloche.ports.upstreams import Document

Way = Literal["copy", "link", "move", "look"]
"""How bytes are had: a copy, the same file under another name, that and no more there; or no more
than looked at."""


class Find(Struct, frozen=True, kw_only=True, gc=False):
    """A distribution that lies there. What no record states is empty, or None."""

    path: str  # with slashes, from where the stock begins
    filename: str
    size: int
    modified: datetime  # the file itself, as its file system says
    hashes: Mapping[str, str] = {}  # md5, sha256, blake2_256
    uploaded_at: datetime | None = None
    uploaded_by: str | None = None
    yanked: bool | str = False
    signature: str | None = None  # path of the OpenPGP signature beside it, if there is one


class Left(Struct, frozen=True, gc=False):
    """Something that cannot be brought, and why."""

    path: str
    why: str


class Guide(Struct, frozen=True, kw_only=True):
    """A zip archive of a project's documentation."""

    path: str
    project: ProjectName
    size: int


class Lot(Struct, frozen=True, kw_only=True):
    """What is brought in one go, in this order: a project's files, or one file.

    `page` is what an upstream said of the project, where the system keeps that.
    """

    finds: tuple[Find, ...] = ()
    left: tuple[Left, ...] = ()
    project: ProjectName | None = None
    page: Document | None = None
    guide: Guide | None = None


class Stock(Protocol):
    """All that a system has kept. Nothing is changed there but by `remove`."""

    @property
    def kind(self) -> str:
        """Which system it was."""

    @property
    def passed(self) -> int:
        """How many files that are no distributions were passed over so far."""

    def lots(self) -> AsyncIterator[Lot]:
        """All of it, without holding it in memory.

        Raise BadSetting when it cannot be read as what it is taken for.
        """

    def taken(self, path: str, scratch: Scratch, way: Way) -> AbstractAsyncContextManager[Hashed]:
        """Have a file's bytes, hashed; in `scratch`, unless they are only looked at.

        Raise NoSuchFile when it is gone, or leads out of the stock, StorageFull.
        """

    async def read(self, path: str, most: int) -> bytes | None:
        """A small file's bytes; None when there is none, or when it has more than `most`."""

    async def remove(self, path: str) -> None:
        """Take a file away that was brought."""
