"""One suite for the stores whose bytes may be in this machine's memory."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

import cloche.blobs
from cloche import kinds
from cloche.core.model import Digest
from cloche.ports import AtHand, Blobs, Opened
from tests.blobs.samples import NOWHERE, put, tells
from tests.blobs.test_conformance import SAMPLES

pytestmark = pytest.mark.anyio

DATA = bytes(range(256)) * 10


@pytest.fixture(params=kinds.names(cloche.blobs))
def blobs(request: pytest.FixtureRequest) -> Blobs:
    return SAMPLES[request.param](request).connect()


@contextmanager
def opened(blobs: Blobs, digest: Digest, size: int) -> Iterator[Opened | None]:
    """A blob of a store that need not be waited for; None of any other."""
    found = blobs.opened(digest, size) if isinstance(blobs, AtHand) else None
    if found is None:
        yield None
        return
    with closing(found):
        yield found


@pytest.mark.parametrize(("start", "room"), [(0, 5000), (0, 2560), (100, 7), (2559, 10)])
async def test_bytes_come_from_where_they_are_asked(
    blobs: Blobs, tmp_path: Path, start: int, room: int
) -> None:
    """A buffer is filled as far as there are bytes, unless they may have to be waited for."""
    digest = await put(blobs, tmp_path, DATA)
    with opened(blobs, digest, len(DATA)) as found:
        assert (found is None) == (not isinstance(blobs, AtHand))
        if found is not None:
            buffer = bytearray(room)
            count = found.fill(buffer, start)
            assert count == (min(room, len(DATA) - start) if tells(tmp_path) else 0)
            assert buffer[:count] == DATA[start : start + count]


@pytest.mark.parametrize("size", [0, len(DATA) - 1, len(DATA) + 1])
async def test_a_blob_of_another_size_is_none(blobs: Blobs, tmp_path: Path, size: int) -> None:
    """A blob that a crash cut short is not taken for the whole one."""
    digest = await put(blobs, tmp_path, DATA)
    with opened(blobs, digest, size) as found:
        assert found is None


async def test_what_is_not_there_is_none(blobs: Blobs) -> None:
    """Nothing is opened where there is no such blob."""
    with opened(blobs, NOWHERE, 1) as found:
        assert found is None


async def test_who_reads_it_has_all_of_it(blobs: Blobs, tmp_path: Path) -> None:
    """A blob that is deleted while it is open is read to its end."""
    digest = await put(blobs, tmp_path, DATA)
    with opened(blobs, digest, len(DATA)) as found:
        await blobs.delete(digest)
        buffer = bytearray(len(DATA))
        if found is not None:
            assert found.fill(buffer, 0) == (len(DATA) if tells(tmp_path) else 0)
            assert bytes(buffer) in {DATA, bytes(len(DATA))}
        with opened(blobs, digest, len(DATA)) as another:
            assert another is None
