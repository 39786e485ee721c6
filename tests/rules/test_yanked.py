"""Yanked files."""

import pytest

from cloche.core.model import File
from tests.rules.samples import clause, objected


@pytest.mark.parametrize(
    ("yanked", "reason"),
    [
        (True, "it is yanked"),
        ("", "it is yanked"),
        ("broken on Windows", "it is yanked: broken on Windows"),
        ("two\nlines", "it is yanked: two lines"),
    ],
)
def test_what_is_yanked_is_withheld(yanked: bool | str, reason: str) -> None:  # noqa: FBT001 - PEP 691's own type
    """Any string is a reason (PEP 592), also the empty one; it is told in one line."""
    assert objected(clause("yanked"), File(filename="demo-1.0.tar.gz", yanked=yanked)) == {
        "demo-1.0.tar.gz": reason
    }


def test_a_long_reason_is_cut() -> None:
    """What an upstream wrote does not make an answer long."""
    found = objected(clause("yanked"), File(filename="demo-1.0.tar.gz", yanked="x" * 10_000))

    assert len(found["demo-1.0.tar.gz"]) < 250


def test_what_is_not_yanked_is_shown() -> None:
    """The rule minds nothing else."""
    assert not objected(clause("yanked"), File(filename="demo-1.0.tar.gz"))
