"""The comparison finds what is otherwise, of each kind: else it would prove nothing."""

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.mirror import history
from tests.mirror.comparison import differences
from tests.mirror.scripted import Upstream
from tests.mirror.world import Expected, Fact
from tests.server import Cloche

FEW = history.FEWEST
OTHER = hashlib.sha256(b"other").hexdigest()


@pytest.fixture(scope="module")
def filled(
    scripted_process: Upstream, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, Expected]:
    """Fill a cache with all that the upstream has, by asking for all of it."""
    data = tmp_path_factory.mktemp("compared") / "data"
    scripted_process.found(FEW)
    scripted_process.play("yank")
    expected = scripted_process.expected()
    with Cloche(data, upstream=scripted_process.simple()) as server:
        assert differences(server.url, expected, only=expected) == []
    return data, expected


@pytest.fixture(scope="module")
def url(filled: tuple[Path, Expected]) -> Iterator[str]:
    with Cloche(filled[0], offline=True) as server:
        yield server.url


def test_what_is_as_expected_differs_nowhere(filled: tuple[Path, Expected], url: str) -> None:
    """Offline too, everything is there: the list, the pages, the files and their metadata."""
    assert differences(url, filled[1]) == []


def test_each_kind_of_difference_is_found(filled: tuple[Path, Expected], url: str) -> None:
    """A project or file too few or too many, another hash, another yank, bytes that are not had."""
    name = history.name(0)
    wheel = history.filename(name, "1.0")
    files = filled[1][name]

    def found(files: dict[str, Fact]) -> list[str]:
        return differences(url, {name: files}, only=[name])

    assert found({one: fact for one, fact in files.items() if one != wheel}) == [
        f"the page of {name} has {wheel}"
    ]
    assert found({**files, "more.whl": files[wheel]}) == [f"the page of {name} lacks more.whl"]
    for other in (
        replace(files[wheel], sha256=OTHER),
        replace(files[wheel], yanked=True),
        replace(files[wheel], metadata_sha256=OTHER),
        replace(files[wheel], had=False),
    ):
        assert any(wheel in line for line in found({**files, wheel: other})), other
    assert differences(url, {}, only=[name]) == [f"{name}: its page is 200"]
    assert differences(url, {"none": {}}, only=["none"]) == ["none: its page is 503"]
    assert f"the list of projects has {name}" in differences(url, {})
