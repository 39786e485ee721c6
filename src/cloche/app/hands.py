"""Processes beside this one that settle projects of a mirror: started, given work, and ended."""

import asyncio
import signal
import socket
from typing import TYPE_CHECKING

import msgspec
from msgspec.structs import replace

from cloche.app.hand import (
    END,
    NOTHING,
    Ceased,
    Ended,
    Ready,
    Told,
    Word,
    framed,
    frames,
    work,
)
from cloche.config import Settings
from cloche.core.mirrors import Mirrored
from cloche.core.model import ProjectName
from cloche.core.plan import Plan
from cloche.service.crew import Hand, Hire
from cloche.service.one import Result, Watch

if TYPE_CHECKING:
    from multiprocessing.process import BaseProcess

PATIENCE = 5.0  # seconds that a process may take to end in good order


def hiring(settings: Settings, plan: Plan) -> Hire:
    """What starts processes for the plan, over the same data."""

    def hire(jobs: int, listed: bool) -> Hand:  # noqa: FBT001 - the protocol's
        return _Process(settings, replace(plan, jobs=jobs), listed=listed)

    return hire


class _Process:
    def __init__(self, settings: Settings, plan: Plan, *, listed: bool) -> None:
        self._upstream = plan.upstream
        ours, theirs = socket.socketpair()
        with theirs:
            self._process = _started(settings, plan, theirs, listed=listed)
        loop = asyncio.get_running_loop()
        self._ready: asyncio.Future[bool] = loop.create_future()
        self._waiting: dict[ProjectName, asyncio.Future[Result | None]] = {}
        self._writer: asyncio.StreamWriter | None = None
        self._watch: Watch | None = None
        self._lacking = NOTHING  # of what was told: to be brought still
        self._listening = loop.create_task(self._listen(ours))

    async def ready(self) -> bool:
        return await asyncio.shield(self._ready)

    async def settle(self, row: Mirrored, watch: Watch) -> Result | None:
        if self._writer is None:
            return None
        self._watch = watch
        waiting: asyncio.Future[Result | None] = asyncio.get_running_loop().create_future()
        self._waiting[row.project] = waiting
        self._writer.write(framed(row))
        result = await waiting
        if result is not None:
            watch.done(projects=1)
            watch.settled(self._upstream, row.project, result)
        return result

    async def dismiss(self) -> None:
        if self._writer is not None and self._ready.done():
            self._writer.write(END)
            await asyncio.wait({self._listening}, timeout=PATIENCE)
        if not self._listening.done():
            self._process.kill()
            await asyncio.wait({self._listening})
        await asyncio.to_thread(self._process.join)

    async def _listen(self, ours: socket.socket) -> None:
        reader, self._writer = await asyncio.open_unix_connection(sock=ours)
        try:
            async for frame in frames(reader):
                self._hear(msgspec.msgpack.decode(frame, type=Word))
        finally:
            self._writer.close()
            self._writer = None
            self._end()

    def _hear(self, word: Word) -> None:
        match word:
            case Ready():
                self._ready.set_result(True)
            case Told():
                self._tell(word)
            case Ended(project=project, result=result):
                waiting = self._waiting.pop(project, None)
                if waiting is not None and not waiting.done():
                    waiting.set_result(result)
            case Ceased():
                for waiting in self._left():
                    waiting.set_exception(word.error)

    def _tell(self, told: Told) -> None:
        if self._watch is not None:
            self._watch.expect(files=told.files, size=told.size)
            self._watch.done(files=told.files_done, size=told.size_done)
        self._lacking += told

    def _end(self) -> None:
        """What it had under way is to be done by others, who tell anew how much that is."""
        if not self._ready.done():
            self._ready.set_result(False)
        left = self._left()
        if left and self._watch is not None:
            lacking = self._lacking
            self._watch.expect(
                files=lacking.files_done - lacking.files, size=lacking.size_done - lacking.size
            )
        for waiting in left:
            waiting.set_result(None)

    def _left(self) -> list[asyncio.Future[Result | None]]:
        left = [each for each in self._waiting.values() if not each.done()]
        self._waiting.clear()
        return left


def _started(settings: Settings, plan: Plan, end: socket.socket, *, listed: bool) -> "BaseProcess":
    """A new process: a copy of this one would have the locks of its threads, but no threads."""
    from multiprocessing import get_context, resource_tracker  # noqa: PLC0415  # 50 ms, mostly for nothing

    resource_tracker.ensure_running()  # starting it lets interrupts in again
    asked = (settings, plan, listed, end)
    process = get_context("spawn").Process(target=work, args=asked, daemon=True)
    # Ctrl-C reaches the whole group, and a process that is only starting would die of it aloud.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        process.start()
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    return process
