"""One suite for every blob store: a new one is tested by existing, and a sample of settings."""

import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import anyio
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import cloche.blobs
from cloche import kinds
from cloche.core.errors import BadSetting, NoSuchBlob
from cloche.ports import Blobs, Spooled
from tests.blobs.samples import NOWHERE, content, digest_of, first, put, spool
from tests.services.s3 import Bucket

pytestmark = pytest.mark.anyio

BIG = random.Random(20).randbytes(20 << 20)  # noqa: S311  # noise for a test


@dataclass(frozen=True, slots=True)
class Sample:
    """What an operator writes to use a store."""

    kind: str
    url: str
    options: Mapping[str, str]

    def connect(self) -> Blobs:
        found: Blobs = kinds.load(cloche.blobs, self.kind).connect(self.url, self.options)
        return found


def file_sample(request: pytest.FixtureRequest) -> Sample:
    folder: Path = request.getfixturevalue("tmp_path")
    return Sample("file", (folder / "büro blobs").as_uri(), {})


def s3_sample(request: pytest.FixtureRequest) -> Sample:
    bucket: Bucket = request.getfixturevalue("s3")
    return Sample("s3", f"{bucket.url}/team%20a/blobs", s3_options(bucket))


def s3_options(bucket: Bucket) -> dict[str, str]:
    return {
        "endpoint": bucket.endpoint,
        "region": bucket.region,
        "access_key_id": bucket.access_key,
        "secret_access_key": bucket.secret_key,
    }


SAMPLES: dict[str, Callable[[pytest.FixtureRequest], Sample]] = {
    "file": file_sample,
    "s3": s3_sample,
}


@pytest.fixture(params=kinds.names(cloche.blobs))
def sample(request: pytest.FixtureRequest) -> Sample:
    return SAMPLES[request.param](request)


@pytest.fixture
def blobs(sample: Sample) -> Blobs:
    return sample.connect()


@pytest.mark.parametrize("size", [0, 1, 256 << 10, (256 << 10) + 1, 1 << 20])
async def test_round_trip(blobs: Blobs, tmp_path: Path, size: int) -> None:
    """Bytes of any number come back as they were, and are counted."""
    digest = await put(blobs, tmp_path, BIG[:size])

    assert await blobs.size(digest) == size
    assert await content(blobs, digest) == BIG[:size]
    assert await content(blobs, digest, 0, size) == BIG[:size]


async def test_large_blob(blobs: Blobs, tmp_path: Path) -> None:
    """Twenty megabytes come back in order, in chunks that are no burden."""
    digest = await put(blobs, tmp_path, BIG)
    chunks = [chunk async for chunk in blobs.read(digest, 0, len(BIG))]

    assert b"".join(chunks) == BIG
    assert max(map(len, chunks)) <= 4 << 20


async def test_put_takes_the_spooled_file_away(blobs: Blobs, tmp_path: Path) -> None:
    """After a put, the first or a second, the spooled file is gone."""
    for _ in range(2):
        spooled = spool(tmp_path, b"bytes")
        await blobs.put(spooled)
        assert not spooled.path.exists()


async def test_another_opening_sees_the_same(sample: Sample, tmp_path: Path) -> None:
    """What one process has put, another one reads."""
    digest = await put(sample.connect(), tmp_path, b"shared")

    assert await content(sample.connect(), digest) == b"shared"


async def test_put_twice(blobs: Blobs, tmp_path: Path) -> None:
    """Writing twice is harmless."""
    for _ in range(2):
        await put(blobs, tmp_path, b"twice")

    assert await content(blobs, digest_of(b"twice")) == b"twice"
    assert [stored.digest async for stored in blobs.list()] == [digest_of(b"twice")]


async def test_keep(blobs: Blobs) -> None:
    """Bytes in memory are kept as those on disk are, lasting or not, and again is harmless."""
    for data in (b"", b"kept", BIG[: 300 << 10]):
        for lasting in (True, False, True):
            await blobs.keep({digest_of(data): data}, lasting=lasting)
        assert await content(blobs, digest_of(data)) == data

    assert len([stored async for stored in blobs.list()]) == 3


async def test_keep_several(blobs: Blobs) -> None:
    """What is kept together is all there, whether some of it was before; nothing is nothing."""
    several = {digest_of(data): data for data in (b"", b"one", BIG[: 300 << 10])}
    await blobs.keep({digest_of(b"one"): b"one"})

    for lasting in (True, False):
        await blobs.keep(several, lasting=lasting)
        await blobs.keep({}, lasting=lasting)

    assert {stored.digest async for stored in blobs.list()} == several.keys()
    for digest, data in several.items():
        assert await content(blobs, digest) == data


