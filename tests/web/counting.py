"""What a request costs the thread of the event loop, counted: the same on every machine."""

import asyncio
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

import uvicorn

from cloche.app.application import Application
from cloche.config import load
from cloche.web.protocol import Protocol

SECONDS = 60.0
IN_VAIN, TIMES = 10, 20


@dataclass
class Count:
    """Bytecode instructions, and calls of functions that are not written in Python."""

    steps: int = 0
    calls: int = 0

    def begin(self) -> None:
        sys.setprofile(self._profile)
        sys.settrace(self._trace)

    def end(self) -> None:
        sys.settrace(None)
        sys.setprofile(None)

    def _trace(self, frame: FrameType, event: str, argument: Any) -> Any:
        del event, argument
        if frame.f_code is Count.end.__code__:
            return None
        frame.f_trace_lines, frame.f_trace_opcodes = False, True
        return self._step

    def _step(self, frame: FrameType, event: str, argument: Any) -> Any:
        del frame, argument
        self.steps += event == "opcode"
        return self._step

    def _profile(self, frame: FrameType, event: str, argument: Any) -> None:
        del argument
        self.calls += event == "c_call" and frame.f_code is not Count.end.__code__


@dataclass
class Counted:
    """A server in a thread, whose requests can be counted."""

    port: int
    server: uvicorn.Server
    loop: asyncio.AbstractEventLoop | None = None
    ready: threading.Event = field(default_factory=threading.Event)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def least(self, ask: Callable[[], object]) -> Count:
        """Ask often, and return the least that it took: now and then a chore falls in.

        The first rounds do not count: from 3.12 on, Python tells of the instructions of a function
        only from its next call on.
        """
        counts = [self._count(ask) for _ in range(IN_VAIN + TIMES)][IN_VAIN:]
        return Count(min(one.steps for one in counts), min(one.calls for one in counts))

    def _count(self, ask: Callable[[], object]) -> Count:
        count = Count()
        self._do(count.begin)
        try:
            ask()
        finally:
            self._do(count.end)
        return count

    def _do(self, action: Callable[[], None]) -> None:
        """Do it in the loop's thread, between two things that it does."""
        done = threading.Event()

        def act() -> None:
            action()
            done.set()

        assert self.loop is not None
        self.loop.call_soon_threadsafe(act)
        assert done.wait(SECONDS)


class _Heard(uvicorn.Server):
    """Tells which loop it runs in."""

    def __init__(self, config: uvicorn.Config, started: Callable[[], None]) -> None:
        super().__init__(config)
        self._started = started

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._started()


@contextmanager
def counted(data: Path) -> Iterator[Counted]:
    """Serve inside the `with`, as `cloche serve --offline` does with one worker."""
    settings = load(None, data, {"server.offline": True}, environ={})
    config = uvicorn.Config(
        Application(settings),
        loop="uvloop",
        http=Protocol,
        ws="none",
        lifespan="on",
        timeout_keep_alive=75,
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
    )

    def started() -> None:
        made.loop = asyncio.get_running_loop()
        made.ready.set()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = _Heard(config, started)
        made = Counted(listener.getsockname()[1], server)
        thread = threading.Thread(target=server.run, args=([listener],))
        thread.start()
        try:
            assert made.ready.wait(SECONDS)
            yield made
        finally:
            server.should_exit = True
            thread.join(SECONDS)
            assert not thread.is_alive()
