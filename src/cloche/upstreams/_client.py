"""How an upstream is asked over HTTP, whatever is asked: connections, credentials, redirects."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, Literal
from urllib.parse import urljoin, urlsplit

import aiohttp
from yarl import URL

from cloche import __version__
from cloche.core.errors import UpstreamDown, UpstreamLies
from cloche.upstreams._answer import Answer
from cloche.upstreams._environment import usual_proxy
from cloche.upstreams._reaching import Origin, authorization, is_clear, origin_of, trust, verbatim
from cloche.upstreams._remote import Remote
from cloche.upstreams._warm import Warm

if TYPE_CHECKING:
    from cloche.upstreams._http2 import Http2

REDIRECTS = frozenset({301, 302, 303, 307, 308})
MAX_PROXIES = 1000  # origins of which it is remembered how to get there

Use = Literal["pages", "beside", "files"]
"""What is asked for; "beside" are the metadata and signatures of files."""


class Client:
    """Asks for one upstream: in HTTP/2 where that is spoken, else in HTTP/1.1.

    Credentials go to the operator's own address only, never where a page points to.
    """

    def __init__(self, name: str, url: str, settings: Remote) -> None:
        """`url` is the operator's address. Nothing is sent yet."""
        self._name = name
        self._settings = settings
        self._tls = trust(name, settings.ca_file) if settings.ca_file else None
        address = URL(url)
        self.base = str(address.with_user(None) if address.host else address).rstrip("/") + "/"
        self._authorization = authorization(name, settings, address)
        self._origin = origin_of(self.base)
        self._proxies: dict[Origin, str | None] = {}
        self._sessions: dict[Use, aiohttp.ClientSession] = {}
        self._connector: Warm | None = None
        self._multiplexed: Http2 | None = None
        # Files have turns of their own: nothing small must wait until they are through.
        small, files = (asyncio.Semaphore(settings.connections) for _ in range(2))
        self._turns: dict[Use, asyncio.Semaphore] = {
            "pages": small,
            "beside": small,
            "files": files,
        }

    async def greet(self) -> None:
        """Open a few connections, which saves the first who asks a round trip or three."""
        if self._proxy(self._origin) is not None:
            return
        if self._may_multiplex(self._origin) and await self._http2().greet(self._origin):
            return
        await self._connections().greet(URL(self.base), self._settings.connect_timeout)

    async def close(self) -> None:
        """Close all connections. Nothing is asked afterwards."""
        for session in self._sessions.values():
            await session.close()
        if self._connector is not None:
            await self._connector.close()
        if self._multiplexed is not None:
            await self._multiplexed.close()

    @asynccontextmanager
    async def get(self, use: Use, url: str, headers: dict[str, str]) -> AsyncIterator[Answer]:
        """Ask, and follow redirects, of which each is judged before it is followed.

        Raise UpstreamLies when there are too many or one is not safe; else what `translated` is
        there for. Pages come unpacked, all else as it is.
        """
        for _ in range(self._settings.max_redirects + 1):
            async with self._turns[use], self._asking(use, url, headers) as answer:
                if answer.status not in REDIRECTS:
                    yield answer
                    return
                url = self._target(url, answer.headers.get("Location", ""))
        raise UpstreamLies(f"{self._name} redirects more than {self._settings.max_redirects} times")

    def post(
        self, url: str, body: bytes, content_type: str
    ) -> AbstractAsyncContextManager[aiohttp.ClientResponse]:
        """Send a body to an address below the operator's own. A redirect is followed by nobody."""
        return self._session("pages").post(
            verbatim(url),
            data=body,
            headers={"Content-Type": content_type, **self._authorization},
            proxy=self._proxy(self._origin),
            allow_redirects=False,
        )

    @contextmanager
    def translated(self, kind: type[UpstreamDown]) -> Iterator[None]:
        """Turn the client libraries' errors into ours, once: `kind`, or UpstreamLies."""
        try:
            yield
        except aiohttp.InvalidURL as e:
            raise UpstreamLies(f"{self._name} leads nowhere: {str(e)[:200]}") from None
        except TimeoutError:
            raise kind(f"{self._name} takes too long to answer") from None
        except (aiohttp.ClientError, OSError) as e:
            said = (str(e) or type(e).__name__).partition("\n")[0]
            raise kind(f"{self._name} cannot be reached: {said[:200]}") from None
        except ValueError as e:  # from an address's parts
            raise UpstreamLies(f"{self._name} leads nowhere: {str(e)[:200]}") from None

    def _asking(
        self, use: Use, url: str, headers: dict[str, str]
    ) -> AbstractAsyncContextManager[Answer]:
        address, origin = verbatim(url), origin_of(url)
        if origin == self._origin:
            headers = headers | self._authorization
        if self._may_multiplex(origin) and is_clear(address) and self._http2().speaks(origin):
            is_file, is_page = use == "files", use == "pages"
            return self._http2().get(origin, address, headers, file=is_file, unpack=is_page)
        proxy = self._proxy(origin)
        return self._session(use).get(address, headers=headers, proxy=proxy, allow_redirects=False)

    def _target(self, url: str, location: str) -> str:
        """Where a redirect leads. Raise UpstreamLies unless it is as safe as where it stands."""
        target = urljoin(url, location)
        scheme = urlsplit(target).scheme
        if scheme not in {"https", urlsplit(url).scheme}:
            raise UpstreamLies(f"{self._name} redirects from {urlsplit(url).scheme} to {scheme}")
        return target.partition("#")[0]

    def _proxy(self, origin: Origin) -> str | None:
        """How to get there. Reading the environment each time cost as much as the request."""
        if origin not in self._proxies:
            if len(self._proxies) >= MAX_PROXIES:
                self._proxies.clear()
            self._proxies[origin] = self._settings.proxy or usual_proxy(*origin[:2])
        return self._proxies[origin]

    def _may_multiplex(self, origin: Origin) -> bool:
        """Over TLS alone, and where the system's authorities are trusted: pyreqwest always does."""
        settings = self._settings
        if not settings.http2 or settings.ca_file is not None:
            return False
        return origin[0] == "https" and self._proxy(origin) is None

    def _http2(self) -> "Http2":
        if self._multiplexed is None:
            from cloche.upstreams._http2 import Http2  # noqa: PLC0415  # pyreqwest: 20 ms, for some

            self._multiplexed = Http2(self._settings)
        return self._multiplexed

    def _session(self, use: Use) -> aiohttp.ClientSession:
        """Made at first use, for aiohttp wants the running loop; making it opens nothing."""
        if use not in self._sessions:
            settings = self._settings
            self._sessions[use] = aiohttp.ClientSession(
                connector=self._connections(),
                connector_owner=False,
                cookie_jar=aiohttp.DummyCookieJar(),
                headers={"User-Agent": f"cloche/{__version__}"},
                timeout=aiohttp.ClientTimeout(
                    sock_connect=settings.connect_timeout, sock_read=settings.read_timeout
                ),
                auto_decompress=use == "pages",
            )
        return self._sessions[use]

    def _connections(self) -> Warm:
        """All share them: those that pages need no more are at hand for files."""
        if self._connector is None:
            self._connector = Warm(2 * self._settings.connections, self._tls)
        return self._connector
