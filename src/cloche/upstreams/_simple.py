"""How a remote index is asked: its pages, its list, and its files."""

import asyncio
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from http import HTTPStatus
from typing import Literal
from urllib.parse import urljoin, urlsplit

import aiohttp
from tenacity import (
    AsyncRetrying,
    retry_if_exception_type,
    stop_after_attempt,
    wait_random_exponential,
)
from yarl import URL

from cloche import __version__
from cloche.core.errors import (
    NoSuchFile,
    NoSuchProject,
    TooLarge,
    TransferBroken,
    UpstreamDown,
    UpstreamLies,
)
from cloche.core.model import BESIDE, Artifact, ProjectName
from cloche.ports import Document, Received, Rolled, Transfer
from cloche.upstreams import _json_api
from cloche.upstreams._environment import usual_proxy
from cloche.upstreams._headers import etag_of, last_serial, max_age, plain, retry_after
from cloche.upstreams._reaching import (
    ACCEPT,
    Origin,
    authorization,
    origin_of,
    trust,
    verbatim,
)
from cloche.upstreams._remote import Remote
from cloche.upstreams._rolled import rolled
from cloche.upstreams._warm import Warm

CONTENT_RANGE = re.compile(r"bytes (\d{1,18})-\d{1,18}/(\d{1,18}|\*)\Z")
REDIRECTS = frozenset({301, 302, 303, 307, 308})
MAX_PROXIES = 1000  # origins of which it is remembered how to get there
MOMENTARY = frozenset({500, 502, 503, 504})


Use = Literal["pages", "beside", "files"]
"""What is asked for; "beside" are the metadata and signatures of files."""


class _Momentary(UpstreamDown):
    """Worth another try at once."""


