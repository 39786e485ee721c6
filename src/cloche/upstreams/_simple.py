"""How a remote index is asked: its pages, its list, and its files."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from http import HTTPStatus
from urllib.parse import urljoin

from tenacity import (
    AsyncRetrying,
    retry_if_exception_type,
    stop_after_attempt,
    wait_random_exponential,
)

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
from cloche.upstreams._answer import Answer
from cloche.upstreams._client import Client, Use
from cloche.upstreams._headers import etag_of, last_serial, max_age, plain, retry_after
from cloche.upstreams._reaching import ACCEPT
from cloche.upstreams._remote import Remote
from cloche.upstreams._rolled import rolled

CONTENT_RANGE = re.compile(r"bytes (\d{1,18})-\d{1,18}/(\d{1,18}|\*)\Z")
MOMENTARY = frozenset({500, 502, 503, 504})


class _Momentary(UpstreamDown):
    """Worth another try at once."""


class Simple:
    """One remote address: its pages, and the files that they name, wherever those are."""

    accept = ACCEPT

    def __init__(self, name: str, url: str, settings: Remote) -> None:
        self.name = name
        self._settings = settings
        self._client = Client(name, url, settings)
        self._base = self._client.base

    async def greet(self) -> None:
        """Open a few connections, which saves the first who asks a round trip or three."""
        await self._client.greet()

    async def close(self) -> None:
        await self._client.close()

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
        body = f"<?xml version='1.0'?>{call}".encode()
        url = urljoin(self._base, "../pypi")
        with self._client.translated(UpstreamDown):
            async with (
                asyncio.timeout(self._settings.page_timeout),
                self._client.post(url, body, "text/xml") as answer,
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
        with self._client.translated(UpstreamDown):
            async with (
                asyncio.timeout(self._settings.page_timeout),
                self._client.get("beside", url, _json_api.HEADERS) as answer,
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
        with self._client.translated(UpstreamDown):
            async with asyncio.timeout(seconds or self._settings.page_timeout):
                async for attempt in retrying:
                    with attempt:
                        return await self._ask(url, etag, most)
        raise AssertionError  # tenacity returns or raises

    async def _ask(self, url: str, etag: str | None, most: int) -> Received | None:
        headers = {"Accept": self.accept, "Accept-Encoding": "gzip"}
        if etag:
            headers["If-None-Match"] = etag
        with self._client.translated(_Momentary):
            async with self._client.get("pages", url, headers) as answer:
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

    async def heed(self, answer: Answer) -> None:
        """Raise what a refusal says, where more of it can be understood than its status."""

    async def _body(self, answer: Answer, most: int) -> bytes:
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
            with self._client.translated(TransferBroken):
                await self.heed(answer)
            self._check(answer, {HTTPStatus.OK, HTTPStatus.PARTIAL_CONTENT}, TransferBroken)
            yield self._transfer(artifact, answer)

    async def _open(
        self, stack: AsyncExitStack, artifact: Artifact, start: int, etag: str | None
    ) -> Answer:
        headers = {"Accept-Encoding": "identity"}
        if start:
            headers["Range"] = f"bytes={start}-"
            headers |= {"If-Range": etag} if etag else {}
        with self._client.translated(TransferBroken):
            async with asyncio.timeout(self._settings.page_timeout):
                use: Use = "beside" if artifact.filename.endswith(BESIDE) else "files"
                return await stack.enter_async_context(self._client.get(use, artifact.url, headers))

    def _transfer(self, artifact: Artifact, answer: Answer) -> Transfer:
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

    async def _chunks(self, artifact: Artifact, answer: Answer, most: int) -> AsyncIterator[bytes]:
        clock = asyncio.get_running_loop().time
        deadline = clock() + self._settings.file_timeout
        with self._client.translated(TransferBroken):
            async for chunk in answer.content.iter_any():
                most -= len(chunk)
                if most < 0:
                    raise self._excess(artifact)
                if clock() > deadline:
                    raise TransferBroken(f"{self.name} takes too long over {artifact.filename}")
                yield chunk

    def _range(self, answer: Answer) -> tuple[int, int | None]:
        found = CONTENT_RANGE.match(answer.headers.get("Content-Range", ""))
        if found is None:
            raise UpstreamLies(f"{self.name} answers 206 without saying which part it sends")
        return int(found[1]), None if found[2] == "*" else int(found[2])

    def _check(self, answer: Answer, good: set[HTTPStatus], momentary: type[UpstreamDown]) -> None:
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
