"""A remote index that speaks the simple repository API, in JSON or HTML: PyPI and its like."""

import asyncio
import re
import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import (
    AbstractAsyncContextManager,
    AsyncExitStack,
    asynccontextmanager,
    contextmanager,
)
from http import HTTPStatus
from typing import Annotated
from urllib.parse import urljoin, urlsplit

import aiohttp
from distlib.index import DEFAULT_INDEX
from msgspec import Meta, Struct
from tenacity import (
    AsyncRetrying,
    retry_if_exception_type,
    stop_after_attempt,
    wait_random_exponential,
)

from cloche import __version__
from cloche.core.errors import (
    BadSetting,
    NoSuchFile,
    NoSuchProject,
    TooLarge,
    TransferBroken,
    UpstreamDown,
    UpstreamLies,
)
from cloche.core.model import Artifact, ProjectName
from cloche.core.negotiation import Format
from cloche.ports import Document, Received, Transfer, Upstream

ACCEPT = f"{Format.JSON}, {Format.HTML_V1};q=0.2, {Format.HTML};q=0.01"
MAX_AGE = re.compile(r"\bmax-age=(\d{1,9})\b")
CONTENT_RANGE = re.compile(r"bytes (\d+)-\d+/(\d+|\*)\Z")
MAX_RETRY_AFTER = 3600  # seconds: no upstream may send our clients away for longer
MOMENTARY = frozenset({500, 502, 503, 504})

Seconds = Annotated[float, Meta(gt=0)]
Count = Annotated[int, Meta(ge=1)]


