"""What an upstream may send, how often it is asked, and how long it may take."""

import pytest
from msgspec.structs import replace

from cloche.core.errors import NoSuchProject, TooLarge, TransferBroken, UpstreamDown, UpstreamLies
from cloche.ports import Upstream as Port
from tests.packages import wheel
from tests.upstream import kinds
from tests.upstream.controller import Upstream
from tests.upstreams.samples import (
    DEMO,
    FILE,
    NAME,
    PAGE,
    QUICK,
    artifact,
    fetched,
    nameless,
    parsed,
    simple,
)
from tests.upstreams.servers import saying

pytestmark = pytest.mark.anyio


@pytest.fixture(autouse=True)
def listed(upstream: Upstream) -> None:
    upstream.add(DEMO)


# Tries --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "bad",
    [kinds.Status(status=503), kinds.Cut(), kinds.Stalled(after=10)],
    ids=["503", "cut", "stalled"],
)
async def test_a_momentary_failure_is_tried_again(
    upstream: Upstream, bad: kinds.Status | kinds.Cut | kinds.Stalled
) -> None:
    """What passes by itself costs a page a second try, and no more than `attempts`."""
    bad.times = 1
    upstream.misbehave(PAGE, bad)
    settings = {**QUICK, "page_timeout": 30, "attempts": 2}
    async with simple(upstream, **settings) as port:
        assert parsed(await port.page(NAME, None)).files
    bad.times = 2
    upstream.misbehave(PAGE, bad)
    async with simple(upstream, **settings) as port:
        with pytest.raises(UpstreamDown):
            await port.page(NAME, None)
    assert len(upstream.requests(PAGE)) == 4


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410, 429])
async def test_an_answer_is_not_asked_for_again(upstream: Upstream, status: int) -> None:
    """What will not pass by itself is asked for once."""
    upstream.misbehave(PAGE, kinds.Status(status=status))
    async with simple(upstream) as port:
        with pytest.raises((UpstreamDown, NoSuchProject)):
            await port.page(NAME, None)
    assert len(upstream.requests(PAGE)) == 1


WAITS = {
    None: 5,
    "7": 7,
    "0": 0,
    "99999999": 3600,
    "9" * 5000: 5,
    "-1": 5,
    "soon": 5,
    "٣": 5,
    "Fri, 01 Jan 2100 00:00:00 GMT": 5,
}


@pytest.mark.parametrize(("said", "seconds"), WAITS.items())
async def test_retry_after(upstream: Upstream, said: str | None, seconds: int) -> None:
    """An upstream may ask for up to an hour; what is no number of seconds is five of them."""
    upstream.misbehave("*", kinds.Status(status=503, retry_after=said))
    async with simple(upstream, **QUICK) as port:
        with pytest.raises(UpstreamDown) as page:
            await port.page(NAME, None)
        with pytest.raises(UpstreamDown) as file:
            await fetched(port, nameless(upstream.url + FILE))

    assert (page.value.retry_after, file.value.retry_after) == (seconds, seconds)


# Bounds of files ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "bad"),
    [(TooLarge, kinds.Endless()), (TooLarge, kinds.WrongLength(by=2_000_000))],
    ids=["endless", "announced"],
)
async def test_a_file_of_an_unlisted_size_is_bounded(
    upstream: Upstream, kind: type[Exception], bad: kinds.Endless | kinds.WrongLength
) -> None:
    """Nobody can fill the disk by not saying how much will come."""
    upstream.misbehave(FILE, bad)
    async with simple(upstream, max_file_bytes=1_000_000) as port:
        wanted = replace(await artifact(port), size=None)
        with pytest.raises(kind, match="1000000 allowed"):
            await fetched(port, wanted)


async def test_a_listed_size_does_not_lift_the_bound(upstream: Upstream) -> None:
    """A page that lists an absurd size gets no more of the disk for it."""
    upstream.misbehave(FILE, kinds.Endless())
    async with simple(upstream, max_file_bytes=1_000_000) as port:
        wanted = replace(await artifact(port), size=10**15)
        with pytest.raises(TooLarge):
            await fetched(port, wanted)


async def test_metadata_has_a_bound_of_its_own(upstream: Upstream) -> None:
    """Metadata is small: what calls itself so and is not ends early."""
    upstream.misbehave(f"{FILE}.metadata", kinds.Endless())
    async with simple(upstream, max_metadata_bytes=100_000) as port:
        wanted = await artifact(port)
        beside = replace(
            wanted, filename=f"{wanted.filename}.metadata", url=f"{wanted.url}.metadata", size=None
        )
        with pytest.raises(TooLarge, match="100000 allowed"):
            await fetched(port, beside)


