"""Places that advisories come from, each filled by the test."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from aiohttp import web

from cloche import feeds
from cloche.ports import Feed
from cloche.spool import Spool
from tests.services.s3 import Bucket

MAX_BYTES = 1_000_000


@dataclass
class Site:
    """A web server of one file. It tells its ETag or time, if it has one."""

    url: str = ""
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    status: int | None = None
    asked: list[dict[str, str]] = field(default_factory=list)

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(dict(request.headers))
        given = {request.headers.get(n) for n in ("If-None-Match", "If-Modified-Since")} - {None}
        if given & set(self.headers.values()):
            return web.Response(status=304)
        status = self.status or (200 if self.body else 404)
        return web.Response(status=status, body=self.body, headers=self.headers)


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    made = Site()
    app = web.Application()
    app.router.add_get("/{name:.*}", made.answer)
    runner = web.AppRunner(app)
    await runner.setup()
    serving = web.TCPSite(runner, "127.0.0.1", 0)
    await serving.start()
    host, port = runner.addresses[0][:2]
    made.url = f"http://{host}:{port}"
    yield made
    await runner.cleanup()


@dataclass(frozen=True)
class Place:
    """A feed, and how to give it other bytes."""

    feed: Feed
    fill: Callable[[bytes], Awaitable[None]]


Open = Callable[..., Feed]


@pytest.fixture
def opened(tmp_path: Path) -> Open:
    """Give a function that makes ready a feed at an address."""
    spool = Spool(tmp_path / "spool")

    def opened(address: str, options: dict[str, str] | None = None) -> Feed:
        return feeds.connect("osv", address, MAX_BYTES, spool, options or {})

    return opened


@pytest.fixture(params=["file", "web", "bucket"])
async def place(request: pytest.FixtureRequest, tmp_path: Path, opened: Open, site: Site) -> Place:
    """Each kind of place in turn, with one file that the test fills."""
    if request.param == "file":
        path = tmp_path / "all.zip"

        async def write(data: bytes) -> None:
            path.write_bytes(data)

        return Place(opened(str(path)), write)
    if request.param == "web":

        async def put(data: bytes) -> None:
            site.body = data
            site.headers = {"ETag": f'"{hash(data)}"'}

        return Place(opened(f"{site.url}/all.zip"), put)
    bucket: Bucket = request.getfixturevalue("s3")
    options = {
        "endpoint": bucket.endpoint,
        "region": "here",
        "access_key_id": bucket.access_key,
        "secret_access_key": bucket.secret_key,
    }

    async def upload(data: bytes) -> None:
        await bucket.store().put_async("advisories/all.zip", data)

    return Place(opened(f"{bucket.url}/advisories/all.zip", options), upload)
