"""`pattern`: regular expressions over what files are called."""

from typing import Any

import pytest

from cloche.core.errors import BadSetting
from cloche.core.model import File, ProjectName
from tests.rules.samples import NOW, clause, objected

FINAL = "demo-1.0-py3-none-any.whl"
BETA = "demo-2.0b1-cp313-cp313-win_amd64.whl"
ODD = "demo.bin"
FILES = tuple(File(filename=name) for name in (FINAL, BETA, ODD))


@pytest.mark.parametrize(
    ("settings", "withheld"),
    [
        ({"filename": ["win", "linux"]}, {BETA}),
        ({"filename": ["^win"]}, set()),
        ({"filename": ["none-any"], "keep": True}, {BETA, ODD}),
        ({"project": ["^demo$"]}, {FINAL, BETA, ODD}),
        ({"project": ["^other"]}, set()),
        ({"project": ["^demo$"], "keep": True}, set()),
        ({"version": ["b"]}, {BETA, ODD}),
        ({"version": [r"^\d+\.\d+$"], "keep": True}, {BETA, ODD}),
        ({"project": ["other"], "filename": ["win"]}, {BETA}),
        ({"project": ["demo"], "filename": ["win"], "match": "all"}, {BETA}),
        ({"project": ["other"], "version": ["1"], "match": "all"}, set()),
        ({"project": ["demo"], "version": ["1"], "match": "all", "keep": True}, {ODD}),
        ({"project": ["demo"], "version": ["x"], "keep": True}, set()),
    ],
)
def test_what_is_withheld(settings: dict[str, Any], withheld: set[str]) -> None:
    """Patterns of one kind are alternatives; `match` joins the kinds, `keep` turns it round.

    A version that nobody knows, where it decides, counts against the file.
    """
    assert set(objected(clause("pattern", **settings), *FILES)) == withheld


@pytest.mark.parametrize(
    ("settings", "is_shut"),
    [
        ({"project": ["demo"]}, True),
        ({"project": ["demo"], "filename": ["x"]}, True),
        ({"project": ["demo"], "filename": ["x"], "match": "all"}, False),
        ({"project": ["other"], "keep": True}, True),
        ({"project": ["other"], "filename": ["x"], "keep": True}, False),
        ({"project": ["other"], "filename": ["x"], "match": "all", "keep": True}, True),
        ({"filename": ["x"]}, False),
    ],
)
def test_whole_projects(settings: dict[str, Any], *, is_shut: bool) -> None:
    """It is known by its name when the name alone decides."""
    said = clause("pattern", **settings).shuts(ProjectName("demo"), NOW, hosted=True)

    assert (said is not None) is is_shut


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({}, "has no patterns"),
        ({"project": ["("]}, "'\\(' is no regular expression"),
        ({"version": ["a{1,99999999999999999999}"]}, "no regular expression"),
        ({"filename": ["a" * 1001]}, "over 1000 characters"),
        ({"match": "some"}, "match"),
    ],
)
def test_what_is_refused(settings: dict[str, Any], said: str) -> None:
    """A pattern that cannot be compiled is an error of the configuration, with its key."""
    with pytest.raises(BadSetting, match=said) as caught:
        clause("pattern", **settings)

    assert str(caught.value).startswith("cloche.toml: index.main.rule.pattern")


def test_kinds_of_packages() -> None:
    """What a pattern means can be of some kinds alone, as their names tell them."""
    sdist = File(filename="demo-win-1.0.tar.gz")
    binary = clause("pattern", filename=["win"], packagetype=["^(?!sdist$)"], match="all")

    assert objected(binary, *FILES, sdist).keys() == {BETA}
    assert objected(clause("pattern", packagetype=["wheel"]), *FILES).keys() == {FINAL, BETA}
