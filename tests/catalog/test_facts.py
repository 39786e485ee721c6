"""What files told of themselves, on both databases."""

import pytest

from cloche.catalog import Catalog, facts
from cloche.core.model import FileKey, ProjectName
from tests.catalog.samples import DEMO

pytestmark = pytest.mark.anyio

A, B, C = (FileKey(letter * 64) for letter in "abc")
MIT = {"license-expression": ("MIT",), "keywords": ("one", "two\0", "drei — ß")}
ISC = {"license-expression": ("ISC",)}


async def test_what_was_told_is_remembered(catalog: Catalog, other: Catalog) -> None:
    """Every worker knows what one has found out; the newest word counts."""
    await catalog.facts.keep("pypi", DEMO, "metadata", {A: MIT, B: MIT})
    await other.facts.keep("pypi", DEMO, "metadata", {B: ISC})

    assert await catalog.facts.recall("pypi", DEMO, "metadata") == {A: MIT, B: ISC}


async def test_it_is_of_its_place(catalog: Catalog) -> None:
    """What one upstream says of a file tells nothing of another's, another project or need."""
    await catalog.facts.keep("pypi", DEMO, "metadata", {A: MIT})

    assert await catalog.facts.recall("elsewhere", DEMO, "metadata") == {}
    assert await catalog.facts.recall("pypi", ProjectName("other"), "metadata") == {}
    assert await catalog.facts.recall("pypi", DEMO, "provenance") == {}


async def test_it_is_bounded(catalog: Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
    """An upstream that lists other files each time does not fill the database."""
    monkeypatch.setattr(facts, "MOST", 2)
    await catalog.facts.keep("pypi", DEMO, "metadata", {A: MIT, B: MIT})
    await catalog.facts.keep("pypi", ProjectName("other"), "metadata", {A: MIT})

    await catalog.facts.keep("pypi", DEMO, "metadata", {C: ISC})

    assert await catalog.facts.recall("pypi", DEMO, "metadata") == {C: ISC}
    assert await catalog.facts.recall("pypi", ProjectName("other"), "metadata") == {A: MIT}
