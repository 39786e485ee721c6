"""A wheel read from parts of it."""

import io
import zipfile

import pytest

from cloche.core.archive import wheel_metadata
from cloche.core.errors import BadUpload
from cloche.core.filenames import parse
from cloche.core.pieces import Gap, Pieces
from tests.packages import wheel

DEMO = wheel("demo", "1.0", size=300_000)
NAMED = parse(DEMO.filename)


def test_a_part_that_is_there_is_read() -> None:
    """What was added reads as in the whole file; the end is told as a file does."""
    pieces = Pieces(10)
    pieces.add(2, b"cdef")

    assert (pieces.seek(0, 2), pieces.seek(3), pieces.read(2), pieces.read(1)) == (
        10,
        3,
        b"de",
        b"f",
    )


@pytest.mark.parametrize("at", [0, 1, 5, 8])
def test_a_part_that_is_not_there_is_named(at: int) -> None:
    """What is missing, in part or whole, is asked for by its place."""
    pieces = Pieces(10)
    pieces.add(2, b"cdef")
    pieces.seek(at)
    with pytest.raises(Gap) as gap:
        pieces.read(4)

    assert (gap.value.start, gap.value.stop) == (at, min(10, at + 4))


def test_metadata_comes_from_the_end() -> None:
    """The last parts of a wheel hold its metadata: nothing before them is needed."""
    pieces = Pieces(DEMO.size)
    pieces.add(DEMO.size - 4096, DEMO.content[-4096:])

    assert wheel_metadata(NAMED, pieces) == DEMO.metadata


def zipped(**members: bytes) -> io.BytesIO:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in members.items():
            archive.writestr(name.replace("__", "/"), content)
    return file


@pytest.mark.parametrize(
    ("file", "said"),
    [
        (io.BytesIO(b"no zip" * 100), "does not end"),
        (io.BytesIO(b""), "too short"),
        (zipped(demo__x=b""), "no demo-1.0.dist-info/METADATA"),
        (zipped(**{"other-1.0.dist-info__METADATA": b"Name: other"}), "does not fit"),
        (
            zipped(**{"demo-1.0.dist-info__METADATA": b"", "a-1.dist-info__METADATA": b""}),
            "2 .dist-info",
        ),
    ],
)
def test_a_broken_wheel_is_said_to_be(file: io.BytesIO, said: str) -> None:
    """What cannot be read is refused with its cause."""
    with pytest.raises(BadUpload, match=said):
        wheel_metadata(NAMED, file)
