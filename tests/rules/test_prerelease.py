"""Pre-releases."""

import pytest

from cloche.core.model import File
from tests.rules.samples import clause, objected


def files(*versions: str) -> list[File]:
    return [File(filename=f"demo-{version}.tar.gz") for version in versions]


@pytest.mark.parametrize(
    ("phase", "version", "reason"),
    [
        ("a", "1.0a1", "1.0a1 is an alpha release"),
        ("b", "1.0b2.post1", "1.0b2.post1 is a beta release"),
        ("rc", "1.0c3", "1.0rc3 is a release candidate"),
        ("dev", "1.0.dev4", "1.0.dev4 is a development release"),
        ("dev", "1.0.post1.dev5", "1.0.post1.dev5 is a development release"),
    ],
)
def test_each_phase_can_be_named(phase: str, version: str, reason: str) -> None:
    """A phase that is named is withheld, one that is not is shown."""
    others = [each for each in ("a", "b", "rc", "dev") if each != phase]

    assert objected(clause("prerelease", phases=[phase]), *files(version, "1.0")) == {
        f"demo-{version}.tar.gz": reason
    }
    assert not objected(clause("prerelease", phases=others), *files(version))


def test_a_version_can_be_of_two_phases() -> None:
    """A development release of an alpha is withheld as either."""
    for phase in ("a", "dev"):
        assert objected(clause("prerelease", phases=[phase]), *files("1.0a1.dev2"))


def test_final_and_post_releases_are_shown() -> None:
    """What is not before anything is no pre-release."""
    assert not objected(clause("prerelease"), *files("1.0", "1.0.post1", "1!2.0+local.dev"))


def test_a_project_may_have_nothing_else() -> None:
    """With `unless_only` its pre-releases are shown until it has another version."""
    lenient = clause("prerelease", unless_only=True)

    assert not objected(lenient, *files("1.0a1", "1.0.dev2"))
    assert objected(lenient, *files("1.0a1", "1.0.dev2", "0.9")).keys() == {
        "demo-1.0a1.tar.gz",
        "demo-1.0.dev2.tar.gz",
    }


def test_an_unknown_version_is_no_other_version() -> None:
    """A file whose name tells no version is withheld itself, and makes nothing else so."""
    found = objected(clause("prerelease", unless_only=True), *files("1.0a1"), File(filename="demo"))

    assert found == {"demo": "its version cannot be told from its name"}
