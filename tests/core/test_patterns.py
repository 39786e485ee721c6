"""Patterns over projects, and requirements over them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.version import Version

from cloche.core.errors import BadName
from cloche.core.model import ProjectName, project_name
from cloche.core.patterns import names, selector

ACME = ProjectName("acme-tools")
WORDS = st.from_regex(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,8}[A-Za-z0-9])?", fullmatch=True)


@given(name=WORDS)
def test_a_name_matches_itself(name: str) -> None:
    """However a name is written, it stands for its project and for no longer one."""
    project = project_name(name)

    assert names([name]).match(project)
    assert not names([name]).match(ProjectName(f"{project}x"))


@pytest.mark.parametrize("pattern", ["acme-*", "Acme.*", "ACME__*", "*-tools", "acme?tools", "*"])
def test_a_glob_is_normalized(pattern: str) -> None:
    """Case and separators of a pattern mean as little as those of a name (PEP 503)."""
    assert names(["other", pattern]).match(ACME)


@pytest.mark.parametrize("pattern", ["acme", "acme-*s-x", "[b-z]*", "tools*"])
def test_what_does_not_match(pattern: str) -> None:
    """A pattern covers the whole name."""
    assert not names([pattern]).match(ACME)


@pytest.mark.parametrize("pattern", ["", "a b", "acme/*", "x" * 300, "x*" * 300, "-", "é*"])
def test_what_is_no_pattern(pattern: str) -> None:
    """What no project can be called is refused, not silently matched by nothing."""
    with pytest.raises(BadName):
        names([pattern])


@pytest.mark.parametrize(
    ("says", "version", "matches"),
    [
        ("acme-tools", "1.0", True),
        ("acme-*<2", "1.0", True),
        ("acme-* <2", "2.0", False),
        ("Acme_Tools==1.*", "1.7", True),
        ("acme-tools>=1.0,!=1.5", "1.5", False),
        ("acme-tools<2", "2.0rc1", False),
        ("acme-tools<=2", "2.0rc1", True),
        ("other", "1.0", False),
    ],
)
def test_a_selector(says: str, version: str, matches: bool) -> None:  # noqa: FBT001
    """Name and version both have to fit; pre-releases are versions as any."""
    assert selector(says).match(ACME, Version(version)) is matches


@pytest.mark.parametrize("doubt", [True, False])
def test_an_unknown_version(doubt: bool) -> None:  # noqa: FBT001
    """Where the version matters and is unknown, the caller says what doubt comes to."""
    assert selector("acme-tools<2").match(ACME, None, doubt=doubt) is doubt
    assert selector("acme-tools").match(ACME, None, doubt=doubt)


@pytest.mark.parametrize("says", ["", "<2", "acme-tools<", "acme-tools~=1", "a b", "acme; x"])
def test_what_is_no_selector(says: str) -> None:
    """Words that are no requirement are refused, with what one looks like."""
    with pytest.raises(BadName, match=r"write a name|such as"):
        selector(says)
