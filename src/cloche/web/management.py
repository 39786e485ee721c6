"""The door of the management API: behind it all is imported and built when the first one knocks."""

import asyncio
from dataclasses import dataclass, field

from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from cloche.core.errors import BadRequest, TooLarge
from cloche.web.gate import Gate
from cloche.web.managed import Managed

MAX_BODY = 64 << 10  # bytes


@dataclass(eq=False)
class Management:
    managed: Managed
    gate: Gate
    _api: asyncio.Task[ASGIApp] | None = field(default=None, init=False)

    def routes(self) -> list[Route]:
        return [Route("/-/api/{rest:path}", self)]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = await _body(receive)
        api = await self.ready()
        await api(scope, _again(body, receive), send)

    async def ready(self) -> ASGIApp:
        """The API, built in a thread, for that takes half a second of work."""
        if self._api is None:
            building = asyncio.to_thread(_build, self.managed, self.gate)
            self._api = asyncio.create_task(building)
        return await asyncio.shield(self._api)


def _build(managed: Managed, gate: Gate) -> ASGIApp:
    from cloche.web.api.application import build  # noqa: PLC0415  # FastAPI takes 0.3 s to import

    return build(managed, gate)


async def _body(receive: Receive) -> bytes:
    """Read a body, which is never large here. Raise TooLarge when it is."""
    body = b""
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise BadRequest("the connection ended before the request did; send it again")
        body += bytes(message.get("body", b""))
        if len(body) > MAX_BODY:
            raise TooLarge(
                f"a request of the management API has at most {MAX_BODY} bytes; send less"
            )
        if not message.get("more_body", False):
            return body


def _again(body: bytes, receive: Receive) -> Receive:
    """Receive what was read already, then whatever comes."""
    pending: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def replay() -> Message:
        return pending.pop() if pending else await receive()

    return replay
