"""Projects that are too large."""

from tests.rules.samples import clause, objected
from tests.rules.test_size import file


def test_a_project_may_have_so_many_bytes() -> None:
    """All of its files count, and all are withheld when they are too many."""
    limit, files = clause("project_size", max=30), [file("1", 10), file("2", 20)]

    assert not objected(limit, *files)
    assert objected(limit, *files, file("3", 1)) == dict.fromkeys(
        ["demo-1.tar.gz", "demo-2.tar.gz", "demo-3.tar.gz"],
        "the project's files have 31 B, more than 30 B",
    )


def test_a_project_of_unknown_size_is_too_large() -> None:
    """One file of unknown size leaves the whole in doubt."""
    found = objected(clause("project_size", max=30), file("1", 10), file("2", None))

    assert found == dict.fromkeys(
        ["demo-1.tar.gz", "demo-2.tar.gz"], "the size of 1 of the project's files is unknown"
    )
