"""What stands before the fake upstream: nginx for TLS and HTTP/2, and a line that can be cut."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import trustme
from yarl import URL

from tests.services.web import nginx

HOST = "127.0.0.1"
SITE = """
server {{
    listen {address} ssl {http2};
    ssl_certificate {certificate};
    ssl_certificate_key {certificate};
    location = / {{ return 404; }}  # what is asked when connections are opened
    location / {{
        proxy_pass {behind};
        proxy_http_version 1.1;
        proxy_buffering off;
        proxy_buffer_size 128k;  # for headers
        proxy_buffers 4 128k;
        proxy_set_header Connection "";
        proxy_set_header Host $http_host;
        proxy_set_header X-Connection $connection;
        proxy_set_header X-Protocol $server_protocol;
    }}
}}
"""


@contextmanager
def front(
    behind: str,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    *,
    http2: bool = True,
) -> Iterator[str]:
    """Serve what is behind over TLS, which everybody here then trusts; give the URL."""
    folder.mkdir(exist_ok=True)
    authority, certificate = trustme.CA(), folder / "server.pem"
    authority.cert_pem.write_to_path(folder / "ca.pem")
    issued = authority.issue_cert(HOST)
    issued.private_key_and_cert_chain_pem.write_to_path(certificate)
    monkeypatch.setenv("SSL_CERT_FILE", str(folder / "ca.pem"))
    # aiohttp has read the system's authorities when it was imported.
    trusting = ssl.create_default_context(cafile=folder / "ca.pem")
    monkeypatch.setattr("aiohttp.connector._SSL_CONTEXT_VERIFIED", trusting)

    def site(address: str) -> str:
        spoken = "http2" if http2 else ""
        return SITE.format(address=address, http2=spoken, certificate=certificate, behind=behind)

    with nginx(folder / "nginx", site) as url:
        yield url.replace("http:", "https:")


@dataclass
class Line:
    """A port from which connections lead on to another one."""

    leads_to: int
    port: int = 0
    _server: asyncio.Server | None = None
    _writers: list[asyncio.StreamWriter] = field(default_factory=list)

    async def open(self) -> None:
        self._server = await asyncio.start_server(self._connect, HOST, self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def cut(self) -> None:
        """Break all connections, and take none until it is open again."""
        assert self._server is not None
        self._server.close()
        for writer in self._writers:
            writer.transport.abort()
        self._writers.clear()

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, on = await asyncio.open_connection(HOST, self.leads_to)
        self._writers += [writer, on]
        await asyncio.gather(self._carry(reader, on), self._carry(there, writer))

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            while data := await reader.read(1 << 16):
                writer.write(data)
                await writer.drain()
        writer.close()


@asynccontextmanager
async def line(url: str) -> AsyncIterator[tuple[Line, str]]:
    """A line to the URL's server, and the URL that leads through it."""
    port = URL(url).port
    assert port is not None
    made = Line(port)
    await made.open()
    try:
        yield made, str(URL(url).with_port(made.port))
    finally:
        await made.cut()
