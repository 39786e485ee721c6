"""What another server says of its journal is believed only if it can be true."""

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from cloche.core.errors import UpstreamLies
from cloche.core.following import Position, Stretch, Told, checked, mark_of
from cloche.core.model import DocFile
from tests.catalog.samples import sha256, upload

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)
UPLOAD = upload()
STEP = Told(
    serial=5,
    mark="a",
    at=NOON,
    who="ann",
    action="file uploaded",
    project="demo",
    version="1.0",
    filename=UPLOAD.filename,
    upload=UPLOAD,
)


def stretch(*steps: Told, **other: Any) -> Stretch:
    reached = Position(store="s", serial=9, mark="b")
    return replace(Stretch(steps=steps, reached=reached, newest=9, at=NOON), **other)


def doc(path: str, size: int = 1) -> Told:
    files = (DocFile(path=path, digest=sha256(path), size=size),)
    return replace(STEP, action="documentation uploaded", upload=None, documentation=files)


@pytest.mark.parametrize(
    "said",
    [
        stretch(),
        stretch(STEP),
        stretch(replace(STEP, action="file deleted", upload=None)),
        stretch(doc("index.html"), replace(doc("a/ü b.css"), serial=9)),
    ],
)
def test_what_can_be(said: Stretch) -> None:
    """What follows in order, and is whole, is believed, and survives the wire."""
    assert checked(said, 4, "it") is said
    assert msgspec.json.decode(msgspec.json.encode(said), type=Stretch) == said


@pytest.mark.parametrize(
    "said",
    [
        pytest.param(stretch(replace(STEP, serial=4)), id="before"),
        pytest.param(stretch(STEP, STEP), id="twice"),
        pytest.param(stretch(replace(STEP, serial=10)), id="beyond"),
        pytest.param(stretch(newest=8), id="newest"),
        pytest.param(stretch(reached=Position(store="s", serial=3)), id="back"),
        pytest.param(stretch(replace(STEP, action="token created")), id="action"),
        pytest.param(stretch(replace(STEP, project="Demo")), id="project"),
        pytest.param(stretch(replace(STEP, filename="../demo")), id="filename"),
        pytest.param(stretch(replace(STEP, filename="other-1.0.zip")), id="another file"),
        pytest.param(stretch(replace(STEP, version="2.0")), id="version"),
        pytest.param(stretch(replace(STEP, upload=None)), id="no upload"),
        pytest.param(stretch(replace(STEP, upload=upload(digest="A" * 64))), id="digest"),
        pytest.param(stretch(replace(STEP, upload=upload(metadata="x"))), id="metadata"),
        pytest.param(stretch(replace(STEP, upload=upload(size=-1))), id="size"),
        pytest.param(stretch(replace(STEP, upload=upload(hashes={"md5": "x"}))), id="hash"),
        pytest.param(
            stretch(replace(STEP, upload=upload(hashes={"sha256": "0" * 64}))), id="other hash"
        ),
        pytest.param(
            stretch(replace(STEP, action="file deleted", filename=None, upload=None)), id="what"
        ),
        pytest.param(
            stretch(replace(STEP, action="status changed", detail={"status": "odd"})), id="status"
        ),
        *(
            pytest.param(stretch(doc(path)), id=f"documentation {path}")
            for path in ("", "/etc/passwd", "../up", "a//b", "a/./b", "a" * 2000)
        ),
        pytest.param(stretch(doc("index.html", 2**40)), id="documentation size"),
    ],
)
def test_what_cannot_be(said: Stretch) -> None:
    """What is out of order, of no use, or no name, version, digest or path is refused."""
    with pytest.raises(UpstreamLies, match="it tells"):
        checked(said, 4, "it")


def test_a_mark() -> None:
    """It tells apart what differs in anything."""
    entry = (5, NOON, "ann", "file uploaded", "main", None, "{}")
    assert mark_of(entry) == mark_of(list(entry))
    others = [(*entry[:at], "x", *entry[at + 1 :]) for at in range(len(entry))]
    assert len({mark_of(each) for each in (entry, *others)}) == len(entry) + 1
