"""An upstream that fails, and disks that do: what is kept is shown, and nothing false."""

import asyncio
import hashlib
import shutil
import sqlite3
from contextlib import AbstractContextManager, closing
from pathlib import Path

import pytest

from cloche.core.errors import UpstreamDown, UpstreamLies
from cloche.core.model import ProjectName
from cloche.core.upstreams import Freshness
from tests.packages import wheel
from tests.service.full_disk import room_for
from tests.service.worker import (
    BRIEF,
    PATIENT,
    Clock,
    Employ,
    Options,
    names,
)
from tests.upstream import kinds
from tests.upstream.controller import Upstream
from tests.upstream.misbehaviour import Misbehaviour

pytestmark = pytest.mark.anyio

DEMO = wheel("demo", "1.0")
NEWER = wheel("demo", "2.0")
NAME = ProjectName("demo")
PAGE = "/simple/demo/"


@pytest.fixture(autouse=True)
def listed(upstream: Upstream) -> None:
    upstream.add(DEMO)


FAILURES: dict[str, Misbehaviour] = {
    "500": kinds.Status(status=500),
    "503": kinds.Status(status=503),
    "429": kinds.Status(status=429),
    "403": kinds.Status(status=403),
    "teapot": kinds.Status(status=418),
    "apology": kinds.Status(status=200, body=b"<html>Sorry!</html>", media_type="text/html"),
    "nothing": kinds.Status(status=200, body=b"", media_type="text/html"),
    "half": kinds.InvalidJson(),
    "text": kinds.MediaType(value="text/plain"),
    "cut": kinds.Cut(after=10),
    "stalled": kinds.Stalled(after=10),
    "loop": kinds.Redirect(to=PAGE),
}


@pytest.mark.parametrize("failure", FAILURES.values(), ids=FAILURES)
async def test_a_page_is_served_stale_when_the_upstream_fails(
    upstream: Upstream, employ: Employ, clock: Clock, failure: Misbehaviour
) -> None:
    """However an upstream fails, a page that is kept goes on being served."""
    node = await employ(Options(clock=clock, freshness=PATIENT, settings=BRIEF))
    await node.page()
    clock.move(600)
    upstream.misbehave(PAGE, failure)

    assert names(await node.page()) == [DEMO.filename]


@pytest.mark.parametrize("failure", FAILURES.values(), ids=FAILURES)
async def test_a_failure_is_never_an_absent_or_empty_project(
    upstream: Upstream, employ: Employ, failure: Misbehaviour
) -> None:
    """With nothing kept, an upstream that fails is an outage: no empty page, no 404."""
    node = await employ(Options(settings=BRIEF))
    upstream.misbehave(PAGE, failure)
    with pytest.raises((UpstreamDown, UpstreamLies)):
        await node.page()
    upstream.behave()

    assert names(await node.page()) == [DEMO.filename]


async def test_an_upstream_that_cannot_be_reached(
    upstream: Upstream, employ: Employ, clock: Clock
) -> None:
    """A refused connection is an outage, and hides nothing that is kept."""
    node = await employ(Options(clock=clock, freshness=PATIENT))
    await node.page()
    clock.move(600)
    with upstream.down():
        assert names(await node.page()) == [DEMO.filename]
        with pytest.raises(UpstreamDown):
            await node.page("other")


async def test_an_upstream_that_has_failed_is_left_alone(
    upstream: Upstream, employ: Employ, clock: Clock
) -> None:
    """After a failure nobody waits for the same page again until it is time for another try."""
    freshness = Freshness(patience=20, after_failure=30)
    node = await employ(Options(clock=clock, freshness=freshness, settings={"attempts": 1}))
    await node.page()
    clock.move(600)
    upstream.misbehave(PAGE, kinds.Status(status=500))
    await node.page()
    clock.move(29)
    await node.page()
    assert len(upstream.requests(PAGE)) == 2

    clock.move(1)
    await node.page()
    assert len(upstream.requests(PAGE)) == 3


async def test_an_upstream_is_left_alone_for_as_long_as_it_wishes(
    upstream: Upstream, employ: Employ, clock: Clock
) -> None:
    """Retry-After is honoured while a page is kept."""
    node = await employ(Options(clock=clock, freshness=PATIENT))
    await node.page()
    clock.move(600)
    upstream.misbehave(PAGE, kinds.Status(status=429, retry_after="120"))
    await node.page()
    clock.move(119)
    await node.page()
    assert len(upstream.requests(PAGE)) == 2

    clock.move(1)
    await node.page()
    assert len(upstream.requests(PAGE)) == 3


def write_locked(folder: Path) -> AbstractContextManager[sqlite3.Connection]:
    """Somebody else writes to the catalog, and takes long."""
    other = sqlite3.connect(folder / "catalog.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    return closing(other)


async def test_reading_never_waits_for_the_write_lock(
    tmp_path: Path, upstream: Upstream, employ: Employ, clock: Clock
) -> None:
    """While somebody writes for long, cold, kept and revalidated pages and files are served."""
    big = wheel("big", "1.0", size=400_000)
    upstream.add(big)
    node = await employ(Options(clock=clock))
    await node.page()
    clock.move(600)
    with write_locked(tmp_path):
        async with asyncio.timeout(9):
            assert names(await node.page()) == [DEMO.filename]
            assert names(await node.page("big")) == [big.filename]
            assert await node.bytes_of(big) == big.content
            assert await node.bytes_of(big) == big.content


async def test_a_full_disk_hides_no_page(upstream: Upstream, employ: Employ, clock: Clock) -> None:
    """When nothing more can be kept, what the upstream says is shown all the same."""
    node = await employ(Options(clock=clock, freshness=PATIENT))
    await node.page()
    clock.move(600)
    upstream.add(NEWER)
    # More than fits, and does not compress; what the test run itself writes down does fit.
    upstream.project("demo", extra={"noise": hashlib.shake_128(b"noise").hexdigest(500_000)})
    with room_for(64 << 10):
        assert names(await node.page()) == [DEMO.filename, NEWER.filename]
    kept = await node.pypi.known(NAME)
    assert kept is not None
    assert names(kept) == [DEMO.filename]


async def test_a_page_needs_no_scratch_disk(tmp_path: Path, employ: Employ, clock: Clock) -> None:
    """A page is served, and looked at anew, when the disk for transfers has gone."""
    node = await employ(Options(clock=clock, freshness=PATIENT))
    await node.page()
    clock.move(600)
    shutil.rmtree(tmp_path / "spool")

    assert names(await node.page()) == [DEMO.filename]
