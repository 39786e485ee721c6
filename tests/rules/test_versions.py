"""Projects with few versions, or many."""

from dataclasses import replace
from typing import Any

import pytest

from cloche.core.errors import BadSetting
from cloche.core.model import File
from tests.rules.samples import NOW, clause, objected, offer


def files(*versions: str) -> list[File]:
    return [File(filename=f"demo-{version}.tar.gz") for version in versions]


def test_a_version_is_counted_once() -> None:
    """Two files of a version, however it is spelt, are one version."""
    two = [*files("1.0", "2.0"), File(filename="demo-1.0.0-py3-none-any.whl")]

    assert not objected(clause("versions", min=2, max=2), *two)


def test_too_few_and_too_many() -> None:
    """All of a project is withheld, with the number that it has."""
    assert objected(clause("versions", min=3), *files("1", "2")) == dict.fromkeys(
        ["demo-1.tar.gz", "demo-2.tar.gz"], "the project has 2 versions, fewer than 3"
    )
    assert objected(clause("versions", max=1), *files("1", "2")) == dict.fromkeys(
        ["demo-1.tar.gz", "demo-2.tar.gz"], "the project has 2 versions, more than 1"
    )


def test_versions_without_files() -> None:
    """What the upstream names as a version counts, whether it has files of it or none."""
    listed = replace(offer(*files("1.0", "2.0")), listed=("1", "2.0", "0.1", "rubbish"))

    assert list(clause("versions", min=3, max=3).judge(listed, NOW)) == []


def test_what_cannot_be_counted_counts_against_the_project() -> None:
    """A file whose name tells no version is one too many, and none of those that are lacking."""
    unknown = File(filename="demo.txt")

    assert objected(clause("versions", min=2), *files("1"), unknown)
    assert objected(clause("versions", max=1), *files("1"), unknown)


@pytest.mark.parametrize("settings", [{}, {"min": 3, "max": 2}, {"max": 0}])
def test_bounds_that_make_no_sense_are_refused(settings: dict[str, Any]) -> None:
    """Settings that would withhold nothing, or all, are a mistake."""
    with pytest.raises(BadSetting):
        clause("versions", **settings)
