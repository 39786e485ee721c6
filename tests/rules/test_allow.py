"""`allow`: nothing but what is listed."""

from pathlib import Path

import pytest

from cloche.core.errors import BadSetting
from cloche.core.model import File, ProjectName
from tests.rules.samples import LOCK, NOW, REQUIREMENTS, clause, objected, offer

A, B = "a" * 64, "b" * 64
SDIST = File(filename="demo-1.0.tar.gz", hashes={"sha256": A})
WHEEL = File(filename="demo-1.0-py3-none-any.whl", hashes={"sha256": B})
NEXT = File(filename="demo-2.0.tar.gz", hashes={"sha256": B})
ODD = File(filename="demo.bin", hashes={"sha256": B})
EVERY = (SDIST, WHEEL, NEXT, ODD)


def shown(folder: Path = Path(), **settings: object) -> set[str]:
    out = objected(clause("allow", folder, **settings), *EVERY)
    return {file.filename for file in EVERY} - set(out)


def test_a_name_is_all_of_its_files() -> None:
    """An entry without versions lets every file be shown, also one that tells no version."""
    assert shown(only=["dem*"]) == {file.filename for file in EVERY}


def test_versions_are_those_that_satisfy() -> None:
    """An entry with versions lets these be shown; of a file that tells none nobody knows."""
    assert shown(only=["Demo <2"]) == {SDIST.filename, WHEEL.filename}
    assert objected(clause("allow", only=["demo<2", "demo==3"]), NEXT) == {
        NEXT.filename: "of it the list has only demo<2, demo==3"
    }


def test_what_is_not_listed_is_not_shown() -> None:
    """A project that no entry names is withheld whole, and that is known by its name."""
    rule = clause("allow", only=["salt"])

    assert set(objected(rule, *EVERY)) == {file.filename for file in EVERY}
    assert rule.shuts(ProjectName("demo"), NOW, hosted=False)
    assert rule.shuts(ProjectName("salt"), NOW, hosted=False) is None


def test_requirements_files_are_lists(tmp_path: Path) -> None:
    """Files list too, with the files that they refer to, relative to the configuration."""
    (tmp_path / "requirements.txt").write_text("-r more.txt\n-e .\nsalt\n")
    (tmp_path / "more.txt").write_text("demo<2; python_version < '3'\n")

    assert shown(tmp_path, files=["requirements.txt"]) == {SDIST.filename, WHEEL.filename}


def test_a_lock_lists_its_versions() -> None:
    """What a lock names is the version that it locks."""
    assert shown(files=[LOCK]) == {SDIST.filename, WHEEL.filename}


def test_exact_is_the_very_file() -> None:
    """With `exact` a lock means the distributions whose hashes it names."""
    assert shown(files=[LOCK], exact=True) == {SDIST.filename}
    assert shown(files=[LOCK], only=["demo==2.0"], exact=True) == {SDIST.filename, NEXT.filename}
    other = File(filename=SDIST.filename, hashes={"sha256": B})
    assert objected(clause("allow", files=[LOCK], exact=True), other) == {
        SDIST.filename: "of it the list has only files that are named"
    }


def test_hashes_without_a_version_mean_these_files(tmp_path: Path) -> None:
    """A requirement that names hashes and no version does not let every version in."""
    (tmp_path / "requirements.txt").write_text(f"demo --hash=sha256:{A}\n")

    assert shown(tmp_path, files=["requirements.txt"]) == {SDIST.filename}


def test_own_uploads_must_be_listed_too() -> None:
    """An upload is judged as everything else is."""
    rule = clause("allow", only=["salt"])

    assert len(list(rule.judge(offer(SDIST, hosted=True), NOW))) == 1


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({}, "lists nothing, so nothing would be shown"),
        ({"files": ["empty.txt"]}, "lists nothing, so nothing would be shown"),
        ({"files": ["missing.txt"]}, r"missing\.txt cannot be read"),
        ({"files": ["some.toml"]}, "no lock file that is known"),
        ({"files": ["uv.lock"]}, r"no uv\.lock that can be read"),
        ({"files": ["long.txt"]}, "over 20000 things"),
        ({"only": ["demo<what"]}, "no version specifiers"),
        ({"only": ["-"]}, "'-'"),
    ],
)
def test_what_cannot_be_a_list_is_refused(
    tmp_path: Path, settings: dict[str, list[str]], said: str
) -> None:
    """The server does not start with a list that it cannot read, and says which and why."""
    (tmp_path / "empty.txt").write_text("# nothing\n")
    (tmp_path / "some.toml").write_text("")
    (tmp_path / "uv.lock").write_text("[")
    (tmp_path / "long.txt").write_text("demo\n" * 20_001)

    with pytest.raises(BadSetting, match=said) as caught:
        clause("allow", tmp_path, **settings)

    assert str(caught.value).startswith("cloche.toml: index.main.rule.allow: ")


def test_a_list_may_be_long() -> None:
    """Names are looked up, not gone through: a long list judges as quickly as a short one."""
    many = [f"project-{number}" for number in range(20_000)]

    assert shown(only=[*many, "demo"], files=[REQUIREMENTS]) == {f.filename for f in EVERY}
