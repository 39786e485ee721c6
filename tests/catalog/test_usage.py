"""What of upstreams' files is used, and what may go, on both databases."""

import pytest

from cloche.catalog import Catalog
from cloche.core.model import Digest, FileKey, Held, ProjectName
from cloche.ports import Idle
from tests.catalog.samples import DEMO, HOUR, NOON, entries, held, kept, sha256, upload
from tests.catalog.test_recalls import recall

pytestmark = pytest.mark.anyio

LATER = NOON + 10 * HOUR


async def hold(catalog: Catalog, said: str, hours: int = 0, **other: object) -> Held:
    one = held(said, filename=f"{said}-1.0.tar.gz", at=NOON + hours * HOUR, **other)
    await catalog.pages.hold(one)
    return one


async def oldest(catalog: Catalog, *spared: str, after: Idle | None = None) -> list[Digest]:
    found = await catalog.usage.oldest(after, LATER, 100, spared)
    return [each.digest for each in found]


async def test_each_blob_counts_once(catalog: Catalog) -> None:
    """Bytes that are several upstreams' are there once, and those of an upload are no cache."""
    assert await catalog.usage.total() == 0
    await hold(catalog, "aaa")
    await hold(catalog, "aaa", upstream="other")
    await hold(catalog, "bbbbb")
    await hold(catalog, "mine")
    await catalog.ledger.publish(upload(said="mine"))

    assert await catalog.usage.total() == 3 + 5
    assert await oldest(catalog) == sorted([sha256("aaa"), sha256("bbbbb")])


async def test_the_least_recently_used_first(catalog: Catalog) -> None:
    """What counts is the last fetch, by a client or from the upstream; metadata comes last."""
    one, two, three = [await hold(catalog, said, n) for n, said in enumerate(["x", "y", "z"])]
    beside = held("m", filename="x-1.0.tar.gz.metadata", at=NOON - HOUR)
    await catalog.pages.hold(beside)
    await catalog.usage.used({one.digest: NOON + 5 * HOUR}, 7)

    assert await oldest(catalog) == [two.digest, three.digest, one.digest, beside.digest]
    first, second, *_ = await catalog.usage.oldest(None, LATER, 2, ())
    assert (first.size, first.used, first.beside) == (1, NOON + HOUR, False)
    assert await oldest(catalog, after=second) == [one.digest, beside.digest]
    [*_, last] = await catalog.usage.oldest(None, LATER, 9, ())
    assert last.beside
    assert await oldest(catalog, after=last) == []


async def test_what_was_used_lately_stays(catalog: Catalog) -> None:
    """Neither what came lately nor what was fetched lately is named, or evicted."""
    one = await hold(catalog, "x")
    new = await hold(catalog, "y", 20)
    await catalog.usage.used({one.digest: LATER}, 1)

    assert await oldest(catalog) == []
    assert await catalog.usage.evict([one, new], LATER, LATER, "limit") == []
    assert await catalog.usage.evict([one], LATER + HOUR, LATER, "limit") == [one]
    assert await catalog.usage.files(one.digest) == []
    assert await catalog.usage.files(new.digest) == [new]


async def test_what_is_spared(catalog: Catalog) -> None:
    """What a spared upstream has, or what its own has taken back, is never named."""
    both = await hold(catalog, "both")
    await hold(catalog, "both", upstream="mirror")
    gone = await hold(catalog, "gone")
    beside = held("beside", filename=f"{gone.filename}.metadata", key=gone.key)
    await catalog.pages.hold(beside)
    await catalog.pages.keep("pypi", DEMO, kept())
    await catalog.recalls.settle("pypi", DEMO, [recall(gone)], NOON)

    assert await oldest(catalog) == [both.digest]
    assert await oldest(catalog, "mirror") == []


async def test_uses_are_learned_in_any_order(catalog: Catalog) -> None:
    """An older use does not hide a newer one; how far the journal was read is remembered."""
    one = await hold(catalog, "x")
    assert await catalog.usage.read() == 0
    await catalog.usage.used({one.digest: NOON + 2 * HOUR, sha256("unknown"): NOON}, 5)
    await catalog.usage.used({one.digest: NOON + HOUR}, 9)
    await catalog.usage.used({}, 11)

    [idle] = await catalog.usage.oldest(None, LATER, 9, ())
    assert idle.used == NOON + 2 * HOUR
    assert await catalog.usage.read() == 11


async def test_more_uses_than_one_statement_takes(catalog: Catalog) -> None:
    """However many files were used, each is noted."""
    files = [await hold(catalog, f"file{n}") for n in (1, 2)]
    many = {sha256(f"{n}"): NOON for n in range(2_000)}

    await catalog.usage.used({**many, **{each.digest: NOON + HOUR for each in files}}, 1)

    assert {each.used for each in await catalog.usage.oldest(None, LATER, 9, ())} == {NOON + HOUR}


async def test_what_was_learned_is_journaled(catalog: Catalog) -> None:
    """A page that told what only the kept file had told is news when the file goes."""
    await catalog.pages.keep("pypi", DEMO, kept())
    silent = held("silent")
    telling = held("telling", key=FileKey("u" + "0" * 64), filename="demo-2.0.tar.gz")
    await catalog.pages.hold(silent)
    await catalog.pages.hold(telling, news=True)
    before = len(entries(catalog))

    assert await catalog.usage.evict([silent, telling], LATER, NOON, "limit") == [silent, telling]

    [entry] = entries(catalog)[before:]
    assert (entry["action"], entry["place"], entry["filename"]) == (
        "file evicted", "pypi", "demo-2.0.tar.gz",
    )  # fmt: skip
    page = await catalog.pages.recall("pypi", ProjectName("demo"))
    assert page is not None
    assert page.serial == entry["serial"]
