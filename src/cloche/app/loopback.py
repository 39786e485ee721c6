"""The indexes, lent to tools on this machine for as long as a command runs."""

import asyncio
import base64
import secrets
import socket
import threading
from collections import defaultdict
from pathlib import Path
from types import TracebackType
from typing import Self

import uvicorn
from msgspec.structs import replace
from starlette.types import Receive, Scope, Send

from cloche.app.application import Application
from cloche.config import Settings
from cloche.core.access import EVERY_INDEX, Action, Principal
from cloche.core.building import Given
from cloche.core.errors import BadSetting
from cloche.ports import Lodging
from cloche.web.protocol import Protocol

HOST = "127.0.0.1"
NAME = "wheelhouse"
"""Who tools are, in the access journal."""

START = 30.0  # seconds
POLL = 0.02
BESIDE = (".metadata", ".asc", ".provenance")


class Loopback:
    """A server of one index, which only its guests may read, whoever may otherwise."""

    def __init__(self, settings: Settings, index: str) -> None:
        closed = {n: replace(i, read="authenticated") for n, i in settings.indexes.items()}
        self._settings = replace(settings, indexes=closed)
        self._index = index
        self._given: defaultdict[str, dict[Given, None]] = defaultdict(dict)
        self._secrets: set[str] = set()
        self._listener = socket.socket()
        self._server: uvicorn.Server
        self._application: Application
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def lodging(self, folder: Path) -> Lodging:
        secret = secrets.token_urlsafe(32)
        self._secrets.add(secret)
        url = f"http://{HOST}:{self._listener.getsockname()[1]}/{self._index}/simple/"
        return Lodging(index_url=url, host=HOST, secret=secret, folder=folder)

    def given(self, at: Lodging) -> tuple[Given, ...]:
        return tuple(self._given[at.secret])

    async def principal(self, user: str, secret: str) -> Principal | None:  # noqa: ARG002 - Login's
        """Who a guest is."""
        if secret not in self._secrets:
            return None
        return Principal(name=NAME, indexes=(EVERY_INDEX,), can=(Action.READ,))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            self._note(scope)
        await self._application(scope, receive, send)

    async def __aenter__(self) -> Self:
        self._listener.bind((HOST, 0))
        self._listener.listen()
        self._application = Application(self._settings, guests=self)
        config = uvicorn.Config(
            self, loop="uvloop", http=Protocol, ws="none", lifespan="on", log_config=None,
            access_log=False, server_header=False, proxy_headers=False,
        )  # fmt: skip
        self._server = uvicorn.Server(config)
        self._thread.start()
        deadline = asyncio.get_running_loop().time() + START
        while not self._server.started:
            if not self._thread.is_alive() or asyncio.get_running_loop().time() > deadline:
                raise BadSetting("the index could not be lent to the tool that builds; see above")
            await asyncio.sleep(POLL)  # a thread sets no event of this loop
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        self._server.should_exit = True
        await asyncio.to_thread(self._thread.join, START)
        self._listener.close()

    def _serve(self) -> None:
        asyncio.run(self._server.serve([self._listener]))

    def _note(self, scope: Scope) -> None:
        """Keep in mind which file a guest asks for."""
        path: str = scope["path"]
        if not path.startswith("/packages/") or path.endswith(BESIDE):
            return
        key, filename = path.split("/")[-2:]
        header = next((v for n, v in scope["headers"] if n == b"authorization"), b"")
        secret = _secret(header)
        if secret in self._secrets:
            self._given[secret][Given(filename, key)] = None


def _secret(header: bytes) -> str:
    try:
        return base64.b64decode(header.partition(b" ")[2]).decode().partition(":")[2]
    except ValueError:
        return ""
