"""What ARCHITECTURE.md says of the tree is so."""

import re
import tomllib
from pathlib import Path

import cloche
from tests.docs import markdown

PAGE = (markdown.DOCS / "ARCHITECTURE.md").read_text()
SOURCE = Path(cloche.__file__).parent
FILE = re.compile(r"[a-z_][a-z_/]*\.py\b")
LAYERS = re.compile(r"Imports point down: `([^`]+)`")


def test_every_package_is_named() -> None:
    """Whoever looks for a place finds it on the page."""
    places = {path.name for path in SOURCE.iterdir() if path.suffix == ".py" or path.is_dir()}
    places = {name.removesuffix(".py") for name in places if not name.startswith("_")}

    assert {name for name in places if not re.search(rf"\b{name}\b", PAGE)} == set()


def test_every_use_case_is_said_once() -> None:
    """Each module of `service/` has its words in the drawn tree, and no module has them twice."""
    modules = [path.name for path in (SOURCE / "service").glob("*.py") if path.stem != "__init__"]
    said = FILE.findall(PAGE.partition("service/")[2].partition("rules/ ")[0])

    assert sorted(said) == sorted(modules)


def test_every_file_that_is_named_is_there() -> None:
    """The page names nothing that is gone."""
    folders = (SOURCE, markdown.ROOT / "tests")
    files = [f"/{path.relative_to(at.parent)}" for at in folders for path in at.rglob("*.py")]

    named = set(FILE.findall(PAGE))
    assert len(named) > 50
    assert {name for name in named if not any(path.endswith(f"/{name}") for path in files)} == set()


def test_the_layers_are_those_that_are_enforced() -> None:
    """The order of imports is the one in pyproject.toml."""
    settings = tomllib.loads((markdown.ROOT / "pyproject.toml").read_text())
    contracts = settings["tool"]["importlinter"]["contracts"]
    (enforced,) = (each["layers"] for each in contracts if each["type"] == "layers")

    (said,) = LAYERS.findall(PAGE)
    assert [layer(each) for each in said.split(">")] == [layer(each) for each in enforced]


def layer(names: str) -> set[str]:
    return set(re.findall(r"\w+", names))
