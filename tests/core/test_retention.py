"""Which files of a project are kept, where only some are to be."""

from datetime import UTC, datetime, timedelta

import pytest
from packaging.specifiers import SpecifierSet

from cloche.core.model import Digest, ProjectName
from cloche.core.retention import Keepable, Retained
from cloche.core.wants import Named, Want

NOW = datetime(2026, 3, 1, tzinfo=UTC)
DEMO = ProjectName("demo")


def file(version: str, days: int = 100, end: str = ".tar.gz") -> Keepable:
    return Keepable(
        project=DEMO,
        filename=f"demo-{version}{end}",
        digest=Digest(version[0] * 64),
        used=NOW - timedelta(days=days),
    )


FILES = [
    file("1.0"),
    file("10.0"),
    file("2.0"),
    file("2.0", end="-py3-none-any.whl"),
    file("3.0", 1),
]


def want(**said: object) -> Want:
    return Want(**{"project": DEMO, "says": "", **said})  # type: ignore[arg-type]  # as a case has it


@pytest.mark.parametrize(
    ("retained", "kept"),
    [
        (Retained(newest=2), {"10.0", "3.0"}),
        (Retained(newest=3), {"10.0", "3.0", "2.0"}),
        (Retained(newest=9), {"10.0", "3.0", "2.0", "1.0"}),
        (Retained(fetched_within=timedelta(days=7)), {"3.0"}),
        (Retained(newest=1, fetched_within=timedelta(days=7)), {"10.0", "3.0"}),
        (Retained(wants=(want(specifiers=SpecifierSet("<2.5")),)), {"1.0", "2.0"}),
        (Retained(wants=(want(project=ProjectName("other")),)), set()),
        (Retained(wants=(want(files=(Named(filename="demo-1.0.tar.gz"),)),)), {"1.0"}),
        (Retained(wants=(want(files=(Named(hashes=(("sha256", "3" * 64),)),)),)), {"3.0"}),
    ],
)
def test_what_is_kept(retained: Retained, kept: set[str]) -> None:
    """Whatever any of them says is kept, all files of a version or the one that is named."""
    gone = {each.filename for each in retained.superfluous(FILES, NOW)}

    assert {each.filename for each in FILES} - gone == {
        each.filename
        for each in FILES
        if each.filename.split("-")[1].removesuffix(".tar.gz") in kept
    }


def test_a_file_without_a_version() -> None:
    """A file whose name does not tell its version stays: nobody can say that it is old."""
    odd = Keepable(project=DEMO, filename="demo.exe", digest=Digest("0" * 64), used=NOW)

    assert Retained(newest=1).superfluous([odd, *FILES], NOW + timedelta(days=1000)) == [
        each for each in FILES if "10.0" not in each.filename
    ]
