import sys
from pathlib import Path
from types import ModuleType

import pytest

import cloche.blobs
from cloche import kinds


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    folder = tmp_path / "shapes"
    folder.mkdir()
    (folder / "__init__.py").write_text("")
    (folder / "round.py").write_text("sides = 0")
    (folder / "square.py").write_text("sides = 4")
    (folder / "_corner.py").write_text("")
    (folder / "notes.txt").write_text("")
    (folder / "pyramid").mkdir()
    (folder / "pyramid" / "__init__.py").write_text("sides = 5")
    monkeypatch.syspath_prepend(tmp_path)
    for name in [name for name in sys.modules if name.partition(".")[0] == "shapes"]:
        monkeypatch.delitem(sys.modules, name)
    return __import__("shapes")


def test_names(package: ModuleType) -> None:
    """Every module of the package is a kind, sorted, but for those that keep to themselves."""
    assert kinds.names(package) == ["pyramid", "round", "square"]


def test_load(package: ModuleType) -> None:
    """A kind is the module of that name."""
    assert [kinds.load(package, name).sides for name in kinds.names(package)] == [5, 0, 4]


def test_blobs_are_kinds() -> None:
    """The blob stores are the schemes that `store.blobs` takes, and each can be connected."""
    found = kinds.names(cloche.blobs)

    assert found == ["file", "s3"]
    assert all(callable(kinds.load(cloche.blobs, name).connect) for name in found)
