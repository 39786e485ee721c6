"""What of an upstream is chosen, and when to try again."""

from datetime import UTC, datetime, timedelta

import pytest

from cloche.core.errors import BadName
from cloche.core.mirrors import LONGEST_WAIT, Choice, again, is_plausible, policy, recalled
from cloche.core.model import ProjectName

NOW = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("patterns", "project", "is_chosen"),
    [
        ([], "any", True),
        (["Demo_1"], "demo-1", True),
        (["demo"], "demo-1", False),
        (["demo-*"], "demo-1", True),
        (["/^demo-[0-9]$/"], "demo-1", True),
        (["/^demo-[0-9]$/"], "demo-x", False),
        (["other", "/x/"], "demo-x", True),
    ],
)
def test_chosen(patterns: list[str], project: str, is_chosen: bool) -> None:  # noqa: FBT001
    """A project is chosen by any of the patterns, or if there are none."""
    assert Choice(patterns).match(ProjectName(project)) is is_chosen


def test_exact() -> None:
    """Only plain names tell the projects without a list."""
    assert Choice(["A", "b"]).exact == frozenset(map(ProjectName, "ab"))
    assert [Choice(each).exact for each in ([], ["a*"], ["a", "/b/"])] == [None] * 3


@pytest.mark.parametrize("pattern", ["/(/", "/" + "x" * 2000 + "/", "no name", "-"])
def test_no_pattern(pattern: str) -> None:
    """What cannot be read as a pattern is refused."""
    with pytest.raises(BadName):
        Choice([pattern])


@pytest.mark.parametrize(
    ("before", "after", "plausible"),
    [(0, 0, True), (5, 0, False), (15, 1, True), (100, 50, True), (100, 49, False), (1, 9, True)],
)
def test_plausible(before: int, after: int, plausible: bool) -> None:  # noqa: FBT001
    """A list may not lose more than half of many projects, nor the last of any."""
    assert is_plausible(before, after) is plausible


def test_again() -> None:
    """Each try is later than the one before, spread, and never too late."""
    waits = [again(NOW, tries, 1.0) - NOW for tries in range(1, 40)]

    assert waits[0] == timedelta(minutes=1)
    assert waits == sorted(waits)
    assert waits[-1] == LONGEST_WAIT
    assert again(NOW, 3, 0.0) - NOW == (again(NOW, 3, 1.0) - NOW) / 2


def test_one_policy() -> None:
    """What is gone upstream is said by either key, and means the same."""
    assert [policy(None, each) for each in ("keep", "hide", "deny")] == ["keep", "hide", "drop"]
    assert [recalled(each) for each in ("keep", "hide", "drop")] == ["keep", "hide", "deny"]
    assert policy("drop", "keep") == "drop"
