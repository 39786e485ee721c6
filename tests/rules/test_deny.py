"""`deny`: what is listed may not be shown."""

from pathlib import Path

import pytest

from cloche.core.errors import BadSetting
from cloche.core.model import File, ProjectName
from tests.rules.samples import LOCK, NOW, REQUIREMENTS, clause, objected

FIRST = File(filename="demo-1.0.tar.gz")
NEXT = File(filename="demo-2.0rc1-py3-none-any.whl")
ODD = File(filename="demo.bin")


def test_versions_that_satisfy_are_denied() -> None:
    """What satisfies is withheld, pre-releases too; so is what tells no version."""
    rule = clause("deny", what=["demo>=1.1", "salt"])

    assert objected(rule, FIRST, NEXT, ODD) == {
        NEXT.filename: "it is on the list: demo>=1.1",
        ODD.filename: "it is on the list: demo>=1.1",
    }
    assert rule.shuts(ProjectName("demo"), NOW, hosted=False) is None


@pytest.mark.parametrize("pattern", ["demo", "Demo", "d?mo", "de*"])
def test_whole_projects_are_denied(pattern: str) -> None:
    """A name or pattern means every file, uploads too, and that is known by the name."""
    rule = clause("deny", what=[pattern])

    assert set(objected(rule, FIRST, ODD)) == {FIRST.filename, ODD.filename}
    for hosted in (False, True):
        said = rule.shuts(ProjectName("demo"), NOW, hosted=hosted)
        assert said is not None
        assert said.reason == f"it is on the list: {pattern}"


def test_other_projects_are_let_be() -> None:
    """A list says nothing of what is not on it."""
    assert objected(clause("deny", what=["demos", "demo-*"]), FIRST, NEXT, ODD) == {}


def test_files_list_too() -> None:
    """Requirements files and locks are lists, whose versions count."""
    assert set(objected(clause("deny", files=[REQUIREMENTS]), FIRST, NEXT)) == {FIRST.filename}
    lock = [LOCK.replace("uv.lock", "denied/uv.lock")]
    with pytest.raises(BadSetting, match="cannot be read"):
        clause("deny", files=lock)


def test_a_lock_denies_its_versions(tmp_path: Path) -> None:
    """Of a lock each locked version is denied."""
    lock = Path(LOCK).read_text().partition('[[package]]\nname = "pepper"')[0]
    (tmp_path / "uv.lock").write_text(lock)

    rule = clause("deny", tmp_path, files=["uv.lock"])

    assert objected(rule, FIRST, NEXT) == {FIRST.filename: "it is on the list: demo==1.0"}


@pytest.mark.parametrize("line", ["demo === ;", "-e .", "./demo.whl", "--unknown"])
def test_a_line_that_is_not_understood_is_refused(tmp_path: Path, line: str) -> None:
    """What nobody can read might be what was to be denied."""
    (tmp_path / "bad.txt").write_text(f"salt\n{line}\n")

    with pytest.raises(BadSetting, match="cannot be denied"):
        clause("deny", tmp_path, files=["bad.txt"])


def test_nothing_listed_is_refused() -> None:
    """A rule that denies nothing is a mistake."""
    with pytest.raises(BadSetting, match="lists nothing"):
        clause("deny")
