"""The legacy upload API: `POST` of a multipart form, as twine, uv and the others send it.

What the form wants is its `:action`, wherever in it that stands.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from cloche.core import classifiers, metadata
from cloche.core.access import Principal
from cloche.core.errors import BadUpload, Forbidden, TooLarge, Unauthenticated
from cloche.core.index import Index
from cloche.core.model import project_name
from cloche.ports import Scratch, Spool
from cloche.service.documentation import Documents
from cloche.service.publish import Incoming, Publish, form_problems
from cloche.service.view import View
from cloche.web.addresses import Addresses
from cloche.web.gate import Gate
from cloche.web.indexes import INDEX
from cloche.web.multipart import Form, FormReader

ADDRESSES = ("/legacy/", "/legacy", "/", "/simple/", "/pypi/", "/pypi")
MAX_ANONYMOUS = 1 << 20  # bytes of a form that is read before anybody has shown a token


@dataclass(frozen=True, slots=True)
class Received:
    """A form, who sent it, and where: `content` holds the bytes of its file."""

    index: Index
    who: Principal
    form: Form
    content: Scratch


Act = Callable[[Received], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class Uploads:
    view: View
    publish: Publish
    documents: Documents
    spool: Spool
    gate: Gate
    max_upload: int

    def routes(self) -> list[Route]:
        return [
            Addresses(ADDRESSES, self.upload, "POST"),
            Addresses(ADDRESSES, self.ask, "GET", asks=True),
        ]

    async def upload(self, request: Request) -> Response:
        """Do what the form wants, or tell all that is wrong with it; never a redirect."""
        index = self.view.index(request.scope[INDEX])
        with self.spool.scratch() as scratch:
            try:
                who = await self.gate.uploader(index, request.headers.get("authorization"))
            except Unauthenticated as refusal:
                return await self._for_anyone(request, index, scratch, refusal)
            await self.publish.check_open(index)
            form = await self._read(request, scratch)
            return await self._action(form)(Received(index, who, form, scratch))

    async def ask(self, request: Request) -> Response:
        """Answer what may be asked by GET: `?:action=list_classifiers`."""
        index = self.view.index(request.scope[INDEX])
        await self.gate.reader(index, request.headers.get("authorization"))
        return _asked(request.query_params.get(":action", ""))

    async def _for_anyone(
        self, request: Request, index: Index, scratch: Scratch, refusal: Unauthenticated
    ) -> Response:
        """What needs no token: distutils' register asks for `verify` without one."""
        length = int(request.headers.get("content-length", 0))
        said = {"authorization", "expect"}.intersection(request.headers)
        if said or not 0 < length <= MAX_ANONYMOUS:
            raise refusal
        await self.gate.reader(index, None)
        try:
            form = await self._read(request, scratch)
        except (BadUpload, TooLarge):
            raise refusal from None
        action = _said(form.fields)
        if action == "verify":
            return _verified(form.fields)
        if action == "list_classifiers":
            return _asked(action)
        raise refusal

    def _action(self, form: Form) -> Act:
        actions: Mapping[str, Act] = {
            "": self._publish,  # a form that wants nothing is told all that it lacks
            "file_upload": self._publish,
            "doc_upload": self._document,
            "submit": _register,
            "submit_pkg_info": _register,
            "verify": _register,
            "list_classifiers": _list_classifiers,
            "user": _no_accounts,
            "password_reset": _no_accounts,
        }
        action = _said(form.fields)
        if action not in actions:
            known = ", ".join(filter(None, actions))
            raise BadUpload([f"the form's :action is {action[:100]!r}; these are known: {known}"])
        return actions[action]

    async def _publish(self, received: Received) -> Response:
        """Take one file. 200 also when the same bytes are there already."""
        incoming = _incoming(received.form)
        new = await self.publish.publish(received.index, received.who, incoming, received.content)
        done = "published" if new else "was here already, with the same bytes:"
        return told(f"{done} {incoming.filename}", received.form.fields)

    async def _document(self, received: Received) -> Response:
        """Take a zip archive as the project's documentation."""
        name = (received.form.fields.get("name") or [""])[0]
        if not received.form.filename:
            raise BadUpload(["the form has no zip archive; send it as the part named content"])
        project = project_name(name)
        count = await self.documents.publish(
            received.index, received.who, project, received.content
        )
        place = f"/{received.index.name}/project/{project}/docs/"
        return PlainTextResponse(
            f"published the documentation of {project}: {count} files, {place}\n"
        )

    async def _read(self, request: Request, scratch: Scratch) -> Form:
        kind = request.headers.get("content-type", "")
        reader = FormReader(kind, scratch, {"content"}, self.max_upload)
        reader.check_length(int(request.headers.get("content-length", 0)))
        try:
            return await reader.read(request.stream())
        except ClientDisconnect:
            raise BadUpload(["the connection ended before the form did; send it again"]) from None


def _said(fields: Mapping[str, list[str]]) -> str:
    """What the form wants. Raise BadUpload when it wants several things."""
    said = fields.get(":action") or [""]
    if len(set(said)) > 1:
        raise BadUpload([f"the form has {len(said)} different fields :action; send one"])
    return said[0]


def told(done: str, fields: Mapping[str, list[str]]) -> Response:
    """What was done, and a line for each doubt about it."""
    doubts = (f"warning: {doubt}" for doubt in classifiers.doubts(fields.get("classifiers", [])))
    return PlainTextResponse("".join(f"{line}\n" for line in (done, *doubts)))


async def _register(received: Received) -> Response:
    return _verified(received.form.fields)


def _verified(fields: Mapping[str, list[str]]) -> Response:
    """Check what `register` states. It registers nothing: the first upload makes a project."""
    problems = metadata.form_problems(fields)
    if problems:
        raise BadUpload(problems)
    return told("nothing is wrong with this metadata; upload a file to publish it", fields)


async def _list_classifiers(_: Received) -> Response:
    return _asked("list_classifiers")


def _asked(action: str) -> Response:
    if action == "list_classifiers":
        return PlainTextResponse("".join(f"{each}\n" for each in classifiers.known()))
    raise BadUpload(
        [f":action={action[:100]} is not for GET; list_classifiers is, POST the others"]
    )


async def _no_accounts(_: Received) -> Response:
    raise Forbidden(
        "accounts cannot be made or changed by register; make a token with `cloche token create`, "
        "and give it as the password of the user __token__"
    )


def _incoming(form: Form) -> Incoming:
    """Raise BadUpload, with all that is wrong, unless the form brought a file."""
    if not form.filename:
        lack = "the form has no file; send it, with its filename, as the part named content"
        raise BadUpload([*form_problems(form.fields), lack])
    return Incoming(filename=form.filename, fields=form.fields)
