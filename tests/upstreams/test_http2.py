"""HTTP/2 with an upstream that speaks it: what goes over it, and what is done where it fails."""

import asyncio
import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web
from yarl import URL

from cloche.core.errors import UpstreamDown, UpstreamLies
from cloche.ports import Greetable
from cloche.ports import Upstream as Port
from cloche.upstreams._http2 import FILES, ORIGINS, SMALL, Http2
from cloche.upstreams._reaching import is_clear
from cloche.upstreams._remote import Remote
from tests.upstream import kinds
from tests.upstream.controller import Upstream
from tests.upstream.model import Recorded
from tests.upstreams.fronts import front, line
from tests.upstreams.samples import (
    DEMO,
    FILE,
    NAME,
    PAGE,
    QUICK,
    artifact,
    fetched,
    nameless,
    opened,
    parsed,
)
from tests.upstreams.servers import serving

pytestmark = pytest.mark.anyio

SPOKEN, ELSE = "HTTP/2.0", "HTTP/1.1"


@pytest.fixture(autouse=True)
def listed(upstream: Upstream, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    upstream.add(DEMO)


@asynccontextmanager
async def asking(url: str, **other: object) -> AsyncIterator[Port]:
    made = opened("simple", {"url": f"{url}/simple/", **other})
    try:
        yield made
    finally:
        await made.close()


def spoken(requests: list[Recorded]) -> list[str]:
    return [one.headers["x-protocol"] for one in requests]


# Where it is spoken ---------------------------------------------------------------------------


async def test_pages_and_files_go_over_it(upstream: Upstream, in_http2: str) -> None:
    """An upstream that speaks HTTP/2 is asked for everything in it, from the first question on."""
    async with asking(in_http2) as port:
        assert (await fetched(port, await artifact(port)))[1] == DEMO.content
    assert spoken(upstream.requests()) == [SPOKEN, SPOKEN]
    assert {one.headers["user-agent"].partition("/")[0] for one in upstream.requests()} == {
        "cloche"
    }


async def test_many_questions_share_few_connections(upstream: Upstream, in_http2: str) -> None:
    """Whoever asks much at once opens no more connections than the few that there are."""
    async with asking(in_http2) as port:
        assert isinstance(port, Greetable)
        await port.greet()
        wanted = await artifact(port)
        pages = [port.page(NAME, None) for _ in range(40)]
        await asyncio.gather(*pages, *(fetched(port, wanted) for _ in range(40)))
    for path, most in ((PAGE, SMALL), (FILE, FILES)):
        assert len({one.headers["x-connection"] for one in upstream.requests(path)}) <= most


async def test_no_more_connections_than_the_settings_allow(
    upstream: Upstream, in_http2: str
) -> None:
    """With one connection to use at a time, there is one for pages and one for files."""
    async with asking(in_http2, connections=1) as port:
        assert isinstance(port, Greetable)
        await port.greet()
        await asyncio.gather(*(port.page(NAME, None) for _ in range(5)))
    assert len({one.headers["x-connection"] for one in upstream.requests()}) == 1


async def test_greeting_asks_for_nothing(upstream: Upstream, in_http2: str) -> None:
    """Connections are opened ahead without a page being asked for."""
    async with asking(in_http2) as port:
        assert isinstance(port, Greetable)
        await port.greet()
    assert upstream.requests() == []


async def test_a_packed_page(upstream: Upstream, in_http2: str) -> None:
    """A page that comes packed is read as one that does not."""
    upstream.misbehave(PAGE, kinds.Gzipped())
    async with asking(in_http2) as port:
        assert parsed(await port.page(NAME, None)).files


async def test_a_page_that_unpacks_without_end(upstream: Upstream, in_http2: str) -> None:
    """What a page may have is counted as it is unpacked, not afterwards."""
    upstream.misbehave(PAGE, kinds.GzipBomb())
    async with asking(in_http2, max_page_bytes=1 << 20) as port:
        with pytest.raises(UpstreamLies, match="more than 1048576 bytes"):
            await port.page(NAME, None)


async def test_credentials_go_to_the_upstream_alone(upstream: Upstream, in_http2: str) -> None:
    """The upstream gets name and password, another origin that its page points to does not."""
    me = {"username": "me", "password": "secret"}
    async with asking(in_http2, **me) as port, line(in_http2) as (_, other):
        await port.page(NAME, None)
        await fetched(port, nameless(f"{other}{FILE}"))
    page, file = upstream.requests()

    assert page.headers["authorization"] == f"Basic {base64.b64encode(b'me:secret').decode()}"
    assert "authorization" not in file.headers
    assert spoken([page, file]) == [SPOKEN, SPOKEN]


async def test_an_address_is_sent_as_the_page_wrote_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Escapes stay as they are: a signed address with others is another address."""
    target = "/a%2Fb/c%2B+d%20e.whl?sig=a%2Fb%2B%3D%3d&x=1+2"

    async def empty(_: web.Request) -> web.Response:
        return web.Response(body=b"")

    async with serving(empty) as server:
        with front(server.url, tmp_path / "front", monkeypatch) as url:
            async with asking(url) as port:
                await fetched(port, nameless(f"{url}{target}"))
                await fetched(port, nameless(f"{url}/ä b"))

    assert server.asked == [target, "/%C3%A4%20b"]


# Where it is not ------------------------------------------------------------------------------


@pytest.mark.parametrize("setting", ["http2", "ca_file"])
async def test_where_the_operator_says_so(
    upstream: Upstream, in_http2: str, tmp_path: Path, setting: str
) -> None:
    """HTTP/2 can be turned off, and is not used with authorities of the operator's own."""
    value = {"http2": False, "ca_file": str(tmp_path / "front" / "ca.pem")}[setting]
    async with asking(in_http2, **{setting: value}) as port:
        assert (await fetched(port, await artifact(port)))[1] == DEMO.content
    assert spoken(upstream.requests()) == [ELSE, ELSE]


async def test_an_upstream_that_does_not_speak_it(
    upstream: Upstream, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Over TLS without HTTP/2 all is as ever, with pages on their way when that is found out."""
    with front(upstream.url, tmp_path / "front", monkeypatch, http2=False) as url:
        async with asking(url) as port:
            await asyncio.gather(*(port.page(NAME, None) for _ in range(20)))
            assert isinstance(port, Greetable)
            await port.greet()
            assert (await fetched(port, await artifact(port)))[1] == DEMO.content
    assert set(spoken(upstream.requests())) == {ELSE}


async def test_a_certificate_that_nobody_vouches_for(
    in_http2: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An upstream that cannot prove who it is, is not asked; the message says why."""
    monkeypatch.delenv("SSL_CERT_FILE")
    async with asking(in_http2, attempts=1) as port:
        with pytest.raises(UpstreamDown, match=r"(?i)pypi cannot be reached: .*(issuer|certif)"):
            await port.page(NAME, None)


async def test_an_upstream_that_goes_away_and_comes_back(upstream: Upstream, in_http2: str) -> None:
    """Who breaks off is down, asked as ever when it is back, and in HTTP/2 once that is known."""
    async with line(in_http2) as (cable, url), asking(url, **QUICK) as port:
        assert isinstance(port, Greetable)
        await port.page(NAME, None)
        await cable.cut()
        with pytest.raises(UpstreamDown):
            await port.page(NAME, None)
        await cable.open()
        await port.page(NAME, None)
        await port.greet()
        await port.page(NAME, None)
    assert spoken(upstream.requests()) == [SPOKEN, ELSE, SPOKEN]


async def test_a_slow_page_says_nothing_of_the_others(upstream: Upstream, in_http2: str) -> None:
    """A page that does not come in time is given up, and the rest goes on over HTTP/2."""
    async with asking(in_http2, **QUICK) as port:
        with upstream.gate(PAGE, times=1):
            with pytest.raises(UpstreamDown, match="takes too long"):
                await port.page(NAME, None)
            assert parsed(await port.page(NAME, None)).files
    assert spoken(upstream.requests()) == [SPOKEN, SPOKEN]


async def test_a_page_may_name_any_number_of_origins() -> None:
    """Of those that pages name, some are tried; the others are asked as ever."""
    http2 = Http2(Remote(connections=1))
    origins = [("https", "127.0.0.1", 1 + number) for number in range(ORIGINS + 1)]
    assert [http2.speaks(origin) for origin in origins] == [True] * ORIGINS + [False]
    await http2.close()


@pytest.mark.parametrize(
    ("address", "clear"),
    [
        ("https://host/x", True),
        ("https://files.host-name.example:8443/x?y=@z", True),
        ("https://[::1]:8443/x", True),
        ("https://127.0.0.1/x", True),
        ("https://me@host/x", False),
        ("https://me:secret@host/x", False),
        ("https://ho%73t/x", False),
        ("https://host;x/", False),
        ("/x", False),
    ],
)
def test_whose_host_nobody_can_take_for_another(address: str, *, clear: bool) -> None:
    """Only where every reader of addresses sees the same host is another client asked to go."""
    assert is_clear(URL(address, encoded=True)) is clear
