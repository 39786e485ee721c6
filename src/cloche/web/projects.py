"""The root of the simple repository API: the list of all projects, however many."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from cloche.core import gzips
from cloche.core.gzips import Part
from cloche.core.negotiation import Encoding, Format, page_encoding, page_format
from cloche.core.roots import parts
from cloche.service.roots import Root, Roots
from cloche.service.shelf import Rendered
from cloche.service.view import View
from cloche.web.gate import Gate
from cloche.web.indexes import INDEX
from cloche.web.simple import all_of, cache_control, conditional, sealed

Key = tuple[Format, Encoding]


def root_key(accept: str, accept_encoding: str, wish: str = "") -> Key:
    """What the list's bytes depend on. It is kept in one encoding, the one that all take."""
    encoding = page_encoding(accept_encoding, (Encoding.GZIP,))
    return page_format(accept, wish), encoding


@dataclass(frozen=True, slots=True)
class Projects:
    view: View
    roots: Roots
    gate: Gate

    def routes(self) -> list[Route]:
        return [Route(f"/{root}/", self.list, methods=["GET"]) for root in ("simple", "+simple")]

    async def list(self, request: Request) -> Response:
        index = self.view.index(request.scope[INDEX])
        await self.gate.reader(index, request.headers.get("authorization"))
        root = await self.roots.get(index.name)
        form, encoding = root_key(
            all_of(request, "accept"),
            all_of(request, "accept-encoding"),
            request.query_params.get("format", ""),
        )
        rendered = root.renders.get((form, encoding)) or await self._rendered(root, form, encoding)
        answer = conditional(request, rendered)
        if encoding is Encoding.IDENTITY and answer.status_code == 200:  # noqa: PLR2004 - OK
            answer = StreamingResponse(_plain(parts(root.roll, form, root.html)))
            answer.raw_headers = list(rendered.headers)
        return answer

    async def _rendered(self, root: Root, form: Format, encoding: Encoding) -> Rendered:
        """The list's bytes, or for those who take none compressed its headers alone."""
        cache = cache_control(0, is_open=self.gate.is_open(root.index))

        def work() -> Rendered:
            found = parts(root.roll, form, root.html)
            packed = gzips.joined(found) if encoding is Encoding.GZIP else b""
            made = sealed(
                packed, _etag(found, encoding), form, encoding, cache, serial=root.roll.serial
            )
            return made if packed else _of_length(made, sum(each.size for each in found))

        rendered = await asyncio.to_thread(work)
        if encoding is Encoding.GZIP:
            root.renders[form, encoding] = rendered
            self.roots.grew(root)
        return rendered


async def _plain(found: Iterable[Part]) -> AsyncIterator[bytes]:
    for each in found:
        yield gzips.text(each)


def _etag(found: Iterable[Part], encoding: Encoding) -> bytes:
    """Strong: it names every part's text, and the encoding."""
    seen = hashlib.sha256(encoding.encode())
    for each in found:
        seen.update(each.digest)
    return f'"{seen.hexdigest()[:32]}"'.encode()


def _of_length(rendered: Rendered, length: int) -> Rendered:
    """The same for a body that is made as it is sent."""
    headers = tuple(
        (name, str(length).encode() if name == b"content-length" else value)
        for name, value in rendered.headers
    )
    return Rendered(b"", rendered.etag, headers, b"")
