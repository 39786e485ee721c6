"""Servers for what the fake upstream does not do: TLS, and bytes that are no HTTP."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from itertools import repeat
from pathlib import Path

import trustme
from aiohttp import web

HOST = "127.0.0.1"


@dataclass
class Server:
    """Where it is, and the targets that were asked for, exactly as they were sent."""

    url: str
    asked: list[str] = field(default_factory=list)


@asynccontextmanager
async def serving(
    handler: web.RequestHandler | object, tls: ssl.SSLContext | None = None
) -> AsyncIterator[Server]:
    """Answer every request by the handler."""
    server = Server("")

    async def answer(request: web.Request) -> web.StreamResponse:
        server.asked.append(request.raw_path)
        assert callable(handler)
        response: web.StreamResponse = await handler(request)
        return response

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, HOST, 0, ssl_context=tls).start()
        scheme = "https" if tls else "http"
        server.url = f"{scheme}://{HOST}:{runner.addresses[0][1]}"
        yield server
    finally:
        await runner.cleanup()


@contextmanager
def authority(folder: Path) -> Iterator[tuple[ssl.SSLContext, str]]:
    """A certificate for this host, and the path of who vouches for it."""
    ca = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ca.issue_cert(HOST).configure_cert(context)
    path = folder / "ca.pem"
    ca.cert_pem.write_to_path(path)
    yield context, str(path)


@asynccontextmanager
async def saying(head: bytes, endless: bytes = b"", pause: float = 0.0) -> AsyncIterator[str]:
    """Say these bytes to everyone, then `endless` for ever, then hang up."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(head)
            for more in repeat(endless) if endless else ():
                await asyncio.sleep(pause)
                writer.write(more)
                await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(answer, HOST, 0)
    async with server:
        yield f"http://{HOST}:{server.sockets[0].getsockname()[1]}"
