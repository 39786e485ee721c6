"""What every place that advisories come from promises."""

import pytest

from cloche.core.errors import UpstreamDown, UpstreamLies
from cloche.feeds import _documents
from cloche.ports import Feed
from tests.feeds.conftest import MAX_BYTES, Place
from tests.osv import archive, document

pytestmark = pytest.mark.anyio

ONE, TWO = document("A-1"), document("A-2")


async def fetched(feed: Feed, validator: str | None = None) -> list[bytes | None] | None:
    """All documents; None when nothing has changed."""
    async with feed.fetch(validator) as delivery:
        return None if delivery is None else list(delivery.documents)


async def validator_of(feed: Feed) -> str | None:
    async with feed.fetch(None) as delivery:
        assert delivery is not None
        return delivery.validator


@pytest.mark.parametrize(
    "data",
    [archive(ONE, TWO), b"[" + ONE + b"," + TWO + b"]"],
    ids=["archive", "list"],
)
async def test_all_documents_come(place: Place, data: bytes) -> None:
    """Each document of an archive or a list comes, byte for byte."""
    await place.fill(data)

    assert await fetched(place.feed) == [ONE, TWO]


async def test_one_document(place: Place) -> None:
    """A file of one advisory is that."""
    await place.fill(ONE)

    assert await fetched(place.feed) == [ONE]


async def test_nothing_new(place: Place) -> None:
    """With the validator of what it had, nothing comes until there is something else."""
    await place.fill(archive(ONE))
    validator = await validator_of(place.feed)
    assert validator
    assert await fetched(place.feed, validator) is None

    await place.fill(archive(ONE, TWO))

    assert await fetched(place.feed, validator) == [ONE, TWO]
    assert await validator_of(place.feed) != validator


async def test_nothing_there(place: Place) -> None:
    """A place that has nothing is told as one that cannot be had now, by its name."""
    with pytest.raises(UpstreamDown, match=r"advisories\.osv"):
        await fetched(place.feed)


@pytest.mark.parametrize(
    "data",
    [b"<html></html>", archive(ONE)[:-30], b" ", b"PK nothing"],
    ids=["html", "cut", "blank", "no-archive"],
)
async def test_what_is_no_list(place: Place, data: bytes) -> None:
    """What is neither an archive nor JSON is refused."""
    await place.fill(data)

    with pytest.raises(UpstreamLies, match=r"advisories\.osv"):
        await fetched(place.feed)


async def test_too_much(place: Place) -> None:
    """More bytes than are allowed are refused, whatever they are."""
    await place.fill(b" " * (MAX_BYTES + 1))

    with pytest.raises(UpstreamLies, match="max_bytes"):
        await fetched(place.feed)


async def test_bombs(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """A document that unpacks to too much is passed over; too much of all is refused."""
    monkeypatch.setattr(_documents, "MAX_DOCUMENT", 10_000)
    await place.fill(archive(b" " * 20_000, ONE))
    assert await fetched(place.feed) == [None, ONE]

    monkeypatch.setattr(_documents, "MAX_UNPACKED", 25_000)
    await place.fill(archive(*[b" " * 9_000] * 3))

    with pytest.raises(UpstreamLies, match="no list of advisories"):
        await fetched(place.feed)


async def test_too_many(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """More documents than are allowed are refused."""
    monkeypatch.setattr(_documents, "MAX_DOCUMENTS", 1)
    await place.fill(archive(ONE, TWO))
    with pytest.raises(UpstreamLies, match="over 1 members"):
        await fetched(place.feed)

    await place.fill(b"[" + ONE + b"," + TWO + b"]")
    with pytest.raises(UpstreamLies, match="no list of advisories"):
        await fetched(place.feed)
