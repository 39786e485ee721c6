"""Which Pythons a file says that it runs on."""

import pytest

from cloche.core.errors import BadSetting
from cloche.core.model import File
from tests.rules.samples import clause, objected


def requires(stated: str | None) -> File:
    return File(filename="demo-1.0.tar.gz", requires_python=stated)


@pytest.mark.parametrize(
    ("stated", "any_", "all_", "none"),
    [
        (">=3.8", True, True, False),
        (">=3.12", True, False, False),
        ("<3.11", False, False, True),
        ("==2.7.*", False, False, True),
    ],
)
def test_how_many_are_admitted(stated: str, any_: bool, all_: bool, none: bool) -> None:  # noqa: FBT001 - a table
    """Of some Pythons a file can be asked to admit any, all or none."""
    for admits, fits in (("any", any_), ("all", all_), ("none", none)):
        found = objected(
            clause("python", versions=["3.11", "3.12"], admits=admits), requires(stated)
        )
        assert (not found) is fits, admits


@pytest.mark.parametrize(
    ("admits", "unstated", "fits"),
    [("any", "all", True), ("any", "none", False), ("none", "all", False), ("none", "none", True)],
)
def test_what_a_file_admits_that_says_nothing(admits: str, unstated: str, fits: bool) -> None:  # noqa: FBT001 - a table
    """It admits every Python or none, by choice; an empty range is none at all."""
    rule = clause("python", versions=["3.12"], admits=admits, unstated=unstated)

    for stated in (None, ""):
        assert (not objected(rule, requires(stated))) is fits


@pytest.mark.parametrize("admits", ["any", "all", "none"])
def test_doubt_means_no(admits: str) -> None:
    """A range that cannot be read admits nothing, and excludes nothing."""
    found = objected(clause("python", versions=["3.12"], admits=admits), requires(">=3.x\n"))

    assert found == {"demo-1.0.tar.gz": "the Pythons that it requires cannot be read: >=3.x "}


def test_the_reason_names_both_sides() -> None:
    """What the file requires, and what the rule asks for."""
    found = objected(clause("python", versions=["3.11", "3.12"]), requires("<3.9"))

    assert found == {
        "demo-1.0.tar.gz": "it requires Python <3.9, and is to admit any of 3.11, 3.12"
    }


@pytest.mark.parametrize("versions", [[], ["3"], ["three"], ["3.12", ">=3.13"], ["3.12rc1"]])
def test_what_is_no_python_is_refused(versions: list[str]) -> None:
    """Versions that do not exist are an error that shows how to write one."""
    with pytest.raises(BadSetting, match="such as"):
        clause("python", versions=versions)
