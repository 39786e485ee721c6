"""A place that static files are written to."""

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import Protocol, runtime_checkable

from cloche.core.model import Digest

Chunks = Callable[[], AsyncGenerator[bytes, None]]
"""Gives a file's bytes, each time from the beginning."""


class Site(Protocol):
    """Files by their paths: relative, with slashes. Nobody who reads sees half of one.

    Only regular files count, and no symbolic link is followed. Everything raises StorageFull,
    StorageDown, or BadSetting when it cannot be used as it is.
    """

    lasting: bool
    """Whether what was written stays so: else a loss of power, or people, may have cut it short."""

    async def begin(self) -> None:
        """Make it ready to be written, and clear away what crashes left."""

    async def read(self, path: str) -> bytes | None:
        """A small file, or None when there is none."""

    async def sizes(self, paths: Sequence[str]) -> list[int | None]:
        """How many bytes each file has; None for one that is not there."""

    async def write(self, path: str, data: bytes) -> None:
        """Put these bytes in place of what there is."""

    async def put(self, path: str, digest: Digest, chunks: Chunks) -> None:
        """Put a file there whose bytes have this sha256.

        Raise DigestMismatch, and leave what there is, when they are others; TooLarge when the
        name is too long for the place.
        """

    async def remove(self, paths: Sequence[str]) -> None:
        """Take these away, and folders that have nothing left in them."""

    def names(self, folder: str) -> AsyncIterator[str]:
        """The names of what lies in the folder, in no order; of all if that is empty."""


@runtime_checkable
class OnDisk(Protocol):
    """A blob store whose blobs are files of this machine, which may be linked to."""

    def path(self, digest: Digest) -> Path:
        """Where the blob is, if it is there."""