class Settings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[upstream.NAME]` of kind "simple". Everything that it may send is bounded here."""

    kind: str = "simple"
    url: str = urljoin(f"{DEFAULT_INDEX}/", "../simple/")
    username: str | None = None
    password: str | None = None
    proxy: str | None = None  # else as HTTP_PROXY, HTTPS_PROXY and NO_PROXY say
    ca_file: str | None = None
    connections: Count = 50
    connect_timeout: Seconds = 5
    read_timeout: Seconds = 20  # between two pieces of an answer
    page_timeout: Seconds = 40  # for the whole of a page
    file_timeout: Seconds = 4 * 3600  # for the whole of a file
    attempts: Count = 2  # at a page, when the failure looks momentary
    max_redirects: Annotated[int, Meta(ge=0)] = 5
    max_page_bytes: Count = 64 << 20  # decompressed; PyPI's largest is about 25 MiB
    max_files: Count = 100_000
    max_file_bytes: Count = 20 << 30


class _Momentary(UpstreamDown):
    """Worth another try at once."""


def connect(name: str, settings: Settings) -> Upstream:
    """Open the upstream; nothing is sent yet. Raise BadSetting when its address is none."""
    parts = urlsplit(settings.url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise BadSetting(
            f"upstream {name}: {settings.url!r} is not an address; "
            "give the URL of a simple index, such as https://host/simple/"
        )
    return _Simple(name, settings)


class _Simple:
    def __init__(self, name: str, settings: Settings) -> None:
        self.name = name
        self._settings = settings
        self._base = settings.url.rstrip("/") + "/"
        self._origin = urlsplit(self._base)[:2]
        self._auth = (
            aiohttp.BasicAuth(settings.username, settings.password or "")
            if settings.username is not None
            else None
        )
        self._opened: aiohttp.ClientSession | None = None

    @property
    def _session(self) -> aiohttp.ClientSession:
        """Made at first use, for aiohttp wants the running loop; making it opens nothing."""
        if self._opened is None:
            settings = self._settings
            context = ssl.create_default_context(cafile=settings.ca_file)
            self._opened = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=settings.connections, ssl=context),
                cookie_jar=aiohttp.DummyCookieJar(),
                headers={"User-Agent": f"cloche/{__version__}"},
                timeout=aiohttp.ClientTimeout(
                    sock_connect=settings.connect_timeout, sock_read=settings.read_timeout
                ),
                trust_env=True,
                requote_redirect_url=False,
            )
        return self._opened

    async def close(self) -> None:
        if self._opened is not None:
            await self._opened.close()

    async def page(self, project: ProjectName, etag: str | None) -> Received:
        retrying = AsyncRetrying(
            stop=stop_after_attempt(self._settings.attempts),
            wait=wait_random_exponential(multiplier=0.1, max=2),
            retry=retry_if_exception_type(_Momentary),
            reraise=True,
        )
        with self._translated(UpstreamDown):
            async with asyncio.timeout(self._settings.page_timeout):
                async for attempt in retrying:
                    with attempt:
                        return await self._page(project, etag)
        raise AssertionError  # tenacity returns or raises

    async def _page(self, project: ProjectName, etag: str | None) -> Received:
        headers = {"Accept": ACCEPT, "Accept-Encoding": "gzip"}
        if etag:
            headers["If-None-Match"] = etag
        with self._translated(_Momentary):
            async with self._get(f"{self._base}{project}/", headers, decompress=True) as answer:
                if answer.status == HTTPStatus.NOT_MODIFIED and etag:
                    return Received(document=None, etag=etag, max_age=_max_age(answer))
                if answer.status in {HTTPStatus.NOT_FOUND, HTTPStatus.GONE}:
                    raise NoSuchProject(f"{self.name} has no project {project}")
                self._check(answer, _Momentary)
                document = Document(
                    body=await self._body(answer),
                    content_type=answer.headers.get("Content-Type", ""),
                    url=str(answer.url),
                )
                return Received(
                    document=document, etag=answer.headers.get("ETag"), max_age=_max_age(answer)
                )

    async def _body(self, answer: aiohttp.ClientResponse) -> bytes:
        body = bytearray()
        async for chunk in answer.content.iter_any():
            body += chunk
            if len(body) > self._settings.max_page_bytes:
                raise UpstreamLies(
                    f"{self.name} sends a page of more than {self._settings.max_page_bytes} bytes "
                    f"(max_page_bytes) for {answer.url.path}"
                )
        return bytes(body)

    @asynccontextmanager
    async def transfer(
        self, artifact: Artifact, start: int, etag: str | None
    ) -> AsyncIterator[Transfer]:
        headers = {"Accept-Encoding": "identity"}
        if start:
            headers["Range"] = f"bytes={start}-"
            headers |= {"If-Range": etag} if etag else {}
        async with AsyncExitStack() as stack:
            with self._translated(TransferBroken):
                answer = await stack.enter_async_context(
                    self._get(artifact.url, headers, decompress=False)
                )
            if answer.status in {HTTPStatus.NOT_FOUND, HTTPStatus.GONE}:
                raise NoSuchFile(f"{self.name} has {artifact.filename} no longer")
            self._check(answer, TransferBroken)
            yield self._transfer(artifact, answer)

    def _transfer(self, artifact: Artifact, answer: aiohttp.ClientResponse) -> Transfer:
        start, total = 0, answer.content_length
        if answer.status == HTTPStatus.PARTIAL_CONTENT:
            start, total = self._range(answer)
        most = artifact.size if artifact.size is not None else self._settings.max_file_bytes
        if (total or 0) > min(most, self._settings.max_file_bytes):
            raise TooLarge(
                f"{self.name} sends {total} bytes of {artifact.filename}, at most {most} expected"
            )
        etag = answer.headers.get("ETag", "")
        return Transfer(
            start=start,
            total=total,
            etag=etag if etag.startswith('"') else None,
            chunks=self._chunks(artifact, answer, most - start),
        )

    async def _chunks(
        self, artifact: Artifact, answer: aiohttp.ClientResponse, most: int
    ) -> AsyncIterator[bytes]:
        clock = asyncio.get_running_loop().time
        deadline = clock() + self._settings.file_timeout
        with self._translated(TransferBroken):
            async for chunk in answer.content.iter_any():
                most -= len(chunk)
                if most < 0:
                    raise TooLarge(f"{self.name} sends more of {artifact.filename} than it may")
                if clock() > deadline:
                    raise TransferBroken(f"{self.name} takes too long over {artifact.filename}")
                yield chunk

    def _range(self, answer: aiohttp.ClientResponse) -> tuple[int, int | None]:
        found = CONTENT_RANGE.match(answer.headers.get("Content-Range", ""))
        if found is None:
            raise UpstreamLies(f"{self.name} answers 206 without saying which part it sends")
        return int(found[1]), None if found[2] == "*" else int(found[2])

    def _get(
        self, url: str, headers: dict[str, str], *, decompress: bool
    ) -> AbstractAsyncContextManager[aiohttp.ClientResponse]:
        # Credentials go to the operator's own address only, never where a page points to.
        same = urlsplit(url)[:2] == self._origin
        return self._session.get(
            url,
            headers=headers,
            auth=self._auth if same else None,
            proxy=self._settings.proxy,
            max_redirects=self._settings.max_redirects,
            allow_redirects=self._settings.max_redirects > 0,
            auto_decompress=decompress,
        )

    def _check(self, answer: aiohttp.ClientResponse, momentary: type[UpstreamDown]) -> None:
        """Raise unless it is a success, over a connection as safe as asked.

        What looks like passing by itself is raised as `momentary`.
        """
        if self._origin[0] == "https" and answer.url.scheme != "https":
            raise UpstreamLies(f"{self.name} redirects from https to {answer.url.scheme}")
        if answer.status in {HTTPStatus.OK, HTTPStatus.PARTIAL_CONTENT}:
            return
        if answer.status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
            raise UpstreamDown(
                f"{self.name} answers {answer.status}: check username and password of "
                f"[upstream.{self.name}]"
            )
        kind = momentary if answer.status in MOMENTARY else UpstreamDown
        raise kind(f"{self.name} answers {answer.status}", retry_after=_retry_after(answer))

    @contextmanager
    def _translated(self, kind: type[UpstreamDown]) -> Iterator[None]:
        """Turn the client library's errors into ours, once."""
        try:
            yield
        except aiohttp.TooManyRedirects:
            raise UpstreamLies(
                f"{self.name} redirects more than {self._settings.max_redirects} times"
            ) from None
        except TimeoutError:
            raise kind(f"{self.name} takes too long to answer") from None
        except (aiohttp.ClientError, ssl.SSLError, OSError, ValueError) as e:
            raise kind(f"{self.name} cannot be reached: {str(e) or type(e).__name__}") from None


def _max_age(answer: aiohttp.ClientResponse) -> int | None:
    said = answer.headers.get("Cache-Control", "").lower()
    if "no-cache" in said or "no-store" in said:
        return 0
    found = MAX_AGE.search(said)
    return int(found[1]) if found else None


def _retry_after(answer: aiohttp.ClientResponse) -> int:
    said = answer.headers.get("Retry-After", "")
    return min(int(said), MAX_RETRY_AFTER) if said.isascii() and said.isdigit() else 5
