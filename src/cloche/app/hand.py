"""A process that settles projects of a mirror for the one that started it.

Rows come by a socket, what came of them goes back. When the socket closes, the other process has
ended, and so does this one: its transfers can be resumed.
"""

import asyncio
import logging
import os
import signal
import socket
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass, field

import msgspec
import uvloop
from msgspec import Struct

from cloche import logs
from cloche.app.services import opened
from cloche.config import Settings
from cloche.core.errors import Error, StorageDown, StorageFull
from cloche.core.mirrors import Mirrored
from cloche.core.model import ProjectName
from cloche.core.plan import Plan
from cloche.service.one import One, Result

OFTEN = 0.2  # seconds between two words on how far it is
LENGTH = 4  # bytes that say how long a message is
END = b"\0" * LENGTH
"""The message that ends the work in good order."""


class Ready(Struct, frozen=True, tag="ready"):
    """Projects may come."""


class Told(Struct, frozen=True, tag="told"):
    """So many more files and bytes are to be brought, and have been."""

    files: int = 0
    size: int = 0
    files_done: int = 0
    size_done: int = 0

    def __add__(self, other: "Told") -> "Told":
        return Told(
            self.files + other.files,
            self.size + other.size,
            self.files_done + other.files_done,
            self.size_done + other.size_done,
        )


NOTHING = Told()


class Ended(Struct, frozen=True, tag="ended"):
    """A project is settled."""

    project: ProjectName
    result: Result


class Ceased(Struct, frozen=True, tag="ceased"):
    """What ends all of it."""

    full: bool  # there is no room; else, the storage cannot be reached
    detail: str

    @classmethod
    def of(cls, error: StorageFull | StorageDown) -> "Ceased":
        return cls(isinstance(error, StorageFull), error.detail)

    @property
    def error(self) -> Error:
        return StorageFull(self.detail) if self.full else StorageDown(self.detail)


Word = Ready | Told | Ended | Ceased


def framed(message: Struct) -> bytes:
    data = msgspec.msgpack.encode(message)
    return len(data).to_bytes(LENGTH) + data


async def frames(reader: asyncio.StreamReader) -> AsyncIterator[bytes]:
    """Messages, an empty one at the end in good order. Without that, the other has ended."""
    with suppress(asyncio.IncompleteReadError, ConnectionError):
        while True:
            length = int.from_bytes(await reader.readexactly(LENGTH))
            yield await reader.readexactly(length)


def work(settings: Settings, plan: Plan, listed: bool, end: socket.socket) -> None:  # noqa: FBT001 - by position
    """Be that process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # it is for the other one to say what that means
    logs.configure(as_json=settings.server.log == "json", level=logging.CRITICAL)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_work(settings, plan, listed, end))


async def _work(settings: Settings, plan: Plan, listed: bool, end: socket.socket) -> None:  # noqa: FBT001 - the same
    reader, writer = await asyncio.open_unix_connection(sock=end)
    # What the storage lacks is found out by the other process too, and said there.
    with suppress(StorageDown, StorageFull):
        async with opened(settings, patience=0) as services:
            one = services.syncs.one(plan)
            one.is_listed = listed
            await _Hand(one, reader, writer).run()


@dataclass
class _Hand:
    """Also the watch of what it does, which the other process is told."""

    one: One
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    _told: Told = field(default=NOTHING, init=False)

    async def run(self) -> None:
        self._say(Ready())
        async with asyncio.TaskGroup() as group:
            telling = group.create_task(self._tell_often())
            doing: set[asyncio.Task[None]] = set()
            async for frame in frames(self.reader):
                if not frame:
                    break
                row = msgspec.msgpack.decode(frame, type=Mirrored)
                task = group.create_task(self._settle(row))
                doing.add(task)
                task.add_done_callback(doing.discard)
            else:
                os._exit(1)  # whoever waited for it is gone: nothing is left to be put in order
            for each in (telling, *doing):
                each.cancel()

    async def _settle(self, row: Mirrored) -> None:
        try:
            result = await self.one.settle(row, self)
        except (StorageFull, StorageDown) as e:
            self._say(Ceased.of(e))
        else:
            self._tell()
            self._say(Ended(row.project, result))

    async def _tell_often(self) -> None:
        while True:
            await asyncio.sleep(OFTEN)
            self._tell()

    def _tell(self) -> None:
        if self._told != NOTHING:
            self._say(self._told)
            self._told = NOTHING

    def _say(self, word: Word) -> None:
        self.writer.write(framed(word))

    def expect(self, *, projects: int = 0, files: int = 0, size: int = 0) -> None:  # noqa: ARG002 - the other process counts projects
        self._told += Told(files=files, size=size)

    def done(self, *, projects: int = 0, files: int = 0, size: int = 0) -> None:  # noqa: ARG002 - the same
        self._told += Told(files_done=files, size_done=size)

    def settled(self, upstream: str, project: ProjectName, result: Result) -> None:
        """Whoever waits for it is told by `_settle`."""
