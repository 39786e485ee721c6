"""Distributions and their `.metadata` by URL: immutable, with ranges (RFC 9110, section 14)."""

import re
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from http import HTTPStatus

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match, Route
from starlette.types import Scope

from cloche.core.errors import NoSuchFile
from cloche.core.index import Index
from cloche.core.model import BESIDE, FileKey, ProjectName, file_key, project_name
from cloche.service.files import METADATA, Files, Wanted
from cloche.service.prefetch import Prefetch
from cloche.service.shelf import Rendered, Sent
from cloche.service.view import View
from cloche.web.accesslog import AccessLog
from cloche.web.gate import Gate
from cloche.web.handing import Handing
from cloche.web.problems import Problem
from cloche.web.protocol import as_lines
from cloche.web.sending import AT_ONCE
from cloche.web.simple import all_of, matches, unmet
from cloche.web.stream import Stream

RANGE = re.compile(r"bytes=(?:([0-9]{1,18})-([0-9]{0,18})|-([0-9]{1,18}))\Z", re.IGNORECASE)
KEYED = re.compile(r"/u?[0-9a-f]{64}/[^/]+\Z")
FOR_EVER = "max-age=365000000, immutable"
AT_HAND = 32 << 10  # bytes of metadata that are worth keeping with its page


@dataclass(frozen=True, slots=True)
class Span:
    """Bytes `start` up to `stop` of `size`."""

    start: int
    stop: int
    size: int


class _ByKey(Route):
    """Files by their own addresses; what else lies below `/packages/` has routes further behind."""

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        if KEYED.search(scope["path"]) is None:
            return Match.NONE, {}
        return super().matches(scope)


@dataclass(frozen=True, slots=True)
class Packages:
    view: View
    files: Files
    gate: Gate
    prefetch: Prefetch
    log: AccessLog
    handing: Handing | None = None  # who else gives the bytes of what is kept

    def routes(self) -> list[Route]:
        return [_ByKey("/packages/{rest:path}", self.file, methods=["GET"])]

    async def file(self, request: Request) -> Response:
        index_name, project, key, filename = _parse(request.path_params["rest"])
        index = self.view.index(index_name)
        await self.gate.reader(index, request.headers.get("authorization"))
        name = project_name(project)
        wanted = await self.files.find(index.name, name, file_key(key), filename)
        if wanted.filename.endswith(METADATA) and not _known(request, wanted):
            self.prefetch.metadata_read(index.name, name, wanted)
        response = await self.answer(request, index, wanted)
        if response.status_code == HTTPStatus.OK and request.method == "GET":
            self._remember(index.name, name, file_key(key), wanted, response)
        return response

    def _remember(
        self, index: str, project: ProjectName, key: FileKey, wanted: Wanted, response: Response
    ) -> None:
        """Have it at hand for as long as the page that offers it holds."""
        if self.handing is not None and not wanted.filename.endswith(METADATA):
            return  # the edge would send it from then on, and nobody else ever again
        shelf = self.files.shelf
        shown = shelf.peek(index, project)
        if shown is None or not shelf.current(shown) or not wanted.etag:
            return
        if self.files.beside(shown, key, wanted.filename) != wanted:
            return
        rendered = _rendered(wanted, response)
        if rendered is not None:
            shown.besides[wanted.filename] = rendered
            shelf.grew(shown)

    async def answer(
        self, request: Request, index: Index, wanted: Wanted, *, lasting: bool = True
    ) -> Response:
        """Send the file, or what is asked of it. Not `lasting`: the address may mean another."""
        headers = self._headers(wanted, is_open=self.gate.is_open(index.name), lasting=lasting)
        if refusal := unmet(request, wanted.etag.encode()):
            return refusal
        if _known(request, wanted):
            return Response(None, 304, {name: headers[name] for name in ("etag", "cache-control")})
        if request.method == "HEAD":
            return await self._head(wanted, headers)
        return await self._get(request, index, wanted, headers)

    async def _head(self, wanted: Wanted, headers: dict[str, str]) -> Response:
        size = await self.files.size(wanted)
        response = Response(None, 200, headers)
        if size is None:
            del response.headers["content-length"]
        else:
            response.headers["content-length"] = str(size)
        return response

    async def _get(
        self, request: Request, index: Index, wanted: Wanted, headers: dict[str, str]
    ) -> Response:
        if handed := await self._handed(request, index, wanted, headers):
            return handed
        asked = _asked_range(request, wanted)
        if asked is None:
            body = await self.files.open(wanted, 0, None)
            await self._note(request, index, wanted)
            if body.size is not None:
                headers["content-length"] = str(body.size)
            return await send_body(body.chunks, 200, headers, body.size)
        size = await self.files.size(wanted)
        span = _span(asked, size) if size is not None else None
        if size is not None and span is None:
            return _beyond(request, size)
        if span is None:
            body = await self.files.open(wanted, 0, None)
            await self._note(request, index, wanted)
            return await send_body(body.chunks, 200, headers, None)
        body = await self.files.open(wanted, span.start, span.stop)
        if span.start == 0:  # the rest of a download that is resumed is none of its own
            await self._note(request, index, wanted)
        length = span.stop - span.start
        headers["content-length"] = str(length)
        headers["content-range"] = f"bytes {span.start}-{span.stop - 1}/{span.size}"
        return await send_body(body.chunks, 206, headers, length)

    async def _handed(
        self, request: Request, index: Index, wanted: Wanted, headers: dict[str, str]
    ) -> Response | None:
        """Have somebody else send a distribution that is kept; theirs are the ranges, too."""
        if self.handing is None or wanted.filename.endswith(BESIDE):
            return None
        kept = await self.files.kept(wanted)
        response = await self.handing.answer(request, kept[0], headers) if kept else None
        if kept and response is not None and _begins(request, kept[1]):
            await self._note(request, index, wanted)
        return response

    async def _note(self, request: Request, index: Index, wanted: Wanted) -> None:
        """Have the access journal know who is about to be sent a file."""
        who = await self.gate.reader(index, request.headers.get("authorization"))
        self.log.fetched(request, index, wanted, who.name if who else None)

    def _headers(self, wanted: Wanted, *, is_open: bool, lasting: bool) -> dict[str, str]:
        scope = "public" if is_open else "private"
        hold = FOR_EVER if wanted.etag and lasting else "no-cache"
        headers = {
            "content-type": "application/octet-stream",
            "x-content-type-options": "nosniff",  # an upload must not run as a page of ours
            "accept-ranges": "bytes",
            "cache-control": f"{scope}, {hold}",
        }
        return headers | ({"etag": wanted.etag} if wanted.etag else {})


