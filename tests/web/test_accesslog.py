"""Who fetched what: noted by a real server, and written behind."""

import asyncio
import http.client
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from starlette.requests import Request

from cloche import catalog
from cloche.core.errors import StorageDown
from cloche.core.index import Index
from cloche.core.model import Digest, ProjectName
from cloche.ports import Fetched, Recorded, Sought, Used
from cloche.service.files import Wanted
from cloche.web import accesslog
from cloche.web.accesslog import DROPPED, AccessLog
from tests.fakes import NOW, now
from tests.packages import Built, wheel
from tests.server import Cloche, Reply
from tests.upstream.controller import Upstream
from tests.waiting import until
from tests.web.forms import upload
from tests.web.tokens import basic, granted

MAIN = Index(name="main")
BUILT = wheel("al-demo", "1.0", size=5000)
FAR = wheel("al-far", "1.0")
PIP = 'pip/26.0 {"python":"3.12.1","system":{"name":"Linux"}}'


def settings(folder: Path, upstream: Upstream, *lines: str) -> Path:
    file = folder / "cloche.toml"
    text = [
        "[server]", 'trusted_proxies = ["127.0.0.1"]', "[access]", *lines,
        "[upstream.pypi]", f'url = "{upstream.simple}"',
        "[index.main]", "default = true", "uploads = true", 'sources = ["pypi"]',
        "[index.closed]", 'sources = ["main"]', 'read = "authenticated"',
    ]  # fmt: skip
    file.write_text("\n".join(text))
    return file


@pytest.fixture
def server(tmp_path: Path, upstream: Upstream) -> Iterator[Cloche]:
    with Cloche(tmp_path / "data", config=settings(tmp_path, upstream)) as running:
        yield running


def fetch(server: Cloche, path: str, method: str = "GET", **headers: str) -> Reply:
    address = server.url.removeprefix("http://")
    with closing(http.client.HTTPConnection(address, timeout=60)) as connection:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request(method, path, headers={"User-Agent": PIP, **named})
        response = connection.getresponse()
        return Reply(response.status, response.reason, response.headers, response.read())


def place(built: Built, index: str = "main") -> str:
    return f"/packages/{index}/{built.project}/{built.sha256}/{built.filename}"


def journal(data: Path) -> list[Fetched]:
    """What the access journal has, the oldest first."""

    async def read() -> list[Recorded]:
        opened = catalog.connect(f"sqlite:///{data / 'cloche.db'}")
        try:
            return await opened.accesses.find(Sought(), 100)
        finally:
            await opened.close()

    return [each.fetched for each in reversed(asyncio.run(read()))]


def test_an_upload_and_an_upstreams_file(server: Cloche, upstream: Upstream) -> None:
    """Who, when, which file with its digest, from where and with what: soon, and for both."""
    upstream.add(FAR)
    upload(server.url, BUILT, granted(server.data, "upload"))
    assert fetch(server, place(BUILT)).body == BUILT.content
    assert fetch(server, place(FAR)).body == FAR.content

    until(lambda: len(journal(server.data)) == 2)
    one, two = journal(server.data)
    assert (one.index, one.project, one.version) == ("main", "al-demo", "1.0")
    assert (one.filename, one.digest) == (BUILT.filename, BUILT.sha256)
    assert (one.who, one.address, one.client) == (
        None,
        "127.0.0.1",
        "pip 26.0 (Python 3.12.1, Linux)",
    )
    assert (two.project, two.filename, two.digest) == ("al-far", FAR.filename, FAR.sha256)


def test_what_is_no_fetch(server: Cloche) -> None:
    """HEAD, 304, metadata, pages, an end of a file, and 404 are no fetch; a beginning is one."""
    upload(server.url, BUILT, granted(server.data, "upload"))
    path = place(BUILT)
    assert fetch(server, path, "HEAD").status == 200
    assert fetch(server, path, If_None_Match=f'"{BUILT.sha256}"').status == 304
    assert fetch(server, path, Range="bytes=100-").status == 206
    assert fetch(server, path, Range="bytes=-50").status == 206
    assert fetch(server, f"{path}.metadata").status == 200
    assert fetch(server, "/simple/al-demo/").status == 200
    assert fetch(server, path.replace("al_demo", "al_none")).status == 404
    assert fetch(server, path, Range="bytes=0-99").status == 206

    until(lambda: journal(server.data))
    assert [each.filename for each in journal(server.data)] == [BUILT.filename]


def test_a_reader_with_a_token_has_a_name(server: Cloche) -> None:
    """Where it takes a token to read, the entry has its name; also behind a trusted proxy."""
    upload(server.url, BUILT, granted(server.data, "upload"))
    token = granted(server.data, "read", index="*", name="ada")
    headers = {**basic(token), "X_Forwarded_For": "192.0.2.7"}
    assert fetch(server, place(BUILT, "closed"), **headers).status == 200

    until(lambda: journal(server.data))
    (found,) = journal(server.data)
    assert (found.index, found.who, found.address) == ("closed", "ada", "192.0.2.7")


def test_the_end_of_the_server_loses_nothing(tmp_path: Path, upstream: Upstream) -> None:
    """What was fetched just before the server ends is written; so it is by each of its workers."""
    config = settings(tmp_path, upstream)
    with Cloche(tmp_path / "data", config=config, workers=2) as server:
        upload(server.url, BUILT, granted(server.data, "upload"))
        for number in range(10):
            assert fetch(server, place(BUILT), User_Agent=f"client/{number}").status == 200

    assert {each.client for each in journal(tmp_path / "data")} == {
        f"client {number}" for number in range(10)
    }


