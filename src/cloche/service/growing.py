"""The bytes of a file on its way: in memory if they come at once, else in the spool.

The spool costs a small file six switches of threads and as many calls of the disk. But only
there other processes can read along, and the next one can go on.
"""

import asyncio
import hashlib
import weakref
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from cloche.core.errors import UpstreamLies
from cloche.core.model import HASH_LENGTHS, Digest
from cloche.ports import Blobs, Note, Partial

SMALL = 1 << 20  # bytes of a file that may come in memory
ROOM = 32 << 20  # bytes that all of them together may take in a process
MOMENT = 1.0  # seconds that other processes, and the next one, do without what has come


class Growing:
    """What has come of one file. All of it is in one place: in memory or in the spool."""

    def __init__(self, partial: Partial, room: "Room") -> None:
        self._partial = partial
        self._room = room
        self._hand: _Handful | None = None
        self._spilling: asyncio.Task[None] | None = None
        self._opened = False

    @property
    def in_memory(self) -> bool:
        return self._hand is not None

    def place(self, total: int | None, hashes: set[str]) -> bool:
        """Settle where it goes to; return whether that is memory."""
        if not self._opened:
            self._hand = self._room.take(total, hashes)
        return self.in_memory

    @property
    def size(self) -> int:
        return (self._hand or self._partial).size

    @property
    def digests(self) -> dict[str, str]:
        return (self._hand or self._partial).digests

    def read(self, start: int, most: int) -> bytes:
        return (self._hand or self._partial).read(start, most)

    async def open(self, hashes: set[str]) -> Note | None:
        """Go on in the spool; return the note of the attempt that is resumed, if any.

        Without hashes nothing is resumed.
        """
        self._hand = None
        self._opened = True
        return await self._partial.start(hashes, resume=bool(hashes))

    @asynccontextmanager
    async def taking(self, note: Note, hashes: set[str]) -> AsyncIterator[None]:
        """Be ready for what is written meanwhile. What has come by an error is in the spool."""
        if self._hand is None:
            await self._into_the_spool(note, hashes)
            yield
            return
        loop = asyncio.get_running_loop()
        timer = loop.call_later(MOMENT, self._begin_to_spill, note, hashes)
        try:
            yield
        except BaseException:
            if hashes and self._spilling is None and self.size:
                await self._spill(note, hashes)
            raise
        finally:
            timer.cancel()
            if self._spilling is not None:
                await self._spilling

    async def write(self, data: bytes) -> None:
        """Append. Raise StorageFull; UpstreamLies when it is more than was announced."""
        if self._hand is not None:
            self._hand.write(data)
        else:
            await self._partial.write(data)

    async def keep(self, blobs: Blobs, digest: Digest) -> None:
        """Put it into the store. Raise StorageFull."""
        if self._hand is not None:
            data = self._hand.read(0, self._hand.size)
            await blobs.keep({digest: data}, lasting=False)
        else:
            await blobs.put(self._partial.spooled, lasting=False)

    def _begin_to_spill(self, note: Note, hashes: set[str]) -> None:
        self._spilling = asyncio.get_running_loop().create_task(self._spill(note, hashes))

    async def _spill(self, note: Note, hashes: set[str]) -> None:
        """Move to the spool, while more is written here until that has caught up."""
        await self._into_the_spool(note, hashes)
        hand = self._hand
        while hand is not None and self._partial.size < hand.size:
            await self._partial.write(hand.read(self._partial.size, SMALL))
        self._hand = None

    async def _into_the_spool(self, note: Note, hashes: set[str]) -> None:
        if not self._opened:
            self._opened = True
            await self._partial.start(hashes, resume=bool(hashes))
        await self._partial.note(note)


@dataclass(slots=True)
class Room:
    """How much memory a process has for files on their way."""

    left: int = ROOM

    def take(self, size: int | None, hashes: set[str]) -> "_Handful | None":
        """Make room for a file until nobody has it any more; None when it must be spooled."""
        if size is None or size > min(SMALL, self.left):
            return None
        self.left -= size
        hand = _Handful(size, hashes)
        weakref.finalize(hand, self._give_back, size)
        return hand

    def _give_back(self, size: int) -> None:
        self.left += size


class _Handful:
    """Bytes in memory, hashed as they come."""

    def __init__(self, most: int, hashes: set[str]) -> None:
        self._most = most
        self._data = bytearray(most)  # at once: growing piece by piece copies all of it nine times
        self._size = 0
        names = {"sha256", *hashes} & HASH_LENGTHS.keys()
        self._hashes = {name: hashlib.new(name) for name in names}

    @property
    def size(self) -> int:
        return self._size

    def write(self, data: bytes) -> None:
        end = self._size + len(data)
        if end > self._most:
            raise UpstreamLies(f"an upstream sends more than the {self._most} bytes it announced")
        self._data[self._size : end] = data
        self._size = end
        for each in self._hashes.values():
            each.update(data)

    def read(self, start: int, most: int) -> bytes:
        return bytes(memoryview(self._data)[start : min(start + most, self._size)])

    @property
    def digests(self) -> dict[str, str]:
        return {name: each.hexdigest() for name, each in self._hashes.items()}
