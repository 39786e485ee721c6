"""What satisfies a need on a page, and what that needs again."""

import pytest
from packaging.specifiers import SpecifierSet
from packaging.version import Version

from cloche.core.choosing import Rules
from cloche.core.model import File, FileKey, Page, ProjectName
from cloche.core.needs import Need, required, satisfying
from cloche.core.requirements_file import read
from cloche.core.targets import targets

LIB = ProjectName("lib")
LINUX = targets((), platforms=["manylinux_2_28_x86_64"], pythons=["3.12"])
VERSIONS = ("1.0", "1.5", "2.0", "3.0b1")


def page(*versions: str) -> Page:
    names = [f"lib-{each}-py3-none-any.whl" for each in versions]
    files = (
        File(filename=name, listed_key=FileKey(name), hashes={"sha256": name}) for name in names
    )
    return Page(name=LIB, files=tuple(files))


@pytest.mark.parametrize(
    ("needed", "lines", "found"),
    [
        ("", "", {"2.0"}),
        ("<2", "", {"1.5"}),
        (">=3b1", "", {"3.0b1"}),
        (">9", "", set()),
        ("", "lib<2", {"1.5"}),
        (">=1", "lib==1.0", {"1.0"}),
        (">=2", "lib==1.0", {"2.0"}),
        ("", "lib==1.0; python_version < '3.12'\nlib==1.5; python_version >= '3.12'", {"1.5"}),
        ("", "lib==1.0\nlib==2.0", {"1.0", "2.0"}),
        (">=1.5", "lib==1.0\nlib==2.0", {"2.0"}),
        ("", "lib==1.0; sys_platform == 'win32'", {"2.0"}),
    ],
)
def test_satisfying(needed: str, lines: str, found: set[str]) -> None:
    """The newest version within the lines that hold here; where none is, the need stands alone."""
    need = Need(LIB, SpecifierSet(needed))
    files = satisfying(page(*VERSIONS), need, read(lines).wants, Rules(targets=LINUX))

    assert {file.filename.split("-")[1] for file in files} == found


def test_named_files() -> None:
    """Of files that a line names by their hash, those count that are of a version that will do."""
    (line,) = read(f"lib==1.0 --hash=sha256:{'a' * 64}").wants
    locked = File(
        filename="lib-1.0-py3-none-any.whl", listed_key=FileKey("k"), hashes={"sha256": "a" * 64}
    )
    there = Page(name=LIB, files=(locked, *page("2.0").files))
    rules = Rules(targets=LINUX)

    assert satisfying(there, Need(LIB), [line], rules) == (locked,)
    assert satisfying(there, Need(LIB, SpecifierSet(">=2")), [line], rules) == page("2.0").files


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("other>=1", "other>=1"),
        ("other[B,a]", "other[B,a]"),
        ("other; extra == 'fast'", "other"),
        ("other; extra == 'Fast'", "other"),
        ("other; extra == 'slow'", None),
        ("other; sys_platform == 'win32'", None),
        ("other; python_version >= '3.12' and extra == 'fast'", "other"),
        ("lib[more]; extra == 'fast'", "lib[more]==1.5"),
        ("other @ file:///tmp/other", None),
        ("not a requirement!", None),
    ],
)
def test_required(line: str, found: str | None) -> None:
    """What holds in the environment, for the extras that are asked for; of itself, this version."""
    need = Need(LIB, extras=frozenset({"fast"}))

    assert [*map(str, required([line], need, Version("1.5"), LINUX))] == ([found] if found else [])
