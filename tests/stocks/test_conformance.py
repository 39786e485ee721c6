"""What every kind of stock promises, tried on each in the folder, on disk and in a bucket."""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import TypeAlias

import pytest

from cloche import kinds, stocks
from cloche.core.errors import BadSetting
from cloche.core.model import Digest
from cloche.ports import Find, Lot, Spooled, Stock
from cloche.spool import Spool
from tests.services.s3 import Bucket
from tests.stocks.samples import FILES, PLACES, SALT, SALT_SDIST, THEN

pytestmark = pytest.mark.anyio

Laid: TypeAlias = tuple[str, dict[str, str]]


def test_every_kind_is_tried() -> None:
    """A kind of stock that these tests cannot lay out would be untested."""
    assert set(stocks.ORDER) == set(kinds.names(stocks)) == {name.split()[0] for name in PLACES}


ON_DISK = [f"{name} on disk" for name in PLACES]
IN_BUCKETS = [f"{name} in a bucket" for name in ("pypicloud", "bandersnatch", "folder")]
"""Those that there are; the others would be seen by the same means."""


@pytest.fixture(params=ON_DISK + IN_BUCKETS)
def laid(request: pytest.FixtureRequest) -> str:
    """What is laid out, and where."""
    found: str = request.param
    return found


@pytest.fixture
def name(laid: str) -> str:
    return laid.removesuffix(" on disk").removesuffix(" in a bucket")


@pytest.fixture
def source(laid: str, name: str, tmp_path: Path, request: pytest.FixtureRequest) -> Laid:
    """Where it lies, and what opening it takes."""
    root = tmp_path / "stock"
    PLACES[name](root)
    if laid in ON_DISK:
        return str(root), {}
    bucket: Bucket = request.getfixturevalue("s3")
    for path in root.rglob("*"):
        if path.is_file():
            bucket.store("all of it").put(str(path.relative_to(root)), path.read_bytes())
    return f"{bucket.url}/all of it", {
        "endpoint": bucket.endpoint,
        "access_key_id": bucket.access_key,
        "secret_access_key": bucket.secret_key,
        "region": bucket.region,
    }


async def opened(source: Laid, kind: str | None = None) -> Stock:
    return await stocks.connect(source[0], kind, None, source[1])


async def all_of(stock: Stock) -> list[Lot]:
    return [lot async for lot in stock.lots()]


def finds(lots: list[Lot]) -> dict[str, Find]:
    return {find.filename: find for lot in lots for find in lot.finds}


async def test_it_is_known(source: Laid, name: str) -> None:
    """What has left it shows by how it looks."""
    assert (await opened(source)).kind == name.split(maxsplit=1)[0]


async def test_all_of_it_is_found(source: Laid) -> None:
    """Every distribution is found once, with its size; nothing else is, and nothing is missed."""
    lots = await all_of(await opened(source))

    sizes = {filename: find.size for filename, find in finds(lots).items()}
    assert sizes == {built.filename: built.size for built in FILES}
    assert sum(len(lot.finds) for lot in lots) == len(FILES)
    assert [left for lot in lots for left in lot.left] == []


async def test_hashes_are_true(source: Laid) -> None:
    """Whatever hash is stated of a file is that of its bytes."""
    found = finds(await all_of(await opened(source)))

    for built in FILES:
        true = {"md5": built.md5, "sha256": built.sha256, "blake2_256": built.blake2_256}
        stated = dict(found[built.filename].hashes)
        assert stated == {name: true[name] for name in stated}


async def test_bytes_are_taken(source: Laid, tmp_path: Path) -> None:
    """A file that is taken is the same, byte for byte, and hashed as an upload is."""
    stock, spool = await opened(source), Spool(tmp_path / "spool")
    found = finds(await all_of(stock))[SALT.filename]

    for way in ("copy", "look"):
        with spool.scratch() as scratch:
            async with stock.taken(found.path, scratch, way) as content:
                spooled = Spooled(content.spooled.path, Digest(SALT.sha256), SALT.size)
                assert content.spooled == spooled
                assert spooled.path.read_bytes() == SALT.content
                assert content.digests == {
                    "md5": SALT.md5,
                    "sha256": SALT.sha256,
                    "blake2_256": SALT.blake2_256,
                }


async def test_a_file_that_was_brought_is_removed(source: Laid) -> None:
    """What is taken away is gone, and alone."""
    stock = await opened(source)
    found = finds(await all_of(stock))

    await stock.remove(found[SALT.filename].path)

    assert set(finds(await all_of(stock))) <= {SALT_SDIST.filename}
    assert await stock.read(found[SALT.filename].path, SALT.size) is None
    kept = await stock.read(found[SALT_SDIST.filename].path, SALT_SDIST.size)
    assert kept == SALT_SDIST.content


async def test_it_can_be_taken_for_a_folder(source: Laid) -> None:
    """Whoever knows better says what it is, and gets its files without what is recorded of them."""
    stock = await opened(source, "folder")
    assert set(finds(await all_of(stock))) == {built.filename for built in FILES}


@pytest.mark.parametrize("laid", ["folder on disk"], indirect=True)
async def test_what_it_is_not(source: Laid) -> None:
    """A folder that is called a mirror and is none is refused, and so is a word that is no kind."""
    with pytest.raises(BadSetting, match="does not look like bandersnatch"):
        await opened(source, "bandersnatch")
    with pytest.raises(BadSetting, match=r"'dumb' is no kind of stock; known are devpi, .*folder"):
        await opened(source, "dumb")


TIMES: dict[str, Callable[[Find], datetime | None]] = {
    "devpi": lambda find: find.uploaded_at,
    "bandersnatch": lambda find: find.uploaded_at,
    "bandersnatch without json": lambda find: find.uploaded_at,
}


@pytest.mark.parametrize("laid", ON_DISK, indirect=True)
async def test_times(source: Laid, name: str) -> None:
    """The time of the upload is as it was recorded, or the file's own where nobody has."""
    found = finds(await all_of(await opened(source)))[SALT.filename]

    recorded = TIMES.get(name)
    if recorded is None:
        assert (found.uploaded_at, found.modified) == (None, THEN)
    else:
        stated = THEN.replace(microsecond=0) if name == "devpi" else THEN
        assert recorded(found) == stated