async def test_put_at_once(blobs: Blobs, tmp_path: Path) -> None:
    """Eight writers of the same bytes all succeed, while a reader never sees half."""
    data = BIG[: 2 << 20]
    digest = await put(blobs, tmp_path, data)

    async def read() -> None:
        assert await content(blobs, digest) == data

    async with anyio.create_task_group() as tasks:
        for spooled in [spool(tmp_path, data) for _ in range(8)]:
            tasks.start_soon(blobs.put, spooled)
            tasks.start_soon(read)

    assert await content(blobs, digest) == data
    assert [*tmp_path.glob("*.upload")] == []


async def test_missing(blobs: Blobs) -> None:
    """A blob that is not there has no size and fails before its first chunk."""
    assert await blobs.size(NOWHERE) is None
    for start, stop in ((0, 10), (5, 5), (0, 0)):
        with pytest.raises(NoSuchBlob, match=NOWHERE):
            await content(blobs, NOWHERE, start, stop)


async def test_delete(blobs: Blobs, tmp_path: Path) -> None:
    """A deleted blob is missing; deleting it again, or what never was, is harmless."""
    digest = await put(blobs, tmp_path, b"short-lived")
    assert [await blobs.delete(digest), await blobs.delete(digest)] == [True, True]
    assert await blobs.delete(NOWHERE)

    assert await blobs.size(digest) is None
    with pytest.raises(NoSuchBlob):
        await content(blobs, digest)
    await put(blobs, tmp_path, b"short-lived")
    assert await content(blobs, digest) == b"short-lived"


async def test_delete_what_is_old(blobs: Blobs, tmp_path: Path) -> None:
    """What was put, or put again, after the time that is meant stays."""
    digest = await put(blobs, tmp_path, b"young")
    ages = timedelta(hours=1)

    assert not await blobs.delete(digest, before=datetime.now(UTC) - ages)
    assert await content(blobs, digest) == b"young"
    for _ in range(2):
        assert await blobs.delete(digest, before=datetime.now(UTC) + ages)
    assert await blobs.size(digest) is None


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(ends=st.tuples(st.integers(0, 1_200_000), st.integers(0, 1_200_000)))
async def test_ranges(blobs: Blobs, tmp_path: Path, ends: tuple[int, int]) -> None:
    """Any range gives the bytes that a slice would, also beyond the end and backwards."""
    data = BIG[:1_000_000]
    if await blobs.size(digest_of(data)) is None:
        await put(blobs, tmp_path, data)
    start, stop = ends

    assert await content(blobs, digest_of(data), start, stop) == data[start:stop]


async def test_a_reader_may_leave(blobs: Blobs, tmp_path: Path) -> None:
    """Stopping after the first chunk harms nobody, however often."""
    digest = await put(blobs, tmp_path, BIG)

    for start in range(0, 40_000, 1000):
        assert BIG[start:].startswith(await first(blobs, digest, start, len(BIG)))
    assert await content(blobs, digest) == BIG


async def test_list(blobs: Blobs, tmp_path: Path) -> None:
    """Every blob is listed once, with its size, in more than one page of S3."""
    sizes = {digest_of(data): len(data) for data in map(_tiny, range(1_100))}

    async with anyio.create_task_group() as tasks:
        limit = anyio.CapacityLimiter(20)
        for number in range(1_100):
            tasks.start_soon(_put_limited, limit, blobs, spool(tmp_path, _tiny(number)))
    listed = [(stored.digest, stored.size) async for stored in blobs.list()]

    assert len(listed) == 1_100
    assert dict(listed) == sizes


def _tiny(number: int) -> bytes:
    return b"x" * (number % 7) + str(number).encode()


async def _put_limited(limit: anyio.CapacityLimiter, blobs: Blobs, spooled: Spooled) -> None:
    async with limit:
        await blobs.put(spooled)


async def test_nothing_is_listed_of_nothing(blobs: Blobs) -> None:
    """A new store is empty."""
    assert [stored async for stored in blobs.list()] == []


async def test_list_tells_the_age(blobs: Blobs, tmp_path: Path) -> None:
    """A blob's age is that of its last put: a second one makes it young."""
    before = datetime.now(UTC)
    await put(blobs, tmp_path, b"old")
    [old] = [stored async for stored in blobs.list()]
    young = old
    deadline = time.monotonic() + 60
    while young.modified <= old.modified and time.monotonic() < deadline:
        await put(blobs, tmp_path, b"old")
        [young] = [stored async for stored in blobs.list()]

    assert abs(old.modified - before) < timedelta(seconds=60)
    assert young.modified > old.modified


async def test_check(blobs: Blobs) -> None:
    """A store that can be used passes its check, and is as empty as before."""
    await blobs.check()

    assert [stored async for stored in blobs.list()] == []


def test_unknown_options(sample: Sample) -> None:
    """An option that the store does not have is refused, not ignored."""
    with pytest.raises(BadSetting, match=r"remove|has no"):
        Sample(sample.kind, sample.url, {**sample.options, "colour": "red"}).connect()
