"""The legacy upload API: `POST` of a multipart form, as twine, uv and the others send it."""

from dataclasses import dataclass

from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from cloche.core.errors import BadUpload
from cloche.ports import Scratch, Spool
from cloche.service.publish import Incoming, Publish, form_problems
from cloche.service.view import View
from cloche.web.gate import Gate
from cloche.web.indexes import INDEX
from cloche.web.multipart import Form, FormReader

ADDRESSES = ("/legacy/", "/legacy", "/", "/simple/", "/pypi/", "/pypi")


@dataclass(frozen=True, slots=True)
class Uploads:
    view: View
    publish: Publish
    spool: Spool
    gate: Gate
    max_upload: int

    def routes(self) -> list[Route]:
        return [Route(address, self.upload, methods=["POST"]) for address in ADDRESSES]

    async def upload(self, request: Request) -> Response:
        """Take one file. 200 also when the same bytes are there already, never a redirect."""
        index = self.view.index(request.scope[INDEX])
        who = await self.gate.uploader(index, request.headers.get("authorization"))
        self.publish.check_open(index)
        with self.spool.scratch() as scratch:
            incoming = _incoming(await self._read(request, scratch))
            new = await self.publish.publish(index, who, incoming, scratch)
        done = "published" if new else "was here already, with the same bytes:"
        return PlainTextResponse(f"{done} {incoming.filename}\n")

    async def _read(self, request: Request, scratch: Scratch) -> Form:
        kind = request.headers.get("content-type", "")
        reader = FormReader(kind, scratch, {"content"}, self.max_upload)
        reader.check_length(int(request.headers.get("content-length", 0)))
        try:
            return await reader.read(request.stream())
        except ClientDisconnect:
            raise BadUpload(["the connection ended before the form did; send it again"]) from None


def _incoming(form: Form) -> Incoming:
    """Raise BadUpload, with all that is wrong, unless the form brought a file."""
    if not form.filename:
        lack = "the form has no file; send it, with its filename, as the part named content"
        raise BadUpload([*form_problems(form.fields), lack])
    return Incoming(filename=form.filename, fields=form.fields)
