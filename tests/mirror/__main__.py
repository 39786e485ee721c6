"""Runs the scripted upstream until its standard input ends, so it never outlives who started it."""

import asyncio
import hashlib
import sys
import xmlrpc.client
from collections import Counter
from typing import Any, cast

from aiohttp import web

from tests.mirror import answering, history
from tests.mirror.answering import FLAVOURS, Flavour, Said
from tests.mirror.world import Listed, World
from tests.upstream.answers import HTML, JSON


class Scripted:
    """The world, what lies where in it, and what was asked."""

    def __init__(self) -> None:
        self._world = World()
        self._files: dict[str, Listed] = {}
        self._asked: Counter[str] = Counter()

    def application(self) -> web.Application:
        application = web.Application()
        for flavour in FLAVOURS:
            application.router.add_get(f"/{{flavour:{flavour}}}/simple", self._root)
            application.router.add_get(f"/{{flavour:{flavour}}}/simple/", self._root)
            application.router.add_get(f"/{{flavour:{flavour}}}/simple/{{project}}/", self._page)
            application.router.add_get(f"/{flavour}/pypi/{{project}}/json", self._legacy)
        application.router.add_post("/xmlrpc/pypi", self._call)
        application.router.add_post("/json/pypi", self._call)
        application.router.add_get("/packages/{path:.*}", self._file)
        application.router.add_post("/control/{word}", self._control)
        return application

    async def _root(self, request: web.Request) -> web.Response:
        self._asked["list"] += 1
        if self._world.outage:
            return web.Response(status=503)
        return _answer(request, answering.root(self._world, _flavour(request)))

    async def _page(self, request: web.Request) -> web.Response:
        self._asked["page"] += 1
        project = self._world.page(request.match_info["project"])
        if project is None:
            return web.Response(status=404)
        if request.match_info["project"] in self._world.failing:
            return web.Response(status=500)
        return _answer(request, answering.page(project, _flavour(request), _base(request)))

    async def _legacy(self, request: web.Request) -> web.Response:
        self._asked["document"] += 1
        project = self._world.page(request.match_info["project"])
        if project is None:
            return web.Response(status=404)
        if request.match_info["project"] in self._world.failing:
            return web.Response(status=500)
        return _answer(request, answering.legacy(project, _base(request)))

    async def _call(self, request: web.Request) -> web.Response:
        self._asked["call"] += 1
        parameters, method = xmlrpc.client.loads((await request.read()).decode())
        said = answering.called(self._world, str(method), cast("tuple[Any, ...]", parameters))
        result: Any = xmlrpc.client.Fault(-32601, "no such method") if said is None else (said,)
        text = xmlrpc.client.dumps(result, methodresponse=True, allow_none=True)
        return web.Response(text=text, content_type="text/xml")

    async def _file(self, request: web.Request) -> web.Response:
        path = request.path
        beside = path.endswith(".metadata")
        self._asked["metadata" if beside else "file"] += 1
        each = self._files.get(path.removesuffix(".metadata"))
        if each is None or (beside and not each.has_metadata):
            return web.Response(status=404)
        body = each.built.metadata if beside else each.built.content
        if each.built.filename in self._world.spoiled and not beside:
            body = body[:-1] + bytes([body[-1] ^ 0xFF])
        return web.Response(body=body, content_type="application/octet-stream")

    async def _control(self, request: web.Request) -> web.Response:
        said = await request.json()
        match request.match_info["word"]:
            case "found":
                self._world = history.founded(**said)
                self._asked.clear()
            case "play":
                history.STEPS[said](self._world)
            case "outage":
                self._world.outage = said
            case "empty":
                self._world.emptied = said
            case "asked":
                asked = dict(self._asked)
                self._asked.clear()
                return web.json_response(asked)
        # What a page of the past lists can still be had, as from PyPI's file host.
        for project in self._world.projects.values():
            self._files |= {each.path: each for each in project.files.values()}
        return web.json_response(None)


def _flavour(request: web.Request) -> Flavour:
    return cast("Flavour", request.match_info["flavour"])


def _base(request: web.Request) -> str:
    return f"http://{request.host}"


def _answer(request: web.Request, said: Said) -> web.Response:
    accept = request.headers.get("Accept", "*/*")
    if said.media_type == JSON and HTML in accept and JSON not in accept:
        return web.Response(status=406)
    tag = f'"{hashlib.sha256(said.body).hexdigest()[:32]}"'
    headers = {"ETag": tag, "Cache-Control": "max-age=600, public", "Content-Type": said.media_type}
    if said.serial is not None:
        headers["X-PyPI-Last-Serial"] = str(said.serial)
    if request.headers.get("If-None-Match") == tag:
        return web.Response(status=304, headers=headers)
    return web.Response(body=said.body, headers=headers)


async def main() -> None:
    """Print the port, and serve."""
    runner = web.AppRunner(Scripted().application(), access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    sys.stdout.write(f"{port}\n")
    sys.stdout.flush()
    await asyncio.to_thread(sys.stdin.buffer.read)
    await runner.cleanup()


if __name__ == "__main__":
    asyncio.run(main())