def _rendered(wanted: Wanted, response: Response) -> Rendered | None:
    """What was sent, to be sent again: small metadata itself, and where a file's bytes lie."""
    size = int(response.headers.get("content-length", 0))
    headers = tuple(response.raw_headers)
    known = wanted.etag.encode(), headers, as_lines(headers)
    if wanted.filename.endswith(METADATA):
        return Rendered(bytes(response.body), *known) if 0 < size <= AT_HAND else None
    digest = wanted.artifact.sha256 if wanted.artifact else wanted.digest
    project = wanted.artifact.project if wanted.artifact else None
    if not size or digest is None:
        return None
    return Rendered(b"", *known, sent=Sent(project, wanted.filename, digest, size))


def _known(request: Request, wanted: Wanted) -> bool:
    """Whether the client has it (RFC 9110, section 13.1.2)."""
    condition = all_of(request, "if-none-match")
    return bool(wanted.etag) and matches(condition, wanted.etag.encode())


def _parse(rest: str) -> tuple[str, str, str, str]:
    """Split `{index}/{project}/{key}/{filename}`; the index may be of two segments."""
    parts = rest.split("/")
    if len(parts) not in {4, 5} or not all(parts):
        raise NoSuchFile(f"/packages/{rest} is not a file's URL; take it from the project's page")
    return "/".join(parts[:-3]), parts[-3], parts[-2], parts[-1]


def _asked_range(request: Request, wanted: Wanted) -> re.Match[str] | None:
    """The one range that is asked for, unless it is of other bytes (If-Range)."""
    condition = request.headers.get("if-range")
    if condition is not None and (not wanted.etag or condition.strip() != wanted.etag):
        return None
    return _said_range(request)


def _said_range(request: Request) -> re.Match[str] | None:
    """Several at once, and a last byte before the first, are ignored (RFC 9110, section 14.2)."""
    found = RANGE.match(request.headers.get("range", "").strip().replace(" ", ""))
    return None if found and found[1] and found[2] and int(found[2]) < int(found[1]) else found


def _begins(request: Request, size: int) -> bool:
    """Whether the beginning of the file is asked for, alone or with the rest."""
    asked = _said_range(request)
    span = _span(asked, size) if asked else Span(0, size, size)
    return span is not None and span.start == 0


def _span(asked: re.Match[str], size: int) -> Span | None:
    """The bytes asked for, or None when there are none such."""
    first, last, suffix = asked.groups()
    if suffix is not None:
        start, stop = max(0, size - int(suffix)), size
    else:
        start, stop = int(first), min(size, int(last) + 1) if last else size
    return Span(start, stop, size) if start < stop else None


def _beyond(request: Request, size: int) -> Response:
    detail = f"the file has {size} bytes; ask for some of them, or leave Range out"
    status = HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE
    response = Problem(request, status, "No such range", detail)
    response.headers["content-range"] = f"bytes */{size}"
    return response


async def send_body(
    chunks: AsyncGenerator[bytes, None], status: int, headers: dict[str, str], length: int | None
) -> Response:
    """Send what is small in one piece; a failure in the middle of the rest cuts the client off."""
    if length is not None and length <= AT_ONCE:
        return Response(b"".join([chunk async for chunk in chunks]), status, headers)
    return Stream(chunks, status, headers)
