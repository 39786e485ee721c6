"""Origins that speak HTTP/2 (RFC 9113) are asked in it: many questions over few connections.

Over TLS a connection costs two round trips and a millisecond of work before anything is said on it,
and it begins slowly. So a few are opened ahead, carry everything, and keep the speed that they have
come up to. Only a connection tells whether an origin speaks HTTP/2; who does not, who stops to, and
who cannot be reached so is asked as ever.
"""

import asyncio
import re
import zlib
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from itertools import cycle

from pyreqwest.client import Client, ClientBuilder
from pyreqwest.exceptions import RequestError
from pyreqwest.request import StreamRequest
from pyreqwest.response import Response
from yarl import URL

from cloche import __version__
from cloche.upstreams._reaching import Origin
from cloche.upstreams._remote import Remote

SMALL, FILES = 2, 4  # connections to an origin
ORIGINS = 8  # that are asked so: a page may name any number
TRUSTED = 60.0  # seconds after its last use for which an origin is taken to be as it was,
IN_VAIN = 3600.0  # and those after which one is tried again that speaks HTTP/1.1
UNREAD, UNREAD_OF_ALL = 4 << 20, 16 << 20  # bytes: of one answer, and of all on a connection
SILENCE = timedelta(seconds=10)  # from who owes an answer, until a sign of life is asked for
PIECE = 64 << 10
GZIP = zlib.MAX_WBITS | 16
SIZE = re.compile(r"[0-9]{1,18}\Z")
VERSION = "HTTP/2.0"


@dataclass(slots=True)
class _Known:
    """Whether an origin speaks HTTP/2, and the loop's time until which nobody tries again."""

    speaks: bool
    until: float


class Http2:
    """A few connections to each origin, for what is small and for files apart."""

    def __init__(self, settings: Remote) -> None:
        self._settings = settings
        self._longest = timedelta(seconds=settings.file_timeout)  # for what comes bit by bit
        self._origins: dict[Origin, _Known] = {}
        self._trying: set[asyncio.Task[bool]] = set()
        self._clients: list[Client] = []
        self._turns: dict[bool, Iterator[Client]] = {}

    def speaks(self, origin: Origin) -> bool:
        """Whether to ask it in HTTP/2: also while that is tried for the first time."""
        known, now = self._origins.get(origin), asyncio.get_running_loop().time()
        if known is None and len(self._origins) >= ORIGINS:
            return False
        if known is None or now > known.until:
            known = self._tried(origin)
            task = asyncio.create_task(self.greet(origin))
            self._trying.add(task)
            task.add_done_callback(self._trying.discard)
        elif known.speaks:
            known.until = now + TRUSTED
        return known.speaks

    async def greet(self, origin: Origin) -> bool:
        """Open the connections, and return whether it speaks HTTP/2. Never raise."""
        known = self._tried(origin)
        versions = await asyncio.gather(*(self._version(each, origin) for each in self._clients))
        known.speaks = set(versions) == {VERSION}
        lasts = IN_VAIN if {VERSION, None}.isdisjoint(versions) else TRUSTED
        known.until = asyncio.get_running_loop().time() + lasts
        return known.speaks

    def _tried(self, origin: Origin) -> _Known:
        """What is known of it from now on, while it is tried: nobody else shall do so."""
        self._open()
        until = asyncio.get_running_loop().time() + TRUSTED
        known = self._origins.setdefault(origin, _Known(speaks=True, until=until))
        known.until = until
        return known

    async def close(self) -> None:
        """Close the connections. Nothing is asked afterwards."""
        for task in self._trying:
            task.cancel()
        await asyncio.gather(*self._trying, return_exceptions=True)
        for client in self._clients:
            await client.close()

    def get(
        self, origin: Origin, url: URL, headers: Mapping[str, str], *, file: bool, unpack: bool
    ) -> "_Asked":
        """Ask an origin that speaks HTTP/2; `unpack` what comes packed.

        Raise ValueError when the address is none; TimeoutError or OSError, when it is entered or
        its body read, where no answer comes.
        """
        address = f"{url.origin()}{url.raw_path_qs}"  # no other host, however it is read
        asked = next(self._turns[file]).get(address).headers(headers).timeout(self._longest)
        return _Asked(self, origin, url, asked.build_streamed(), unpack=unpack)

    def doubt(self, origin: Origin) -> None:
        """Ask it as ever from now on, until it is tried again."""
        known = self._origins[origin]
        if known.speaks:
            known.speaks, known.until = False, asyncio.get_running_loop().time() + TRUSTED

    def _open(self) -> None:
        """Make the clients at first use: each reads the authorities that the system trusts."""
        if not self._clients:
            small, files = (min(n, self._settings.connections) for n in (SMALL, FILES))
            self._clients = [self._client() for _ in range(small + files)]
            self._turns = {
                False: cycle(self._clients[:small]),
                True: cycle(self._clients[small:]),
            }

    def _client(self) -> Client:
        """One has one connection to each origin, as long as that speaks HTTP/2."""
        settings = self._settings
        builder = ClientBuilder().user_agent(f"cloche/{__version__}").referer(enable=False)
        builder = builder.gzip(enable=False).brotli(enable=False).deflate(enable=False)
        builder = builder.zstd(enable=False).follow_redirects(enable=False).no_proxy()
        builder = builder.connect_timeout(timedelta(seconds=settings.connect_timeout))
        builder = builder.read_timeout(timedelta(seconds=settings.read_timeout))
        builder = builder.http2(enable=True).http2_initial_stream_window_size(UNREAD)
        builder = builder.http2_initial_connection_window_size(UNREAD_OF_ALL)
        # Else a connection that has died would be waited for by all, as long as the kernel tries.
        return builder.http2_keep_alive_interval(SILENCE).http2_keep_alive_timeout(SILENCE).build()

    async def _version(self, client: Client, origin: Origin) -> str | None:
        """In which version the origin answers the least that it can be asked."""
        scheme, host, port = origin
        address = URL.build(scheme=scheme, host=host or "", port=port, path="/")
        try:
            async with asyncio.timeout(self._settings.connect_timeout):
                return (await client.head(str(address)).build().send()).version
        except (RequestError, TimeoutError, ValueError):
            return None


