"""The legacy upload API: `POST` of a multipart form, as twine, uv and the others send it."""

from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from cloche.core.errors import BadUpload
from cloche.ports import Spool
from cloche.service.publish import Incoming, Publish
from cloche.service.view import View
from cloche.web.gate import Gate
from cloche.web.indexes import INDEX
from cloche.web.multipart import Form, FormReader

ADDRESSES = ("/legacy/", "/legacy", "/", "/simple/", "/pypi/", "/pypi")
PROTOCOL_VERSION = "1"


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
        with self.spool.scratch() as scratch:
            kind = request.headers.get("content-type", "")
            reader = FormReader(kind, scratch, {"content"}, self.max_upload)
            incoming = _incoming(await reader.read(request.stream()))
            new = await self.publish.publish(index, who, incoming, scratch)
        done = "published" if new else "was here already, with the same bytes:"
        return PlainTextResponse(f"{done} {incoming.filename}\n")


def _incoming(form: Form) -> Incoming:
    """Raise BadUpload, with all that is wrong, unless the form is a file upload."""
    problems = []
    action = form.fields.get(":action", [""])[-1]
    if action != "file_upload":
        problems.append(f"the form's :action is {action!r}; only file_upload is understood")
    protocol = form.fields.get("protocol_version", [PROTOCOL_VERSION])[-1]
    if protocol != PROTOCOL_VERSION:
        problems.append(f"protocol_version is {protocol!r}; only {PROTOCOL_VERSION} is understood")
    if not form.filename:
        problems.append("the form has no file; send it as the part named content")
    if problems or not form.filename:
        raise BadUpload(problems)
    return Incoming(filename=form.filename, fields=form.fields)
