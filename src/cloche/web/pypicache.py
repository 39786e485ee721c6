"""pypicache's addresses for files, which were PyPI's once: by name in place of by digest."""

import re
from dataclasses import dataclass
from http import HTTPStatus

from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Match, Route
from starlette.types import Scope

from cloche.core.errors import BadUpload, NoSuchFile
from cloche.core.filenames import parse
from cloche.core.model import ProjectName, project_name
from cloche.ports import Spool
from cloche.service.publish import Incoming, Publish
from cloche.service.shelf import Shelf
from cloche.web.bodies import take
from cloche.web.files import Packages
from cloche.web.indexes import INDEX
from cloche.web.multipart import Form, FormReader

ADDRESS = re.compile(
    r"/packages/(?:(?P<python>[a-z0-9.]{1,40})/(?P<letter>[A-Za-z0-9])/)?"
    r"(?P<project>(?P<first>[A-Za-z0-9])[^/]*)/(?P<filename>[^/]+)\Z"
)
KEY = re.compile(r"u?[0-9a-f]{64}\Z")
CLAIMS = {":action": ["file_upload"]}
FILE = "sdist"  # the form's part


class _ByName(Route):
    """Told from a file's own address by the letter, which is the first of the project's name.

    Where that is the project's, whose name may be one letter too, a digest comes behind it.
    """

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        found = ADDRESS.match(scope["path"]) if scope["type"] == "http" else None
        if found is None or (found["letter"] or found["first"]).lower() != found["first"].lower():
            return Match.NONE, {}
        if found["letter"] and KEY.match(found["project"]):
            return Match.NONE, {}
        matched = Match.FULL if scope["method"] in (self.methods or ()) else Match.PARTIAL
        return matched, {"endpoint": self.endpoint, "path_params": found.groupdict()}


@dataclass(frozen=True, slots=True)
class PypiCache:
    shelf: Shelf
    packages: Packages
    publish: Publish
    spool: Spool
    max_upload: int

    def routes(self) -> list[Route]:
        return [
            Route("/uploadpackage/", self.form, methods=["POST"]),
            Route("/uploadpackage", self.form, methods=["POST"]),
            _ByName("/packages/{python}/{letter}/{project}/{filename}", self.put, methods=["PUT"]),
            _ByName("/packages/{python}/{letter}/{project}/{filename}", self.get, methods=["GET"]),
            Route("/download/{project}/{filename}/", self.get, methods=["GET"]),  # mypi's
            Route(
                "/packages/{rest:path}", self.packages.file, methods=["GET"]
            ),  # says what it is not
        ]

    async def get(self, request: Request) -> Response:
        """The file of that name on the project's page, fetched from its upstream if need be."""
        gate, said = self.packages.gate, request.path_params
        index = self.packages.view.index(request.scope[INDEX])
        await gate.reader(index, request.headers.get("authorization"))
        project, filename = project_name(said["project"]), said["filename"]
        file = (await self.shelf.get(index.name, project)).page.find(filename)
        if file is None:
            raise NoSuchFile(f"index {index.name} has no file {filename} of {project}")
        wanted = await self.packages.files.find(index.name, project, file.key, filename)
        return await self.packages.answer(request, index, wanted, lasting=False)

    async def put(self, request: Request) -> Response:
        """Publish the body under the path's name: 201, or 200 if it is there already."""
        filename: str = request.path_params["filename"]
        _check_name(project_name(request.path_params["project"]), filename)
        index = self.packages.view.index(request.scope[INDEX])
        who = await self.packages.gate.uploader(index, request.headers.get("authorization"))
        await self.publish.check_open(index)
        with self.spool.scratch() as scratch:
            await take(request, filename, scratch, self.max_upload)
            incoming = Incoming(filename=filename, fields=CLAIMS)
            new = await self.publish.publish(index, who, incoming, scratch)
        done = "published" if new else "was here already, with the same bytes:"
        status = HTTPStatus.CREATED if new else HTTPStatus.OK
        return PlainTextResponse(f"{done} {filename}\n", status)

    async def form(self, request: Request) -> Response:
        """Publish the one file of a form without any claims: `curl -F sdist=@dist/…`."""
        index = self.packages.view.index(request.scope[INDEX])
        who = await self.packages.gate.uploader(index, request.headers.get("authorization"))
        await self.publish.check_open(index)
        with self.spool.scratch() as scratch:
            reader = FormReader(
                request.headers.get("content-type", ""), scratch, {FILE}, self.max_upload
            )
            reader.check_length(int(request.headers.get("content-length", 0)))
            filename = _filename(await _read(reader, request))
            incoming = Incoming(filename=filename, fields=CLAIMS)
            await self.publish.publish(index, who, incoming, scratch)
        return JSONResponse({"uploaded": "ok"})


def _check_name(project: ProjectName, filename: str) -> None:
    named = parse(filename).project
    if named != project:
        raise BadUpload([f"{filename} is a file of {named}, and not of {project}"])


async def _read(reader: FormReader, request: Request) -> Form:
    try:
        return await reader.read(request.stream())
    except ClientDisconnect:
        raise BadUpload(["the connection ended before the form did; send it again"]) from None


def _filename(form: Form) -> str:
    if not form.filename:
        raise BadUpload([f"the form has no file; send it as the part {FILE}: curl -F {FILE}=@FILE"])
    return form.filename