async def test_nobody_waits_for_a_connection_for_ever(upstream: Upstream) -> None:
    """When all connections are taken by slow files, the next one is told in time."""
    async with simple(upstream, connections=1, page_timeout=2.0) as port:
        wanted = await artifact(port)
        with upstream.gate(FILE, after=1000):
            async with port.transfer(wanted, 0, None):
                with pytest.raises(TransferBroken):
                    await fetched(port, wanted)


async def test_nothing_small_waits_until_files_are_through(upstream: Upstream) -> None:
    """When files take all that they may have, pages and metadata come all the same."""
    async with simple(upstream, connections=1, page_timeout=20.0) as port:
        wanted = await artifact(port)
        beside = replace(
            wanted, filename=f"{wanted.filename}.metadata", url=f"{wanted.url}.metadata", size=None
        )
        with upstream.gate(FILE, after=1000):
            async with port.transfer(wanted, 0, None):
                assert parsed(await port.page(NAME, None)).files
                _, data = await fetched(port, beside)
    assert data == DEMO.metadata


async def test_a_file_comes_over_what_pages_need_no_more(upstream: Upstream) -> None:
    """Pages and files share their connections, so that a file need not open one."""
    async with simple(upstream, connections=1) as port:
        wanted = await artifact(port)
        while len({page.peer for page in upstream.requests(PAGE)}) < 2:  # as many as may be open
            await port.page(NAME, None)
        await fetched(port, wanted)
    *pages, file = upstream.requests()
    assert file.peer in {page.peer for page in pages}


@pytest.mark.parametrize(
    "said", ["nonsense", "bytes 5-", "bytes */200000", f"bytes {'9' * 3000}-{'9' * 3000}/*"]
)
async def test_a_range_that_makes_no_sense(upstream: Upstream, said: str) -> None:
    """A part of a file that does not say which one it is is refused."""
    upstream.misbehave(FILE, kinds.Headers(values={"Content-Range": said}))
    async with simple(upstream, **QUICK) as port:
        with pytest.raises(UpstreamLies, match="which part"):
            await fetched(port, await artifact(port), 5)


# Bytes that are no HTTP ---------------------------------------------------------------------

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n"
NO_HTTP = {
    "silence": b"",
    "noise": b"\x00\xff\xfe" * 1000 + b"\r\n\r\n",
    "half a head": HEAD,
    "no length": HEAD + b"Content-Length: -5\r\n\r\n<a href=x>",
    "two lengths": HEAD + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\n<a href=x>",
    "odd chunks": HEAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n<a href=x>",
    "long line": b"HTTP/1.1 200 " + b"x" * 100_000 + b"\r\n\r\n",
    "odd status": b"HTTP/1.1 999999999999 OK\r\n\r\n",
}


async def hopeless(port: Port, url: str) -> None:
    """Neither page nor file comes from it, and both say so in the right way."""
    with pytest.raises(UpstreamDown):
        await port.page(NAME, None)
    with pytest.raises(TransferBroken):
        await fetched(port, nameless(url))


@pytest.mark.parametrize("said", NO_HTTP.values(), ids=NO_HTTP)
async def test_what_is_no_http(upstream: Upstream, said: bytes) -> None:
    """Noise is an outage of its upstream, for pages and files, and nothing worse."""
    async with saying(said) as url, simple(upstream, url=url, **QUICK) as port:
        await hopeless(port, url)


async def test_headers_that_never_end(upstream: Upstream) -> None:
    """An upstream that goes on sending headers, slowly or fast, is left in time."""
    for pause in (0.0, 0.05):
        async with (
            saying(HEAD, endless=b"X-More: and more\r\n", pause=pause) as url,
            simple(upstream, url=url, **QUICK) as port,
        ):
            await hopeless(port, url)


async def test_odd_bytes_in_headers(upstream: Upstream) -> None:
    """What a header has that no text has does not get as far as the database."""
    page = b"<!DOCTYPE html><a href=demo-1.0.tar.gz>demo</a>"
    odd = b'ETag: "\xff\xfe"\r\nContent-Type: text/html; charset=\xff\r\nX-Odd: \xff\r\n'
    length = b"Content-Length: %d\r\n\r\n" % len(page)
    async with (
        saying(b"HTTP/1.1 200 OK\r\n" + odd + length + page) as url,
        simple(upstream, url=url, **QUICK) as port,
    ):
        received = await port.page(NAME, None)

    assert received.document is not None
    assert received.document.content_type.isascii()
    assert received.etag is None
    assert len(parsed(received).files) == 1


async def test_a_project_that_is_large(upstream: Upstream) -> None:
    """A page within its bounds is read, however many files it lists."""
    upstream.misbehave(PAGE, kinds.HugePage(files=900))
    for number in range(20):
        upstream.add(wheel("demo", f"2.{number}"))
    async with simple(upstream) as port:
        assert len(parsed(await port.page(NAME, None)).files) == 921
