import pytest

from cloche.catalog import Catalog
from cloche.core.model import DocFile, ProjectName
from tests.catalog.samples import DEMO, NOON, entries, sha256

pytestmark = pytest.mark.anyio


def files(*paths: str, said: str = "bytes") -> list[DocFile]:
    return [DocFile(path=path, digest=sha256(f"{said} {path}"), size=1) for path in paths]


async def put(catalog: Catalog, *made: DocFile, index: str = "main") -> None:
    await catalog.documentation.replace(index, DEMO, made, at=NOON, who="ann")


async def test_each_file_is_found_by_its_path(catalog: Catalog) -> None:
    """A file is found under the path it was put at, and nowhere else."""
    made = files("index.html", "api/Index.html", "ü b.html")
    await put(catalog, *made)

    for file in made:
        assert await catalog.documentation.find("main", DEMO, file.path) == file
    for path in ("", "index", "API/index.html", "api/", "%", "_"):
        assert await catalog.documentation.find("main", DEMO, path) is None
    assert await catalog.documentation.find("team", DEMO, "index.html") is None
    assert await catalog.documentation.find("main", ProjectName("other"), "index.html") is None


async def test_replaced_whole(catalog: Catalog) -> None:
    """New documentation takes the place of all of the old, of this project in this index."""
    await put(catalog, *files("index.html", "old.html"))
    await put(catalog, *files("index.html"), index="team")
    [new] = files("index.html", said="new")

    await put(catalog, new)

    assert await catalog.documentation.find("main", DEMO, "index.html") == new
    assert await catalog.documentation.find("main", DEMO, "old.html") is None
    assert await catalog.documentation.find("team", DEMO, "index.html") == files("index.html")[0]


async def test_many_files(catalog: Catalog) -> None:
    """A site of thousands of files is put at one go."""
    made = files(*(f"page/{number}.html" for number in range(5_000)))
    await put(catalog, *made)

    assert await catalog.documentation.find("main", DEMO, "page/4999.html") == made[-1]


async def test_it_is_journaled(catalog: Catalog) -> None:
    """The journal says who documented what, so that every worker looks again."""
    await put(catalog, *files("index.html"))

    [entry] = entries(catalog)
    assert (entry["action"], entry["who"], entry["at"]) == ("documentation uploaded", "ann", NOON)
    assert (entry["place"], entry["project"]) == ("main", "demo")


async def test_blobs_are_needed_until_replaced(catalog: Catalog) -> None:
    """The sweep spares what documentation is made of, and nothing that was replaced."""
    old, new = files("index.html", "old.html"), files("index.html", said="new")
    digests = {file.digest for file in old + new}
    await put(catalog, *old)
    assert await catalog.upkeep.referenced(digests) == {file.digest for file in old}

    await put(catalog, *new)

    assert await catalog.upkeep.referenced(digests) == {new[0].digest}
