"""A plain HTTP proxy: whatever host is asked for, the fake upstream is where it leads."""

import asyncio
from email.parser import HeaderParser
from urllib.parse import urlsplit

from tests.upstream.model import Recorded
from tests.upstream.server import Fake

REFUSAL = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


class Proxy:
    """Forwards absolute-form requests (RFC 9112, 3.2.2) to the fake upstream, and records them.

    A test may use a host that no resolver knows: then only who goes through the proxy arrives.
    One request a connection, so the answer may be passed on unread.
    """

    def __init__(self, fake: Fake) -> None:
        self._fake = fake
        self._target = ("", 0)
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.StreamWriter] = set()

    async def listen(self, host: str, port: int, target: tuple[str, int]) -> None:
        """Listen on that port."""
        self._target = target
        self._server = await asyncio.start_server(self._serve, host, port, backlog=4096)

    async def leave(self) -> None:
        """Stop listening, and break every connection."""
        if self._server is not None:
            self._server.close()
        for writer in self._open:
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            await self._forward(head, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # the client has gone, or the fake upstream broke off: so does the proxy
        finally:
            self._open.discard(writer)
            writer.close()

    async def _forward(self, head: str, client: asyncio.StreamWriter) -> None:
        line, _, fields = head.partition("\r\n")
        method, target, _ = line.split(" ")
        url = urlsplit(target)
        if url.scheme != "http":
            client.write(REFUSAL)
            return
        record = _record(method, target, fields, client)
        await self._fake.world.proxied.add(record)
        path = f"{url.path or '/'}?{url.query}" if url.query else url.path or "/"
        reader, writer = await asyncio.open_connection(*self._target)
        try:
            kept = [one for one in fields.split("\r\n") if one and not _is_hop(one)]
            lines = [f"{method} {path} HTTP/1.1", *kept, "Connection: close", "", ""]
            writer.write("\r\n".join(lines).encode("latin-1"))
            while data := await reader.read(65536):
                record.sent += len(data)
                client.write(data)
                await client.drain()
        finally:
            writer.close()
        record.end = "whole"


def _is_hop(line: str) -> bool:
    name = line.partition(":")[0].lower()
    return name in ("connection", "proxy-connection", "proxy-authorization", "keep-alive")


def _record(method: str, target: str, fields: str, client: asyncio.StreamWriter) -> Recorded:
    peer, here = client.get_extra_info("peername"), client.get_extra_info("sockname")
    return Recorded(
        method=method,
        path=target,
        query="",
        headers={name.lower(): value for name, value in HeaderParser().parsestr(fields).items()},
        peer=f"{peer[0]}:{peer[1]}",
        port=here[1],
    )
