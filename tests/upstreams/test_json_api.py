"""What a project requires, as PyPI's JSON API says it beside its page: a guess, within bounds."""

import json

import pytest

from cloche.core.errors import UpstreamDown, UpstreamLies
from cloche.ports import Foretelling
from cloche.upstreams._json_api import HEAD, MAX_REQUIRED, SHORT
from tests.packages import wheel
from tests.upstream import kinds
from tests.upstream.controller import Upstream
from tests.upstreams.samples import NAME, QUICK, simple

pytestmark = pytest.mark.anyio

NEEDY = wheel("demo", "1.0", requires=["other>=1", 'more; extra == "all"'])
DOCUMENT = "/pypi/demo/json"


@pytest.fixture(autouse=True)
def listed(upstream: Upstream) -> None:
    upstream.add(NEEDY)


async def foretold(upstream: Upstream) -> list[str] | None:
    async with simple(upstream, **QUICK) as port:
        assert isinstance(port, Foretelling)
        return await port.requires_dist(NAME)


def document(**info: object) -> bytes:
    return json.dumps({"info": info, "releases": {}}).encode()


@pytest.mark.parametrize("packed", [False, True], ids=["plain", "gzip"])
async def test_what_the_newest_release_requires(upstream: Upstream, *, packed: bool) -> None:
    """The requirements come as they are written, compressed or not."""
    if packed:
        upstream.misbehave(DOCUMENT, kinds.Gzipped())
    assert await foretold(upstream) == ["other>=1", 'more; extra == "all"']


async def test_nothing_required_is_said_too(upstream: Upstream) -> None:
    """A release that requires nothing is none that nobody knows of."""
    upstream.misbehave(DOCUMENT, kinds.Verbatim(content=document(requires_dist=None)))
    assert await foretold(upstream) == []


@pytest.mark.parametrize(
    "said",
    [
        b"",
        b"no JSON",
        b"{}",
        b'{"info": {"requires_dist": ',
        b'{"info": {"requires_dist": ["other',
        b'{"info": {"requires_dist": "other"}}',
        b'{"info": {"requires_dist": ' + b"[" * 100_000,
    ],
    ids=["empty", "text", "no info", "cut", "cut within", "no list", "deep"],
)
async def test_what_is_no_such_document_says_nothing(upstream: Upstream, said: bytes) -> None:
    """Nothing that an upstream may send there does harm."""
    upstream.misbehave(DOCUMENT, kinds.Verbatim(content=said))
    assert await foretold(upstream) is None


async def test_only_strings_and_not_too_many(upstream: Upstream) -> None:
    """What is no requirement is left out, and a list is not read for ever."""
    many = ["other", 1, None, {"name": "x"}, *map("n{}".format, range(2 * MAX_REQUIRED))]
    upstream.misbehave(DOCUMENT, kinds.Verbatim(content=document(requires_dist=many)))
    found = await foretold(upstream)
    assert found is not None
    assert found[:2] == ["other", "n0"]
    assert len(found) <= MAX_REQUIRED


async def test_a_description_that_looks_like_it_is_none(upstream: Upstream) -> None:
    """Text that quotes such a document is text."""
    quoted = document(description='"requires_dist": ["wrong"]', requires_dist=["right"])
    upstream.misbehave(DOCUMENT, kinds.Verbatim(content=quoted))
    assert await foretold(upstream) == ["right"]


async def test_only_the_beginning_is_read(upstream: Upstream) -> None:
    """What is said beyond the bound is not heard, and a document without an end has one here."""
    late = document(description="x" * HEAD, requires_dist=["late"])
    upstream.misbehave(DOCUMENT, kinds.Verbatim(content=late))
    assert await foretold(upstream) is None

    upstream.behave()
    upstream.misbehave(DOCUMENT, kinds.Endless())
    assert await foretold(upstream) == ["other>=1", 'more; extra == "all"']


@pytest.mark.parametrize("mebibytes", [16, 1024], ids=["short", "long"])
async def test_a_bomb_is_not_unpacked(upstream: Upstream, mebibytes: int) -> None:
    """A small answer that would become a large one is looked at as far as any other."""
    upstream.misbehave(DOCUMENT, kinds.GzipBomb(mebibytes=mebibytes))
    assert await foretold(upstream) is None


async def test_bytes_that_are_not_compressed_as_they_say(upstream: Upstream) -> None:
    """An answer that cannot be unpacked says nothing."""
    upstream.misbehave(DOCUMENT, kinds.Headers(values={"Content-Encoding": "gzip"}))
    assert await foretold(upstream) is None


async def test_a_short_answer_leaves_its_connection(upstream: Upstream) -> None:
    """What is short is read to the end, so that the connection serves again."""
    rest = document(requires_dist=["other"]) + b" " * (SHORT // 2)
    upstream.misbehave(DOCUMENT, kinds.Verbatim(content=rest))
    async with simple(upstream, **QUICK) as port:
        assert isinstance(port, Foretelling)
        for _ in range(3):
            assert await port.requires_dist(NAME) == ["other"]
    assert [one.end for one in upstream.requests(DOCUMENT)] == ["whole"] * 3


@pytest.mark.parametrize("status", [401, 404, 500])
async def test_an_upstream_without_such_documents(upstream: Upstream, status: int) -> None:
    """It is asked once, and says nothing."""
    upstream.misbehave(DOCUMENT, kinds.Status(status=status))
    assert await foretold(upstream) is None
    assert len(upstream.requests(DOCUMENT)) == 1


@pytest.mark.parametrize(
    ("bad", "error"),
    [
        (kinds.Stalled(after="request"), UpstreamDown),
        (kinds.Cut(), UpstreamDown),
        (kinds.Redirect(to=DOCUMENT), UpstreamLies),
    ],
    ids=["stalled", "cut", "loop"],
)
async def test_who_cannot_be_asked_is_told_of(
    upstream: Upstream, bad: kinds.Stalled | kinds.Cut | kinds.Redirect, error: type[Exception]
) -> None:
    """Faults of the network are the usual errors, in time."""
    upstream.misbehave(DOCUMENT, bad)
    with pytest.raises(error):
        await foretold(upstream)
