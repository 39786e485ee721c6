import bz2
import gzip
import io
import lzma
import tracemalloc
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloche.core import unpacking
from cloche.core.errors import BadUpload
from cloche.core.unpacking import Unpacked

PACK: dict[str, Callable[[bytes], bytes]] = {
    "gz": gzip.compress,
    "bz2": bz2.compress,
    "xz": lzma.compress,
    "": bytes,
}
PACKED = ["gz", "bz2", "xz"]
TEXT = bytes(range(256)) * 1000


def unpacked(packing: str, content: bytes) -> bytes:
    return Unpacked(io.BytesIO(content), packing).read(2**40)


def test_every_packing_is_tested() -> None:
    """A new packing must come with a way to pack."""
    assert set(unpacking.PACKINGS) == set(PACK)


@pytest.mark.parametrize("packing", PACK)
@given(data=st.binary(max_size=2000), steps=st.lists(st.integers(0, 700), max_size=10))
def test_reads_and_skips_at_any_step(packing: str, data: bytes, steps: list[int]) -> None:
    """Bytes come in order, however the reads and skips are cut."""
    stream = Unpacked(io.BytesIO(PACK[packing](data)), packing)
    at = 0
    for number, step in enumerate(steps):
        if number % 2 and at + step <= len(data):
            stream.skip(step)
        else:
            assert stream.read(step) == data[at : at + step]
        at = min(at + step, len(data))

    assert stream.read(10_000) == data[at:]


@pytest.mark.parametrize("packing", PACKED)
def test_reads_joined_streams(packing: str) -> None:
    """Streams that a parallel compressor has joined are one."""
    assert unpacked(packing, PACK[packing](b"one") + PACK[packing](TEXT)) == b"one" + TEXT


@pytest.mark.parametrize("packing", PACKED)
@pytest.mark.parametrize("tail", [b"x", bytes(512), b"PK\3\4" * 100])
def test_refuses_what_follows(packing: str, tail: bytes) -> None:
    """Anything behind the compressed data is refused: other readers would see it or not."""
    with pytest.raises(BadUpload):
        unpacked(packing, PACK[packing](TEXT) + tail)


@pytest.mark.parametrize("packing", PACKED)
def test_refuses_what_is_cut_short(packing: str) -> None:
    """A stream that ends before its end mark is refused, wherever it was cut."""
    whole = PACK[packing](TEXT)

    for end in (0, 1, 5, len(whole) // 2, len(whole) - 1):
        with pytest.raises(BadUpload):
            unpacked(packing, whole[:end])


@pytest.mark.parametrize("packing", PACKED)
def test_refuses_damage(packing: str) -> None:
    """A changed byte in the middle is noticed."""
    whole = bytearray(PACK[packing](TEXT))
    whole[len(whole) // 2] ^= 0x55

    with pytest.raises(BadUpload):
        unpacked(packing, bytes(whole))


@pytest.mark.parametrize("packing", PACKED)
def test_refuses_a_bomb_without_unpacking_it(packing: str) -> None:
    """What unpacks to far more than its size is refused in time, and in little memory."""
    stream = Unpacked(io.BytesIO(PACK[packing](bytes(100 * 2**20))), packing)
    tracemalloc.start()

    with pytest.raises(BadUpload, match="unpacks to more than"):
        stream.skip(100 * 2**20)

    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 20 * 2**20


def test_a_small_archive_may_pack_well() -> None:
    """Zeros below the free allowance are test data, not a bomb."""
    assert len(unpacked("gz", gzip.compress(bytes(unpacking.FREE)))) == unpacking.FREE


def test_refuses_streams_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ever more empty streams, each costing time and giving nothing, are refused."""
    monkeypatch.setattr(unpacking, "MAX_STREAMS", 10)

    assert unpacked("gz", gzip.compress(b"") * 10) == b""
    with pytest.raises(BadUpload, match="too many"):
        unpacked("gz", gzip.compress(b"") * 11)


def test_refuses_xz_that_wants_all_memory() -> None:
    """A dictionary beyond what `xz -9` makes is refused, not allocated."""
    filters = [{"id": lzma.FILTER_LZMA2, "dict_size": 2**28}]
    greedy = lzma.compress(TEXT, filters=filters)

    with pytest.raises(BadUpload, match="cannot be unpacked"):
        unpacked("xz", greedy)


@pytest.mark.parametrize("packing", PACKED)
@given(noise=st.binary(min_size=1, max_size=300))
def test_noise_is_refused(packing: str, noise: bytes) -> None:
    """Random bytes are never unpacked."""
    with pytest.raises(BadUpload):
        unpacked(packing, noise)


def test_real_faults_are_not_the_uploads() -> None:
    """An error of the disk is no BadUpload."""

    class Broken(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            raise OSError(5, "Input/output error", size)

    with pytest.raises(OSError, match="Input/output"):
        Unpacked(Broken(), "bz2").read(1)
