"""The simple repository API (PEP 503, 691): pages, rendered once for all who ask alike."""

import asyncio
import gzip
import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from http import HTTPStatus

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from cloche.core import zstd
from cloche.core.errors import Elsewhere
from cloche.core.model import project_name
from cloche.core.negotiation import Encoding, Format, page_encoding, page_format
from cloche.core.provenance import addressed
from cloche.core.wire import render_page
from cloche.service.prefetch import Prefetch
from cloche.service.shelf import Rendered, Shelf, Shown
from cloche.service.view import View
from cloche.web.gate import Gate
from cloche.web.indexes import DEPTH, INDEX
from cloche.web.origin import origin
from cloche.web.problems import Problem
from cloche.web.protocol import as_lines

UPSTREAM_MAX_AGE = 60  # seconds in which clients may not notice that a private name took over
MAX_RENDERS = 24  # of one page, if some depend on where the server was asked for
INLINE = 32 << 10  # bytes that are compressed sooner than a thread is woken


@dataclass(frozen=True, slots=True)
class Simple:
    view: View
    shelf: Shelf
    gate: Gate
    prefetch: Prefetch
    public_url: str | None = None

    def routes(self) -> list[Route]:
        return [
            route
            for root in ("/simple", "/+simple")
            for route in (
                Route(root, self.root, methods=["GET"]),
                Route(f"{root}/{{project}}", self.slash, methods=["GET"]),
                Route(f"{root}/{{project}}/", self.project, methods=["GET"]),
            )
        ]

    async def root(self, request: Request) -> Response:
        return moved(request, f"{request.scope['path'].rpartition('/')[2]}/")

    async def slash(self, request: Request) -> Response:
        """Redirect to the address with a slash (PEP 503), which no proxy in front can break."""
        return moved(request, f"{project_name(request.path_params['project'])}/")

    async def project(self, request: Request) -> Response:
        index = self.view.index(request.scope[INDEX])
        await self.gate.reader(index, request.headers.get("authorization"))
        raw: str = request.path_params["project"]
        name = project_name(raw)
        if raw != name:  # PEP 503: one project, one URL
            return moved(request, f"../{name}/")
        try:
            with self.prefetch.reading(index.name, name):
                shown = await self.shelf.get(index.name, name)
        except Elsewhere as e:
            # Never for ever: pip would remember a 301, whoever comes to own the name.
            return RedirectResponse(e.url, 302, {"cache-control": "no-store"})
        shown.sight.check_shown(index.name)
        self.prefetch.page_read(shown)
        form, encoding = wishes(request)
        # Provenance has an absolute address (PEP 740): such a page is another for each origin.
        own = shown.attested and not self.public_url
        place = origin(request.scope) if own else None
        rendered = await self.rendered(shown, form, encoding, request.scope[DEPTH], place)
        return conditional(request, rendered)

    async def rendered(
        self,
        shown: Shown,
        form: Format,
        encoding: Encoding,
        depth: int,
        place: str | None = None,
    ) -> Rendered:
        """The page's bytes: made once, then kept with what was shown.

        `place` is the origin at which the server was asked for, if they depend on it.
        """
        key = render_key(form, encoding, depth, place)
        found = shown.renders.get(key)
        if found is None:
            prefix = "../" * (2 + depth) + f"packages/{shown.index}/{shown.page.name}/"
            found = await self._render(shown, form, encoding, prefix, place)
            if place and len(shown.renders) >= MAX_RENDERS:
                shown.renders.clear()  # a client can make origins up
            shown.renders[key] = found
            self.shelf.grew(shown)
        return found

    async def _render(
        self, shown: Shown, form: Format, encoding: Encoding, prefix: str, place: str | None
    ) -> Rendered:
        age = 0 if shown.sight.hosted else UPSTREAM_MAX_AGE
        base = (place or self.public_url or "").rstrip("/")
        integrity = f"{base}/{shown.index}/integrity/{shown.page.name}"
        cache = cache_control(age, is_open=self.gate.is_open(shown.index))

        def work() -> Rendered:
            page = addressed(shown.page, integrity) if shown.attested else shown.page
            body = render_page(page, form, prefix)
            done = finish(body, form, encoding, cache, serial=shown.sight.told)
            return replace(done, origin=place)

        if FILE_BYTES * len(shown.page.files) <= INLINE:
            return work()
        return await asyncio.to_thread(work)


def render_key(
    form: Format, encoding: Encoding, depth: int, place: str | None = None
) -> tuple[object, ...]:
    """What a page's bytes are kept by."""
    return (form, encoding, depth, place) if place else (form, encoding, depth)


