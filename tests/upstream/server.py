"""The fake upstream itself: takes a request, finds what lies there, lets the rules spoil it."""

from dataclasses import dataclass, field

from aiohttp import web
from packaging.utils import canonicalize_name

from tests.upstream.answers import Answer, Asked, Resource
from tests.upstream.delivery import deliver, only_our_headers
from tests.upstream.honest import (
    answer_of,
    document_of,
    links_of,
    page_of,
    resource_of_file,
    resource_of_page,
)
from tests.upstream.misbehaviour import Misbehaviour
from tests.upstream.model import File, Recorded
from tests.upstream.world import World

ELSEWHERE = "/elsewhere"


@dataclass(slots=True)
class Fake:
    """The index of the present world, on whatever ports it is served."""

    other: str = ""
    world: World = field(default_factory=World)

    def app(self) -> web.Application:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self.handle)
        app.on_response_prepare.append(only_our_headers)
        return app

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Record the request, then answer it as the rules for its path want."""
        world, record = self.world, recorded(request)
        await world.seen.add(record)
        rules = world.rules_for(record.path)
        asked = Asked(
            method=request.method,
            path=record.path,
            headers=request.headers,
            query=request.query,
            base=f"http://{request.host}",
            other=self.other,
        )
        return await deliver(request, _answer(world, asked, rules), record, world)


def recorded(request: web.Request, path: str | None = None) -> Recorded:
    """Write down the request, under this path if it is given."""
    peer, here = ("", 0), ("", 0)
    if request.transport is not None:
        peer = request.transport.get_extra_info("peername")
        here = request.transport.get_extra_info("sockname")
    return Recorded(
        method=request.method,
        path=request.path if path is None else path,
        query=request.query_string,
        headers={name.lower(): value for name, value in request.headers.items()},
        peer=f"{peer[0]}:{peer[1]}",
        port=here[1],
    )


def _answer(world: World, asked: Asked, rules: list[Misbehaviour]) -> Answer:
    answer = _redirect(asked) or _found(world, asked, rules)
    if asked.method not in ("GET", "HEAD"):
        answer = _said(asked, 405, "only GET and HEAD\n")
    for rule in rules:
        rule.answer(answer)
    return answer


def _found(world: World, asked: Asked, rules: list[Misbehaviour]) -> Answer:
    resource = _resource(world, asked, rules)
    if resource is None:
        return _said(asked, 404, "not here\n")
    for rule in rules:
        rule.resource(resource)
    return answer_of(resource)


def _resource(world: World, asked: Asked, rules: list[Misbehaviour]) -> Resource | None:
    """Find what lies at the path. There is no list of projects: /simple/ is not here."""
    match asked.path.removeprefix(ELSEWHERE).split("/"):
        case ["", "simple", name, ""] if name in world.projects:
            page = page_of(world.projects[name], asked)
            for rule in rules:
                rule.page(page)
            return resource_of_page(page, asked)
        case ["", "pypi", name, "json"] if name in world.projects:
            return document_of(world.projects[name], asked)
        case ["", "links"]:
            return links_of(world.projects.values(), asked)
        case ["", "files", name, filename] if name in world.projects:
            return _file(world.projects[name].files, filename, asked)
    return None


def _file(files: dict[str, File], filename: str, asked: Asked) -> Resource | None:
    if filename in files:
        return resource_of_file(files[filename].content, asked)
    stem, _, end = filename.rpartition(".")
    file = files.get(stem)
    if file is None:
        return None
    content = {"metadata": file.metadata, "asc": file.signature}.get(end)
    return None if content is None else resource_of_file(content, asked)


def _redirect(asked: Asked) -> Answer | None:
    """Send to the one URL of a project: normal name, slash at the end (PEP 503)."""
    match asked.path.split("/"):
        case ["", "simple", name, *rest] if name and rest in ([], [""]):
            home = f"/simple/{canonicalize_name(name)}/"
            return None if asked.path == home else Answer(asked, 301, {"Location": home})
    return None


def _said(asked: Asked, status: int, text: str) -> Answer:
    body = text.encode()
    return Answer(asked, status, {"Content-Type": "text/plain"}, body, len(body))
