"""The disk is full: what does not fit is refused in words, all else goes on."""

import json
import shutil
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path

import pytest

from tests.faults import disks
from tests.faults.bench import Bench
from tests.faults.disks import Disk
from tests.faults.scenes import COLD, NEW, NEW_RELEASE, OLD_RELEASE
from tests.faults.store import Store
from tests.faults.wire import acknowledged, download, file_url, is_whole, page, upload
from tests.packages import Built, wheel
from tests.server import Reply

KINDS = disks.available()
SMALL = wheel("small", "1.0")
HUGE = wheel("huge", "1.0", size=20_000_000)


@pytest.fixture(params=KINDS)
def disk(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Disk]:
    folder = tmp_path / "disk"
    folder.mkdir()
    made: AbstractContextManager[Disk] = KINDS[request.param](folder)
    with made as disk:
        yield disk


@pytest.fixture
def cramped(bench: Bench, disk: Disk) -> Bench:
    """Give the bench with all of its data on the small disk."""
    data = disk.folder / "data"
    shutil.move(bench.store.data, data)
    return replace(bench, store=Store.usual(data))


def refused(reply: Reply | None) -> str:
    """What the server says is short, to a client that has sent too much."""
    assert reply is not None
    assert reply.status == 507, reply
    assert reply.headers["content-type"] == "application/problem+json"
    said = json.loads(reply.body)
    assert (said["status"], said["title"]) == (507, "Insufficient Storage")
    assert said["detail"].startswith(reply.reason[:60])
    return str(said["detail"])


@pytest.mark.parametrize("built", [NEW, HUGE], ids=["larger than the room", "far larger"])
def test_an_upload_that_does_not_fit_is_507(cramped: Bench, disk: Disk, built: Built) -> None:
    """An upload larger than the room is 507 with cause and cure, and leaves nothing."""
    with cramped.server() as server:
        disk.leave(1_000_000, server.pid)

        said = refused(upload(server.url, cramped.token, built))

        assert "no room" in said
        assert "operator" in said
        assert page(server.url, built.project) == {}
        assert cramped.store.litter() == set()
        cramped.keeps(server)
        assert acknowledged(server.url, cramped.token, SMALL)
        disk.clear(server.pid)
        assert acknowledged(server.url, cramped.token, built)
        assert is_whole(server.url, built)
        assert is_whole(server.url, SMALL)
    cramped.ends_clean()


def test_a_fetch_that_does_not_fit_fails_alone(cramped: Bench, disk: Disk) -> None:
    """An upstream's file larger than the room is never sent as if it were whole, and others are."""
    for built in (COLD, SMALL):
        cramped.upstream.add(built)
    with cramped.server() as server:
        where = file_url(server.url, COLD)
        disk.leave(1_000_000, server.pid)

        got = download(where)

        assert got.status == 507 or got.error is not None
        assert COLD.content.startswith(got.body) or got.status == 507
        assert cramped.store.litter() == set()
        assert is_whole(server.url, SMALL)
        cramped.keeps(server)
        disk.clear(server.pid)
        assert is_whole(server.url, COLD)
    cramped.ends_clean()


def test_reading_goes_on_without_any_room(cramped: Bench, disk: Disk) -> None:
    """With no byte left, all that is there is served, and only what needs room fails."""
    cramped.upstream.add(COLD)
    with cramped.server() as server:
        disk.leave(0, server.pid)

        cramped.keeps(server)

        reply = upload(server.url, cramped.token, SMALL)
        assert reply is not None
        assert reply.status == 507
        assert page(server.url, SMALL.project) == {}
        assert server.get(f"/simple/{COLD.project}/").status in {200, 503, 507}
        assert server.get("/-/health").status == 200
        cramped.keeps(server)
        disk.clear(server.pid)
        assert acknowledged(server.url, cramped.token, SMALL)
        assert is_whole(server.url, COLD)
    cramped.ends_clean()


def test_a_kept_page_is_served_though_its_news_do_not_fit(cramped: Bench, disk: Disk) -> None:
    """A page that has changed upstream is served, old or new, when the news cannot be kept."""
    cramped.upstream.project("moving", max_age=0)
    cramped.upstream.add(OLD_RELEASE)
    with cramped.server() as server:
        assert is_whole(server.url, OLD_RELEASE)
    with cramped.server() as server:
        cramped.upstream.add(NEW_RELEASE)
        disk.leave(0, server.pid)

        assert is_whole(server.url, OLD_RELEASE)

        disk.clear(server.pid)


def test_a_start_without_any_room(cramped: Bench, disk: Disk) -> None:
    """A server that starts when no byte is left serves all that is there."""
    with cramped.server() as server:
        server.kill()
    disk.leave(0)

    with cramped.server() as server:
        cramped.keeps(server)


@pytest.mark.parametrize("name", ["database", "blobs"])
def test_an_upload_to_one_full_store(bench: Bench, disk: Disk, name: str) -> None:
    """When the database or the blobs alone have no room, nothing is half published."""
    parted = bench.apart(name, disk.folder)
    with parted.server() as server:
        disk.leave(8192, server.pid)

        refused(upload(server.url, parted.token, NEW))

        assert page(server.url, NEW.project) == {}
        parted.keeps(server)
        disk.clear(server.pid)
        parted.store.swept()
        assert acknowledged(server.url, parted.token, NEW)
        assert is_whole(server.url, NEW)
    parted.ends_clean()


@pytest.mark.parametrize("name", ["database", "blobs"])
def test_a_fetch_to_one_full_store(bench: Bench, disk: Disk, name: str) -> None:
    """When the database or the blobs alone have no room, a file is sent rightly or not at all."""
    parted = bench.apart(name, disk.folder)
    parted.upstream.add(COLD)
    with parted.server() as server:
        where = file_url(server.url, COLD)
        disk.leave(8192, server.pid)

        got = download(where)

        assert got.status == 507 or got.error is not None or got.body == COLD.content
        parted.keeps(server)
        disk.clear(server.pid)
        assert is_whole(server.url, COLD)
    parted.ends_clean()
