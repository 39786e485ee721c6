"""Uploads without a form: `PUT` or `POST` of a file's bytes to its own name, as curl sends them."""

from dataclasses import dataclass
from http import HTTPStatus

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from cloche.core.errors import BadUpload
from cloche.core.filenames import parse
from cloche.ports import Spool
from cloche.service.publish import Incoming, Publish
from cloche.service.view import View
from cloche.web.addresses import Exact
from cloche.web.bodies import take
from cloche.web.gate import Gate
from cloche.web.indexes import INDEX

CLAIMS = {":action": ["file_upload"]}


@dataclass(frozen=True, slots=True)
class PlainUploads:
    view: View
    publish: Publish
    spool: Spool
    gate: Gate
    max_upload: int

    def routes(self) -> list[Route]:
        return [
            Exact("/legacy/{filename}", self.upload, methods=["PUT", "POST"]),
            Exact("/{filename}", self.upload, methods=["PUT"]),
        ]

    async def upload(self, request: Request) -> Response:
        """Publish the body under the path's filename: 201, or 200 if it is there already."""
        index = self.view.index(request.scope[INDEX])
        who = await self.gate.uploader(index, request.headers.get("authorization"))
        await self.publish.check_open(index)
        filename: str = request.path_params["filename"]
        parse(filename)  # better before the body than behind it
        _check_kind(request)
        with self.spool.scratch() as scratch:
            await take(request, filename, scratch, self.max_upload)
            incoming = Incoming(filename=filename, fields=CLAIMS)
            new = await self.publish.publish(index, who, incoming, scratch)
        done = "published" if new else "was here already, with the same bytes:"
        status = HTTPStatus.CREATED if new else HTTPStatus.OK
        return PlainTextResponse(f"{done} {filename}\n", status)


def _check_kind(request: Request) -> None:
    kind = request.headers.get("content-type", "")
    if kind.lower().startswith("multipart/"):
        raise BadUpload(["the body is a form; send forms to /legacy/, and plain files here"])