@pytest.mark.parametrize("line", ["journal = false", "addresses = false"])
def test_what_is_not_written_down(tmp_path: Path, upstream: Upstream, line: str) -> None:
    """The journal can be switched off, or go without addresses."""
    with Cloche(tmp_path / "data", config=settings(tmp_path, upstream, line)) as server:
        upload(server.url, BUILT, granted(server.data, "upload"))
        assert fetch(server, place(BUILT)).status == 200

    found = journal(tmp_path / "data")
    assert [each.address for each in found] == ([] if line.startswith("journal") else [None])


def test_the_other_addresses_of_files_count(server: Cloche) -> None:
    """A file that is fetched where pypicache, mypi or devpi had it was fetched."""
    upload(server.url, BUILT, granted(server.data, "upload"))
    head, tail = BUILT.sha256[:3], BUILT.sha256[3:16]
    for number, path in enumerate(
        (
            f"/packages/any/a/al-demo/{BUILT.filename}",
            f"/+f/{head}/{tail}/{BUILT.filename}",
            f"/local/al-demo/{BUILT.sha256}/{BUILT.filename}",
        )
    ):
        assert fetch(server, path, User_Agent=f"client/{number}").status == 200, path

    until(lambda: len(journal(server.data)) == 3)


def test_old_entries_go(tmp_path: Path, upstream: Upstream) -> None:
    """A server forgets what is older than its settings say."""
    config = settings(tmp_path, upstream, "days = 1")
    with Cloche(tmp_path / "data", config=config) as server:
        upload(server.url, BUILT, granted(server.data, "upload"))
        assert fetch(server, place(BUILT)).status == 200
    with closing(sqlite3.connect(tmp_path / "data" / "cloche-access.db")) as database:
        database.execute("UPDATE accesses SET at = at - 86400 * 1000000")
        database.commit()

    with Cloche(tmp_path / "data", config=config):
        until(lambda: not journal(tmp_path / "data"))


# The pen -----------------------------------------------------------------------------------


class Paper:
    """An access journal that can be torn."""

    def __init__(self) -> None:
        self.entries: list[Fetched] = []
        self.torn = False

    async def add(self, batch: Sequence[Fetched]) -> None:
        if self.torn:
            raise StorageDown("the database is away; wait for it")
        self.entries += batch

    async def find(self, sought: Sought, most: int) -> list[Recorded]:
        raise NotImplementedError

    async def after(self, number: int, most: int) -> list[Recorded]:
        raise NotImplementedError

    async def used(self, index: str, since: datetime) -> list[Used]:
        raise NotImplementedError

    async def forget(self, before: datetime, most: int) -> int:
        raise NotImplementedError


def asked(agent: str) -> Request:
    scope: dict[str, Any] = {
        "type": "http",
        "headers": [(b"user-agent", agent.encode())],
        "client": ("192.0.2.1", 1),
    }
    return Request(scope)


def wanted(filename: str = BUILT.filename) -> Wanted:
    return Wanted(filename, "", digest=Digest("a" * 64))


async def written(paper: Paper, count: int) -> None:
    async with asyncio.timeout(60):
        while len(paper.entries) < count:  # noqa: ASYNC110 - nobody sets an Event
            await asyncio.sleep(0.005)


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(accesslog, "FLUSH_AFTER", 0.01)


@pytest.mark.anyio
@pytest.mark.usefixtures("quick")
async def test_a_batch_is_written_behind() -> None:
    """Nothing is written by whoever answers; a moment later all of it is, and later ones too."""
    paper = Paper()
    log = AccessLog(paper, now, addresses=True)
    log.fetched(asked("a/1"), MAIN, wanted(), "ada")
    assert paper.entries == []

    await written(paper, 1)
    log.fetched(asked("b/1"), MAIN, wanted("al_demo-2.0.tar.gz"), None)
    await written(paper, 2)
    first, second = paper.entries
    assert (first.at, first.project, first.version, first.who) == (
        NOW,
        ProjectName("al-demo"),
        "1.0",
        "ada",
    )
    assert (second.version, second.client) == ("2.0", "b 1")
    await log.close()


@pytest.mark.anyio
async def test_asking_again_and_again_is_one_fetch() -> None:
    """Who asks for one file many times within a moment does not fill the disk."""
    paper = Paper()
    log = AccessLog(paper, now, addresses=True)
    for number in range(1000):
        log.fetched(asked(f"client/{number % 2}"), MAIN, wanted(), None)
    await log.close()

    assert len(paper.entries) == 2


@pytest.mark.anyio
@pytest.mark.usefixtures("quick")
async def test_what_cannot_be_written_is_written_later() -> None:
    """A database that is away for a while loses no entry."""
    paper = Paper()
    log = AccessLog(paper, now, addresses=True)
    paper.torn = True
    log.fetched(asked("a/1"), MAIN, wanted(), None)
    await asyncio.sleep(0.05)
    assert paper.entries == []
    paper.torn = False

    await written(paper, 1)
    await log.close()
    assert len(paper.entries) == 1


@pytest.mark.anyio
async def test_beyond_a_bound_entries_are_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    """A database that stays away fills no memory: what is dropped is counted."""
    monkeypatch.setattr(accesslog, "MAX_WAITING", 3)
    paper = Paper()
    log = AccessLog(paper, now, addresses=True)
    before = DROPPED._value.get()  # noqa: SLF001 - prometheus-client has no other way
    for number in range(5):
        log.fetched(asked(f"client/{number}"), MAIN, wanted(), None)
    assert DROPPED._value.get() - before == 2  # noqa: SLF001 - as above
    paper.torn = True
    await log.close()

    assert DROPPED._value.get() - before == 5  # noqa: SLF001 - as above
