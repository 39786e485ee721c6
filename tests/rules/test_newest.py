"""The newest versions."""

from datetime import timedelta

import pytest

from cloche.core.errors import BadSetting
from cloche.core.model import File
from cloche.core.policy import Clause
from tests.rules.samples import NOW, clause, objected

HISTORY = ["1.0", "2.0rc1", "2.0", "1.1", "3.0a1", "3.0a2"]
"""In the order in which they came, a day apart."""


def files(*versions: str) -> list[File]:
    return [
        File(filename=f"demo-{version}.tar.gz", upload_time=NOW + timedelta(days=day))
        for day, version in enumerate(versions)
    ]


def shown(clause: Clause, *files: File) -> set[str]:
    found = objected(clause, *files)
    return {
        file.filename.removeprefix("demo-").removesuffix(".tar.gz")
        for file in files
        if file.filename not in found
    }


def test_newest_is_by_version() -> None:
    """Whenever they came, the highest versions stay, and the highest final one with them."""
    assert shown(clause("newest", count=2), *files(*HISTORY)) == {"3.0a2", "3.0a1", "2.0"}
    assert shown(clause("newest", count=4), *files(*HISTORY)) == {"3.0a2", "3.0a1", "2.0", "2.0rc1"}


def test_newest_can_be_by_time() -> None:
    """What came last stays: a fix of an old series is newer than the release before it."""
    by_time = clause("newest", count=3, by="upload-time")

    assert shown(by_time, *files(*HISTORY)) == {"3.0a2", "3.0a1", "1.1"}


def test_a_late_file_makes_no_version_new() -> None:
    """A version is as old as its oldest file: another wheel of it does not push others out."""
    late = File(filename="demo-1.0-py3-none-any.whl", upload_time=NOW + timedelta(days=99))
    found = objected(clause("newest", count=1, by="upload-time"), *files("1.0", "2.0"), late)

    assert found.keys() == {"demo-1.0.tar.gz", "demo-1.0-py3-none-any.whl"}


def test_a_version_without_a_time_is_the_oldest() -> None:
    """What has no upload time pushes nothing out that has one."""
    timeless = File(filename="demo-9.0.tar.gz")

    assert shown(clause("newest", count=1, by="upload-time"), *files("1.0", "2.0"), timeless) == {
        "2.0"
    }


def test_prereleases_can_be_counted_apart() -> None:
    """So many final versions, and so many pre-releases beside them."""
    apart = clause("newest", count=2, prereleases=1)

    assert shown(apart, *files(*HISTORY)) == {"2.0", "1.1", "3.0a2"}
    assert shown(clause("newest", count=1, prereleases=0), *files(*HISTORY)) == {"2.0"}


def test_an_unknown_version_is_not_new() -> None:
    """A file whose name tells no version cannot be one of the newest."""
    found = objected(clause("newest", count=9), *files("1.0"), File(filename="demo.txt"))

    assert found == {"demo.txt": "its version cannot be told from its name"}


def test_the_reason_says_what_is_kept() -> None:
    """Who misses a version reads how many there are, and in which order."""
    found = objected(clause("newest", count=1, prereleases=2), *files("1.0", "2.0"))

    assert found == {
        "demo-1.0.tar.gz": "it is not of the project's 1 newest versions by version, "
        "or 2 pre-releases"
    }


def test_no_more_than_so_many() -> None:
    """Exactly so many: the version that an installer takes may be there in place of the last."""
    exactly = clause("newest", count=2, exactly=True)
    yanked = [File(filename="demo-2.0.tar.gz", yanked=True), *files("1.0", "3.0a1", "3.0a2")]

    assert shown(exactly, *files(*HISTORY)) == {"3.0a2", "2.0"}
    assert shown(exactly, *yanked) == {"3.0a2", "1.0"}
    assert shown(exactly, *files("1.0", "2.0", "3.0")) == {"2.0", "3.0"}
    assert shown(exactly, *files("1.0")) == {"1.0"}
    with pytest.raises(BadSetting, match="exactly"):
        clause("newest", count=2, prereleases=1, exactly=True)
