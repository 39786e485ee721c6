"""Whether a list is as it was, asked without aiohttp: as else, and surely or not at all."""

import asyncio
import base64
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from cloche.upstreams._unchanged import is_unchanged
from cloche.upstreams.simple import Settings, connect
from tests.upstreams.servers import authority, serving

pytestmark = pytest.mark.anyio

ETAG = '"now"'
ME: dict[str, Any] = {"username": "me", "password": "p:ss"}
BASIC = "Basic " + base64.b64encode(b"me:p:ss").decode()
OUR_OWN = {"Host", "Connection"}


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No proxy but those of the test."""
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@dataclass
class Answering:
    """Has a list that is as `ETAG` says, for whoever may see it; keeps what it was sent."""

    url: str = ""
    status: int = 200
    needs: str | None = None  # credentials
    heard: list[Mapping[str, str]] = field(default_factory=list)

    async def __call__(self, request: web.Request) -> web.StreamResponse:
        self.heard.append(dict(request.headers))
        if self.needs not in {None, request.headers.get("Authorization")}:
            return web.Response(status=401)
        if self.status == 200 and request.headers.get("If-None-Match") == ETAG:
            return web.Response(status=304)
        return web.Response(status=self.status, text="{}", headers={"Location": "elsewhere/"})


@pytest.fixture
async def answering() -> AsyncIterator[Answering]:
    found = Answering()
    async with serving(found) as server:
        found.url = server.url
        yield found


async def unchanged(url: str, etag: str = ETAG, **settings: Any) -> bool:
    given = Settings(url=f"{url}/simple/", **settings)
    return await asyncio.to_thread(is_unchanged, "pypi", given, etag)


async def test_as_it_was(answering: Answering) -> None:
    """Only a list that the upstream says is as it was is unchanged."""
    assert await unchanged(answering.url)
    assert not await unchanged(answering.url, '"before"')


async def test_the_same_question(answering: Answering) -> None:
    """The upstream is sent what it is sent by the usual way: it cannot answer otherwise."""
    assert await unchanged(answering.url, **ME)
    port = connect("pypi", Settings(url=f"{answering.url}/simple/", **ME))
    assert await port.roll('"now"') is None  # type: ignore[attr-defined]  # it has a list
    await port.close()

    one, usual = [
        {name: value for name, value in heard.items() if name not in OUR_OWN}
        for heard in answering.heard
    ]
    assert one == usual
    assert one["Authorization"] == BASIC


async def test_credentials_in_the_address(answering: Answering) -> None:
    """Credentials are taken from the address too, and wrong ones leave it unsaid."""
    answering.needs = BASIC
    with_them = answering.url.replace("//", "//me:p%3Ass@")

    assert await unchanged(with_them)
    assert not await unchanged(answering.url)


@pytest.mark.parametrize("status", [204, 301, 404, 500])
async def test_any_other_answer(answering: Answering, status: int) -> None:
    """No other answer is taken for "as before", and no redirect is followed."""
    answering.status = status

    assert not await unchanged(answering.url)
    assert len(answering.heard) == 1


async def test_nobody_there(answering: Answering, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nobody answers, or a proxy is to be asked, nothing is sure, and nothing is sent."""
    assert not await unchanged("http://127.0.0.1:9")
    assert not await unchanged(answering.url, proxy="http://127.0.0.1:9")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    assert not await unchanged(answering.url)
    assert answering.heard == []


@pytest.mark.parametrize("said", [b"", b"HTTP/1.1 304 Not Modified\r\n", b"no\r\n\r\n"])
async def test_half_an_answer(said: bytes) -> None:
    """Half an answer, or none, in the time that a page may take is no answer."""
    held = asyncio.Event()

    async def hold(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(said)
        await held.wait()
        writer.close()

    server = await asyncio.start_server(hold, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]

    assert not await unchanged(f"http://127.0.0.1:{port}", page_timeout=0.2)
    held.set()
    server.close()
    await server.wait_closed()


async def test_bytes_that_come_one_by_one() -> None:
    """An upstream that sends a little now and then is not waited for without an end."""
    gone = asyncio.Event()

    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asking = asyncio.create_task(reader.read(-1))
        writer.write(b"HTTP/1.1 304 Not Modified\r\n")
        while not asking.done():
            writer.write(b"X")
            await asyncio.wait({asking}, timeout=0.05)
        gone.set()
        writer.close()

    server = await asyncio.start_server(drip, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]

    assert not await unchanged(f"http://127.0.0.1:{port}", page_timeout=0.3)
    await gone.wait()
    server.close()
    await server.wait_closed()


async def test_who_is_trusted(tmp_path: Path) -> None:
    """Over TLS, only who `ca_file` vouches for says that nothing is new."""
    with authority(tmp_path) as (tls, ca):
        async with serving(Answering(), tls) as server:
            assert await unchanged(server.url, ca_file=ca)
            assert not await unchanged(server.url)
