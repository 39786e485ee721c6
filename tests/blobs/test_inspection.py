"""One suite for every blob store, as somebody sees it who trusts nothing it says."""

from pathlib import Path
from typing import Any

import pytest

import cloche.blobs
from cloche import kinds
from cloche.ports import Blobs, Inspection
from tests.blobs.samples import NOWHERE, content, digest_of, put
from tests.blobs.test_conformance import SAMPLES

pytestmark = pytest.mark.anyio

LARGE = bytes(range(256)) * 5000  # more than is read in one go


@pytest.fixture(params=kinds.names(cloche.blobs))
def store(request: pytest.FixtureRequest) -> Any:
    return SAMPLES[request.param](request).connect()


@pytest.fixture
def blobs(store: Any) -> Blobs:
    found: Blobs = store
    return found


@pytest.fixture
def inspection(store: Any) -> Inspection:
    found: Inspection = store
    return found


async def test_what_the_bytes_are(blobs: Blobs, inspection: Inspection) -> None:
    """The sha256 is worked out from the bytes, whatever name they have; none is None."""
    wrong = digest_of(b"what it should be")
    await blobs.keep({wrong: b"what it is"})
    for data in (b"", b"small", LARGE):
        await blobs.keep({digest_of(data): data})
    asked = [digest_of(LARGE), wrong, NOWHERE, digest_of(b""), digest_of(b"small")]

    found = await inspection.hashed(asked)

    assert list(found) == [asked[0], digest_of(b"what it is"), None, asked[3], asked[4]]


async def test_listed_in_parts(blobs: Blobs, inspection: Inspection) -> None:
    """Each blob is in the one part that its digest begins with, with its size."""
    sizes = {}
    for number in range(40):
        data = b"x" * number
        sizes[digest_of(data)] = number
        await blobs.keep({digest_of(data): data})
    shards = {digest[:2] for digest in sizes}

    for shard in shards:
        found = {each.digest: each.size async for each in inspection.stored(shard)}
        assert found == {d: size for d, size in sizes.items() if d.startswith(shard)}
    empty = next(s for s in (f"{n:02x}" for n in range(256)) if s not in shards)
    assert [each async for each in inspection.stored(empty)] == []


async def test_set_aside(blobs: Blobs, inspection: Inspection, tmp_path: Path) -> None:
    """What is set aside is no blob any more, twice is two places, and a new one takes its place."""
    digest = await put(blobs, tmp_path, b"first")
    first = await inspection.set_aside(digest)

    assert await blobs.size(digest) is None
    assert [each async for each in blobs.list()] == []
    await put(blobs, tmp_path, b"first")
    assert await content(blobs, digest) == b"first"
    assert await inspection.set_aside(digest) != first
