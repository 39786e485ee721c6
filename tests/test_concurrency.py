"""A real server of two processes, cold, and very many clients at once."""

import asyncio
import hashlib
import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import aiohttp
import pytest

from tests.packages import wheel
from tests.server import Cloche
from tests.upstream import kinds
from tests.upstream.controller import Upstream

pytestmark = pytest.mark.anyio

DEMO = wheel("demo", "1.0")
BIG = wheel("big", "1.0", size=5_000_000)
JSON = "application/vnd.pypi.simple.v1+json"
SECONDS = 60.0


@pytest.fixture
def server(tmp_path: Path, upstream: Upstream) -> Iterator[Cloche]:
    upstream.add(DEMO)
    upstream.add(BIG)
    with Cloche(tmp_path / "data", upstream=upstream.simple, workers=2) as running:
        yield running


def clients() -> aiohttp.ClientSession:
    """As many connections as there are requests: nobody waits for another's."""
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0, force_close=True),
        timeout=aiohttp.ClientTimeout(total=SECONDS),
    )


async def files_of(session: aiohttp.ClientSession, url: str) -> tuple[int, tuple[str, ...]]:
    """Status of a page, and the files that it lists."""
    async with session.get(url, headers={"Accept": JSON}) as answer:
        body = await answer.read()
        files = json.loads(body)["files"] if answer.status == 200 else ()
        return answer.status, tuple(file["filename"] for file in files)


async def digest_of(session: aiohttp.ClientSession, url: str) -> tuple[int, str]:
    """Status of a file, and the sha256 of what came."""
    async with session.get(url) as answer:
        seen = hashlib.sha256()
        async for chunk in answer.content.iter_any():
            seen.update(chunk)
        return answer.status, seen.hexdigest()


async def test_two_hundred_clients_of_a_cold_project(server: Cloche, upstream: Upstream) -> None:
    """All get the whole page, none an empty one, and the upstream is asked once."""
    async with clients() as session:
        with upstream.gate("/simple/demo/"):
            asking = [
                asyncio.ensure_future(files_of(session, f"{server.simple}demo/"))
                for _ in range(200)
            ]
            await asyncio.to_thread(upstream.wait_for, 1, "/simple/demo/")
        got = Counter(await asyncio.gather(*asking))

    assert got == {(200, (DEMO.filename,)): 200}
    assert len(upstream.requests("/simple/demo/")) == 1


async def test_two_hundred_clients_of_a_project_that_cannot_be_asked_for(
    server: Cloche, upstream: Upstream
) -> None:
    """Under an outage nobody gets an empty page, or hears that there is no such project."""
    upstream.misbehave("/simple/demo/", kinds.Status(status=500))
    async with clients() as session:
        url = f"{server.simple}demo/"
        got = Counter(await asyncio.gather(*(files_of(session, url) for _ in range(200))))
        upstream.behave()
        assert await files_of(session, url) == (200, (DEMO.filename,))

    assert got == {(503, ()): 200}


async def test_many_clients_of_many_cold_projects(server: Cloche, upstream: Upstream) -> None:
    """Every project's clients get its page, and each page is asked for once."""
    many = [wheel(f"project-{number}", "1.0") for number in range(20)]
    for one in many:
        upstream.add(one)
    async with clients() as session:
        urls = [f"{server.simple}{one.project}/" for one in many] * 10
        got = Counter(await asyncio.gather(*(files_of(session, url) for url in urls)))

    assert got == {(200, (one.filename,)): 10 for one in many}
    pages = Counter(one.path for one in upstream.requests("/simple/"))
    # Another test's server, which goes on beside this one, may be asking for its own.
    assert {upstream.page(one.project): 1 for one in many}.items() <= pages.items()


async def test_five_hundred_clients_of_a_cold_file(server: Cloche, upstream: Upstream) -> None:
    """All get the right bytes, and the upstream sends them once."""
    path = upstream.file(BIG)
    async with clients() as session:
        url = f"{server.url}/packages/main/big/{BIG.sha256}/{BIG.filename}"
        with upstream.gate(path, after=BIG.size // 2):
            asking = [asyncio.ensure_future(digest_of(session, url)) for _ in range(500)]
            await asyncio.to_thread(upstream.wait_for, 1, path)
        got = Counter(await asyncio.gather(*asking))

    assert got == {(200, BIG.sha256): 500}
    assert len(upstream.requests("/simple/big/")) == 1
    assert [one.path for one in upstream.requests(path)] == [path]


async def test_clients_of_a_file_whose_bytes_are_wrong(server: Cloche, upstream: Upstream) -> None:
    """No client of either process takes wrong bytes for the file."""
    path = upstream.file(BIG)
    upstream.misbehave(path, kinds.WrongBytes())
    async with clients() as session:
        url = f"{server.url}/packages/main/big/{BIG.sha256}/{BIG.filename}"
        got = await asyncio.gather(
            *(digest_of(session, url) for _ in range(100)), return_exceptions=True
        )
        whole = [one for one in got if isinstance(one, tuple) and one[0] == 200]
        assert whole == []
        upstream.behave()
        assert await digest_of(session, url) == (200, BIG.sha256)
