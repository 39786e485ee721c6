"""Kinds of distributions."""

from typing import Any

import pytest

from cloche.core.errors import BadSetting
from cloche.core.model import File
from tests.rules.samples import clause, objected

NAMES = {
    "wheel": "demo-1.0-py3-none-any.whl",
    "sdist": "demo-1.0.tar.gz",
    "egg": "demo-1.0-py2.7.egg",
    "wininst": "demo-1.0.win32-py2.7.exe",
    "msi": "demo-1.0.win-amd64-py2.7.msi",
    "rpm": "demo-1.0-1.noarch.rpm",
    "dumb": "demo-1.0.linux-x86_64.tar.gz",
}
FILES = [File(filename=name) for name in NAMES.values()]


@pytest.mark.parametrize("kind", NAMES)
def test_each_kind_is_told_by_its_name(kind: str) -> None:
    """To allow one kind alone leaves its files alone; to forbid it takes them alone."""
    others = {name for each, name in NAMES.items() if each != kind}

    assert objected(clause("kinds", only=[kind]), *FILES).keys() == others
    assert objected(clause("kinds", no=[kind]), *FILES) == {
        NAMES[kind]: f"it is of the kind {kind}"
    }


def test_what_is_forbidden_is_not_allowed() -> None:
    """Where both lists name a kind it is withheld."""
    both = clause("kinds", only=["wheel", "sdist"], no=["sdist"])

    assert NAMES["sdist"] in objected(both, *FILES)
    assert NAMES["wheel"] not in objected(both, *FILES)


@pytest.mark.parametrize("settings", [{"only": ["wheel"]}, {"no": ["egg"]}])
def test_doubt_means_no(settings: dict[str, Any]) -> None:
    """A file whose name follows no rule might be of any kind."""
    strange = File(filename="demo.txt")

    assert objected(clause("kinds", **settings), strange) == {
        "demo.txt": "its kind cannot be told from its name"
    }


@pytest.mark.parametrize("settings", [{}, {"only": ["wheel"], "no": ["wheel"]}])
def test_settings_that_say_nothing_are_refused(settings: dict[str, Any]) -> None:
    """A rule that would withhold nothing, or all, is a mistake."""
    with pytest.raises(BadSetting, match="say which kinds are shown"):
        clause("kinds", **settings)