class _Asked:
    """A question, and its answer while it is entered. No generators: each costs 15 µs."""

    def __init__(
        self, http2: Http2, origin: Origin, url: URL, request: StreamRequest, *, unpack: bool
    ) -> None:
        self._http2 = http2
        self._origin = origin
        self._url = url
        self._request = request
        self._unpack = unpack

    async def __aenter__(self) -> "_Http2Answer":
        try:
            response = await self._request.__aenter__()
        except RequestError as e:
            raise self.failed(e) from None
        if response.version != VERSION:
            self._http2.doubt(self._origin)
        return _Http2Answer(self, self._url, response, unpack=self._unpack)

    async def __aexit__(self, *exc: object) -> None:
        await self._request.__aexit__(*exc)

    def failed(self, e: RequestError) -> OSError:
        """As Python says it. A TimeoutError, which is an OSError too, may be one slow page's."""
        if not isinstance(e, TimeoutError):
            self._http2.doubt(self._origin)
        causes = e.details["causes"] or ()
        kind = TimeoutError if isinstance(e, TimeoutError) else ConnectionError
        return kind(causes[-1]["message"] if causes else e.message)


class _Http2Answer:
    """The answer, and its body."""

    def __init__(self, asked: _Asked, url: URL, response: Response, *, unpack: bool) -> None:
        self.url = url
        self.status = response.status
        self.headers: Mapping[str, str] = response.headers
        self._asked = asked
        self._body = response.body_reader
        self._is_packed = unpack and self.headers.get("Content-Encoding", "").lower() == "gzip"

    @property
    def content_length(self) -> int | None:
        said = self.headers.get("Content-Length", "")
        return int(said) if SIZE.match(said) else None

    @property
    def content(self) -> "_Http2Answer":
        return self

    def iter_any(self) -> AsyncIterator[bytes]:
        return _unpacked(self) if self._is_packed else self

    def __aiter__(self) -> "_Http2Answer":
        return self

    async def __anext__(self) -> bytes:
        try:
            piece = await self._body.read(PIECE)
        except RequestError as e:
            raise self._asked.failed(e) from None
        if not piece:
            raise StopAsyncIteration
        return bytes(piece)


async def _unpacked(pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """A piece may come to a thousand times its size, so it is unpacked bit by bit."""
    unpacking = zlib.decompressobj(GZIP)
    try:
        async for piece in pieces:
            yield unpacking.decompress(piece, PIECE)
            while unpacking.unconsumed_tail:
                yield unpacking.decompress(unpacking.unconsumed_tail, PIECE)
    except zlib.error:
        raise ConnectionError("what it calls gzip is none") from None
    if not unpacking.eof:
        raise ConnectionError("what it packed has no end")
