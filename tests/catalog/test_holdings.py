"""What is kept of upstreams' files, by project."""

import pytest

from cloche.catalog import Catalog
from cloche.core.model import ProjectName
from tests.catalog.samples import DEMO, HOUR, NOON, held

pytestmark = pytest.mark.anyio


async def test_files_of_a_project(catalog: Catalog) -> None:
    """Each kept file of the project is told as it was recorded, the first kept first."""
    first = held("one", filename="demo-1.0.tar.gz", at=NOON + HOUR)
    second = held("two", filename="demo-2.0.tar.gz", at=NOON)
    beside = held("three", filename="demo-2.0.tar.gz.metadata", at=NOON + 2 * HOUR)
    for one in (first, second, beside):
        await catalog.pages.hold(one)

    assert await catalog.holdings.files("pypi", DEMO) == [second, first, beside]


async def test_files_of_others(catalog: Catalog) -> None:
    """What is kept of another project or upstream is not this one's."""
    await catalog.pages.hold(held("one", project=ProjectName("other"), filename="other-1.0.zip"))
    await catalog.pages.hold(held("two", upstream="elsewhere"))

    assert await catalog.holdings.files("pypi", DEMO) == []
    assert await catalog.holdings.projects("elsewhere") == [DEMO]


async def test_projects(catalog: Catalog) -> None:
    """Each project with a file is named once, in the order of their names."""
    for name in ("zoo", "a-b", "a1"):
        for number in ("one", "two"):
            project = ProjectName(name)
            await catalog.pages.hold(
                held(name + number, project=project, filename=f"{name}-{number}.zip")
            )

    beside = held("metadata", project=ProjectName("bare"), filename="bare-1.0.zip.metadata")
    await catalog.pages.hold(beside)

    assert await catalog.holdings.projects("pypi") == ["a-b", "a1", "zoo"]
    assert await catalog.holdings.projects("nowhere") == []