REPEATED = frozenset({b"etag", b"cache-control", b"vary", b"x-pypi-last-serial"})
FILE_BYTES = 500  # that an entry takes on a page, about


def finish(body: bytes, kind: str, encoding: Encoding, cache: str, *, serial: int = 0) -> Rendered:
    """Compress a page, and make the headers that every answer with it has.

    The ETag is strong and names the encoded bytes: uv never revalidates a weak one.
    """
    packed = _pack(body, encoding)
    etag = f'"{hashlib.sha256(packed).hexdigest()[:32]}"'.encode()
    return sealed(packed, etag, kind, encoding, cache, serial=serial)


def sealed(
    packed: bytes, etag: bytes, kind: str, encoding: Encoding, cache: str, *, serial: int
) -> Rendered:
    """Make the headers of what is compressed already. No `serial` is told if it is 0."""
    headers = [
        (b"content-type", (f"{kind}; charset=utf-8" if kind == Format.HTML else kind).encode()),
        (b"content-length", str(len(packed)).encode()),
        (b"etag", etag),
        (b"cache-control", cache.encode()),
        (b"vary", b"Accept, Accept-Encoding"),
    ]
    if encoding is not Encoding.IDENTITY:
        headers.append((b"content-encoding", encoding.encode()))
    if serial:
        headers.append((b"x-pypi-last-serial", str(serial).encode()))
    return Rendered(packed, etag, tuple(headers), as_lines(headers))


async def fresh(
    write: Callable[[], bytes], form: Format, encoding: Encoding, *, is_open: bool
) -> Rendered:
    """A page that is written for one request, and must be asked for again each time."""
    cache = cache_control(0, is_open=is_open)
    return await asyncio.to_thread(lambda: finish(write(), form, encoding, cache))


def moved(request: Request, place: str) -> Response:
    """Redirect for ever to a place relative to this one, with the same question behind it."""
    query = request.scope["query_string"].decode("latin-1")
    return RedirectResponse(f"{place}?{query}" if query else place, 301)


def conditional(request: Request, rendered: Rendered) -> Response:
    """The page, or 304 when the client has it (RFC 9110, section 13.1.2)."""
    if refusal := unmet(request, rendered.etag):
        return refusal
    if matches(all_of(request, "if-none-match"), rendered.etag):
        response = Response(None, 304)
        response.raw_headers = not_modified(rendered)
    else:
        response = Response(rendered.body)
        response.raw_headers = list(rendered.headers)
    return response


def unmet(request: Request, etag: bytes) -> Response | None:
    """412 when If-Match names only other bytes, by strong comparison (section 13.1.1)."""
    tags = {tag.strip() for tag in all_of(request, "if-match").split(",")}
    if tags & {"", "*", etag.decode()}:
        return None
    detail = f"what is here has the ETag {etag.decode() or 'of nothing'}; leave If-Match out"
    status = HTTPStatus.PRECONDITION_FAILED
    return Problem(request, status, status.phrase, detail)


def matches(header: str | None, etag: bytes) -> bool:
    """Whether an If-None-Match header names the ETag, by weak comparison."""
    if header is None:
        return False
    tags = {tag.strip().removeprefix("W/") for tag in header.split(",")}
    return "*" in tags or etag.decode() in tags


def not_modified(rendered: Rendered) -> list[tuple[bytes, bytes]]:
    """What a 304 repeats (RFC 9110, section 15.4.5): validators, caching, and the serial."""
    return [h for h in rendered.headers if h[0] in REPEATED]


def wishes(request: Request) -> tuple[Format, Encoding]:
    """In which form and encoding the client wants a page."""
    form = page_format(all_of(request, "accept"), request.query_params.get("format", ""))
    return form, page_encoding(all_of(request, "accept-encoding"))


def all_of(request: Request, header: str) -> str:
    """A header that lists, sent once or in several parts (RFC 9110, section 5.3)."""
    return ",".join(request.headers.getlist(header))


def _pack(body: bytes, encoding: Encoding) -> bytes:
    if encoding is Encoding.GZIP:
        return gzip.compress(body, mtime=0)
    if encoding is Encoding.ZSTD:
        return zstd.packed(body)
    return body


def cache_control(age: int, *, is_open: bool) -> str:
    # Uploads must be seen at once: always ask again, which costs a 304.
    hold = f"max-age={age}" if age else "no-cache"
    return f"{'public' if is_open else 'private'}, {hold}"
