"""Files that are too large."""

import pytest

from cloche.core.errors import BadSetting
from cloche.core.model import File
from tests.rules.samples import clause, objected


def file(version: str, size: int | None) -> File:
    return File(filename=f"demo-{version}.tar.gz", size=size)


def test_a_file_may_have_so_many_bytes() -> None:
    """The limit itself is not above it."""
    found = objected(clause("size", max="50 MB"), file("1", 50_000_000), file("2", 50_000_001))

    assert found == {"demo-2.tar.gz": "it has 50.0 MB, more than 50.0 MB"}


def test_an_unknown_size_is_too_large() -> None:
    """Nobody says how large the file is, so it may be of any size."""
    assert objected(clause("size", max=10**15), file("1", None)) == {
        "demo-1.tar.gz": "its size is unknown"
    }


@pytest.mark.parametrize("kind", ["size", "project_size"])
@pytest.mark.parametrize("size", ["many", "", 0, -1, "5 i", "1e9", True])
def test_what_is_no_size_is_refused(kind: str, size: object) -> None:
    """A limit that cannot be read is an error that shows how to write one."""
    with pytest.raises(BadSetting):
        clause(kind, max=size)
