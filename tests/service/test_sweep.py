"""Clearing away what is nobody's, and nothing else."""

import os
import time
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from cloche.core.model import Digest
from cloche.ports import Stored
from cloche.service import sweep
from cloche.service.sweep import Sweep
from tests.blobs.samples import put
from tests.catalog.samples import remove, upload
from tests.fakes import FakeBlobs
from tests.packages import wheel
from tests.service.worker import Clock, Worker, digest_of
from tests.upstream.controller import Upstream

pytestmark = pytest.mark.anyio

DAY = timedelta(hours=24)


@pytest.fixture
def later() -> Clock:
    """A clock at which everything that this test writes is two days old."""
    return Clock(datetime.now(UTC) + 2 * DAY)


def sweeper(node: Worker, clock: Clock) -> Sweep:
    return Sweep(node.blobs, node.catalog.upkeep, node.spool, clock)


async def test_a_blob_that_no_row_needs_goes_when_it_is_old(
    tmp_path: Path, node: Worker, later: Clock
) -> None:
    """What a crash left between blob and row is removed, and the sweep says how much."""
    digest = await put(node.blobs, tmp_path, b"nobody's")
    swept = await sweeper(node, later).run(DAY)

    assert (swept.blobs, swept.spooled) == (1, 0)
    assert await node.blobs.size(digest) is None


async def test_a_young_blob_may_still_get_its_row(tmp_path: Path, node: Worker) -> None:
    """Between blob and row an upload is nobody's, and is left alone."""
    digest = await put(node.blobs, tmp_path, b"about to be published")
    swept = await sweeper(node, Clock(datetime.now(UTC))).run(DAY)

    assert swept.blobs == 0
    assert await node.blobs.size(digest) is not None


async def test_uploads_and_their_metadata_stay(tmp_path: Path, node: Worker, later: Clock) -> None:
    """What the ledger names is never removed, however old."""
    file = await put(node.blobs, tmp_path, b"a file")
    metadata = await put(node.blobs, tmp_path, b"its metadata")
    await node.catalog.ledger.publish(upload(digest=file, metadata=metadata))
    swept = await sweeper(node, later).run(DAY)

    assert swept.blobs == 0
    assert await node.blobs.size(file) == len(b"a file")
    assert await node.blobs.size(metadata) == len(b"its metadata")


async def test_upstream_files_stay(upstream: Upstream, node: Worker, later: Clock) -> None:
    """What was served once survives a sweep, its metadata too."""
    demo = wheel("demo", "1.0", size=100_000)
    upstream.add(demo)
    await node.bytes_of(demo)
    await node.fetch.close(patience=10)
    swept = await sweeper(node, later).run(DAY)

    assert swept.blobs == 0
    assert await node.bytes_of(demo) == demo.content


async def test_a_deleted_upload_s_bytes_go(tmp_path: Path, node: Worker, later: Clock) -> None:
    """Bytes that the ledger names no more are nobody's."""
    file = await put(node.blobs, tmp_path, b"a file")
    mine = upload(digest=file, metadata=None)
    await node.catalog.ledger.publish(mine)
    await remove(node.catalog, mine.filename, who="alice")
    swept = await sweeper(node, later).run(DAY)

    assert swept.blobs == 1
    assert await node.blobs.size(file) is None


async def test_what_is_spooled_by_nobody_goes(tmp_path: Path, node: Worker, later: Clock) -> None:
    """A download that nobody has resumed for a day is removed, a younger one is not."""
    downloads = tmp_path / "spool" / "downloads"
    for name, age in (("old", 2 * DAY), ("young", DAY / 2)):
        part = downloads / f"{name}.part"
        part.write_bytes(b"half of it")
        then = time.time() - age.total_seconds()
        os.utime(part, (then, then))
    swept = await sweeper(node, later).run(DAY)

    assert swept.spooled == 1
    assert [path.name for path in downloads.iterdir()] == ["young.part"]


@dataclass
class Upkeep:
    """Needs every second blob, and sees in which portions it is asked."""

    asked: list[int]

    async def referenced(self, digests: Iterable[Digest]) -> set[Digest]:
        batch = list(digests)
        self.asked.append(len(batch))
        return {digest for digest in batch if int(digest, 16) % 2}

    async def check(self) -> None:
        pass


class ManyBlobs(FakeBlobs):
    """More blobs than a sweep looks at in one go, all of them old."""

    async def list(self) -> AsyncIterator[Stored]:
        for digest, data in list(self.content.items()):
            yield Stored(digest, len(data), datetime(2020, 1, 1, tzinfo=UTC))


async def test_many_blobs_are_looked_at_in_portions(node: Worker, later: Clock) -> None:
    """However many blobs there are, few are held in memory, and each is judged."""
    blobs, upkeep = ManyBlobs(), Upkeep([])
    count = 2 * sweep.BATCH + 7
    digests = [blobs.add(str(number).encode()) for number in range(count)]
    swept = await Sweep(blobs, upkeep, node.spool, later).run(DAY)

    kept = {digest for digest in digests if int(digest, 16) % 2}
    assert max(upkeep.asked) <= sweep.BATCH
    assert sum(upkeep.asked) == count + (count - len(kept))  # once more before it is deleted
    assert set(blobs.content) == kept
    assert swept.blobs == count - len(kept)
    assert digest_of(b"0") in digests