class Simple:
    """One remote address: its pages, and the files that they name, wherever those are."""

    accept = ACCEPT

    def __init__(self, name: str, url: str, settings: Remote) -> None:
        self.name = name
        self._settings = settings
        self._tls = trust(name, settings.ca_file) if settings.ca_file else None
        address = URL(url)
        self._base = str(address.with_user(None) if address.host else address).rstrip("/") + "/"
        self._authorization = authorization(name, settings, address)
        self._origin = origin_of(self._base)
        self._proxies: dict[Origin, str | None] = {}
        self._sessions: dict[Use, aiohttp.ClientSession] = {}
        self._connector: Warm | None = None
        # Files have turns of their own: nothing small must wait until they are through.
        small, files = (asyncio.Semaphore(settings.connections) for _ in range(2))
        self._turns: dict[Use, asyncio.Semaphore] = {
            "pages": small,
            "beside": small,
            "files": files,
        }

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

    async def greet(self) -> None:
        """Open a few connections, which saves the first client a round trip or three."""
        if self._proxy(self._origin) is None:
            await self._connections().greet(URL(self._base), self._settings.connect_timeout)

    async def close(self) -> None:
        for session in self._sessions.values():
            await session.close()
        if self._connector is not None:
            await self._connector.close()

    async def page(self, project: ProjectName, etag: str | None) -> Received:
        received = await self.ask(f"{self._base}{project}/", etag)
        if received is None:
            raise NoSuchProject(f"{self.name} has no project {project}")
        return received

    async def roll(self, etag: str | None) -> Rolled | None:
        return await rolled(self, self._base, etag)

    async def called(self, method: str, *, most: int) -> bytes | None:
        """What a method of PyPI's XML-RPC without parameters answers; None where there is none.

        Raise UpstreamDown and UpstreamLies as `ask` does. A redirect is followed by nobody.
        """
        call = f"<methodCall><methodName>{method}</methodName><params></params></methodCall>"
        url = urljoin(self._base, "../pypi")
        with self._translated(UpstreamDown):
            async with (
                asyncio.timeout(self._settings.page_timeout),
                self._session("pages").post(
                    verbatim(url),
                    data=f"<?xml version='1.0'?>{call}".encode(),
                    headers={"Content-Type": "text/xml", **self._authorization},
                    proxy=self._proxy(self._origin),
                    allow_redirects=False,
                ) as answer,
            ):
                if answer.status in MOMENTARY:
                    self._check(answer, set(), UpstreamDown)
                if answer.status != HTTPStatus.OK:
                    return None
                return await self._body(answer, most)

    async def requires_dist(self, project: ProjectName) -> list[str] | None:
        """What PyPI's JSON API says that the newest release requires, where there is such an API.

        Raise UpstreamDown and UpstreamLies as `ask` does.
        """
        url = urljoin(self._base, _json_api.address(project))
        with self._translated(UpstreamDown):
            async with (
                asyncio.timeout(self._settings.page_timeout),
                self._get("beside", url, _json_api.HEADERS) as answer,
            ):
                if answer.status != HTTPStatus.OK:
                    return None
                return await _json_api.required(answer)

    async def ask(
        self, url: str, etag: str | None, *, most: int | None = None, seconds: float | None = None
    ) -> Received | None:
        """Whatever page is at the address; None when the upstream says that none is there.

        It may have `most` bytes and take so many seconds, if that is not as the settings say.
        Raise UpstreamDown or UpstreamLies as `Upstream.page` does.
        """
        most = most or self._settings.max_page_bytes
        retrying = AsyncRetrying(
            stop=stop_after_attempt(self._settings.attempts),
            wait=wait_random_exponential(multiplier=0.1, max=2),
            retry=retry_if_exception_type(_Momentary),
            reraise=True,
        )
        with self._translated(UpstreamDown):
            async with asyncio.timeout(seconds or self._settings.page_timeout):
                async for attempt in retrying:
                    with attempt:
                        return await self._ask(url, etag, most)
        raise AssertionError  # tenacity returns or raises

    async def _ask(self, url: str, etag: str | None, most: int) -> Received | None:
        headers = {"Accept": self.accept, "Accept-Encoding": "gzip"}
        if etag:
            headers["If-None-Match"] = etag
        with self._translated(_Momentary):
            async with self._get("pages", url, headers) as answer:
                if answer.status == HTTPStatus.NOT_MODIFIED and etag:
                    return Received(
                        document=None,
                        etag=etag,
                        max_age=max_age(answer),
                        serial=last_serial(answer),
                    )
                if answer.status in {HTTPStatus.NOT_FOUND, HTTPStatus.GONE}:
                    return None
                await self.heed(answer)
                self._check(answer, {HTTPStatus.OK}, _Momentary)
                document = Document(
                    body=await self._body(answer, most),
                    content_type=plain(answer.headers.get("Content-Type", "")),
                    url=str(answer.url),
                )
                return Received(
                    document=document,
                    etag=etag_of(answer),
                    max_age=max_age(answer),
                    serial=last_serial(answer),
                )

    async def heed(self, answer: aiohttp.ClientResponse) -> None:
        """Raise what a refusal says, where more of it can be understood than its status."""

    async def _body(self, answer: aiohttp.ClientResponse, most: int) -> bytes:
        body = bytearray()
        async for chunk in answer.content.iter_any():
            body += chunk
            if len(body) > most:
                raise UpstreamLies(
                    f"{self.name} sends a page of more than {most} bytes "
                    f"(max_page_bytes) for {answer.url.path}"
                )
        return bytes(body)

    @asynccontextmanager
    async def transfer(
        self, artifact: Artifact, start: int, etag: str | None
    ) -> AsyncIterator[Transfer]:
        async with AsyncExitStack() as stack:
            answer = await self._open(stack, artifact, start, etag)
            if answer.status == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE and start:
                # It has no byte `start`: all is there already, or it is another file by now.
                await stack.aclose()
                answer = await self._open(stack, artifact, 0, None)
            if answer.status in {HTTPStatus.NOT_FOUND, HTTPStatus.GONE}:
                raise NoSuchFile(f"{self.name} has {artifact.filename} no longer")
            with self._translated(TransferBroken):
                await self.heed(answer)
            self._check(answer, {HTTPStatus.OK, HTTPStatus.PARTIAL_CONTENT}, TransferBroken)
            yield self._transfer(artifact, answer)

    async def _open(
        self, stack: AsyncExitStack, artifact: Artifact, start: int, etag: str | None
    ) -> aiohttp.ClientResponse:
        headers = {"Accept-Encoding": "identity"}
        if start:
            headers["Range"] = f"bytes={start}-"
            headers |= {"If-Range": etag} if etag else {}
        with self._translated(TransferBroken):
            async with asyncio.timeout(self._settings.page_timeout):
                use: Use = "beside" if artifact.filename.endswith(BESIDE) else "files"
                return await stack.enter_async_context(self._get(use, artifact.url, headers))

    def _transfer(self, artifact: Artifact, answer: aiohttp.ClientResponse) -> Transfer:
        start, total = 0, answer.content_length
        if answer.status == HTTPStatus.PARTIAL_CONTENT:
            start, total = self._range(answer)
        bound = self._bound(artifact)
        if total is not None and total > bound:
            raise self._excess(artifact)
        etag = etag_of(answer)
        return Transfer(
            start=start,
            total=total,
            etag=etag if etag and etag.startswith('"') else None,
            chunks=self._chunks(artifact, answer, bound - start),
        )

    def _bound(self, artifact: Artifact) -> int:
        is_beside = artifact.filename.endswith(BESIDE)
        settings = self._settings
        most = settings.max_metadata_bytes if is_beside else settings.max_file_bytes
        return most if artifact.size is None else min(most, artifact.size)

    def _excess(self, artifact: Artifact) -> TooLarge | UpstreamLies:
        bound = self._bound(artifact)
        if bound == artifact.size:
            return UpstreamLies(
                f"{self.name} sends more of {artifact.filename} than the {bound} bytes it lists"
            )
        return TooLarge(f"{self.name} sends more of {artifact.filename} than the {bound} allowed")

    async def _chunks(
        self, artifact: Artifact, answer: aiohttp.ClientResponse, most: int
    ) -> AsyncIterator[bytes]:
        clock = asyncio.get_running_loop().time
        deadline = clock() + self._settings.file_timeout
        with self._translated(TransferBroken):
            async for chunk in answer.content.iter_any():
                most -= len(chunk)
                if most < 0:
                    raise self._excess(artifact)
                if clock() > deadline:
                    raise TransferBroken(f"{self.name} takes too long over {artifact.filename}")
                yield chunk

    def _range(self, answer: aiohttp.ClientResponse) -> tuple[int, int | None]:
        found = CONTENT_RANGE.match(answer.headers.get("Content-Range", ""))
        if found is None:
            raise UpstreamLies(f"{self.name} answers 206 without saying which part it sends")
        return int(found[1]), None if found[2] == "*" else int(found[2])

    def _proxy(self, origin: Origin) -> str | None:
        """How to get there. Reading the environment each time cost as much as the request."""
        if origin not in self._proxies:
            if len(self._proxies) >= MAX_PROXIES:
                self._proxies.clear()
            self._proxies[origin] = self._settings.proxy or usual_proxy(*origin[:2])
        return self._proxies[origin]

    @asynccontextmanager
    async def _get(
        self, use: Use, url: str, headers: dict[str, str]
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """Ask, and follow redirects, of which each is judged before it is followed."""
        for _ in range(self._settings.max_redirects + 1):
            # Credentials go to the operator's own address only, never where a page points to.
            origin = origin_of(url)
            known = origin == self._origin
            async with (
                self._turns[use],
                self._session(use).get(
                    verbatim(url),
                    headers=headers | (self._authorization if known else {}),
                    proxy=self._proxy(origin),
                    allow_redirects=False,
                ) as answer,
            ):
                if answer.status not in REDIRECTS:
                    yield answer
                    return
                url = self._target(url, answer.headers.get("Location", ""))
        raise UpstreamLies(f"{self.name} redirects more than {self._settings.max_redirects} times")

    def _target(self, url: str, location: str) -> str:
        """Where a redirect leads. Raise UpstreamLies unless it is as safe as where it stands."""
        target = urljoin(url, location)
        scheme = urlsplit(target).scheme
        if scheme not in {"https", urlsplit(url).scheme}:
            raise UpstreamLies(f"{self.name} redirects from {urlsplit(url).scheme} to {scheme}")
        return target.partition("#")[0]

    def _check(
        self, answer: aiohttp.ClientResponse, good: set[HTTPStatus], momentary: type[UpstreamDown]
    ) -> None:
        """Raise unless it is good. What looks like passing by itself is raised as `momentary`."""
        if answer.status in good:
            return
        if answer.status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
            raise UpstreamDown(
                f"{self.name} answers {answer.status}: check username and password of "
                f"[upstream.{self.name}]"
            )
        kind = momentary if answer.status in MOMENTARY else UpstreamDown
        raise kind(f"{self.name} answers {answer.status}", retry_after=retry_after(answer))

    @contextmanager
    def _translated(self, kind: type[UpstreamDown]) -> Iterator[None]:
        """Turn the client library's errors into ours, once."""
        try:
            yield
        except aiohttp.InvalidURL as e:
            raise UpstreamLies(f"{self.name} leads nowhere: {str(e)[:200]}") from None
        except TimeoutError:
            raise kind(f"{self.name} takes too long to answer") from None
        except (aiohttp.ClientError, OSError) as e:
            said = (str(e) or type(e).__name__).partition("\n")[0]
            raise kind(f"{self.name} cannot be reached: {said[:200]}") from None
        except ValueError as e:  # from an address's parts
            raise UpstreamLies(f"{self.name} leads nowhere: {str(e)[:200]}") from None
