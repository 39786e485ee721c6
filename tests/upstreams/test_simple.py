"""The simple repository API over HTTP: what is sent, to whom, and what is made of the answer."""

import base64
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from cloche.core.errors import (
    BadSetting,
    UpstreamDown,
    UpstreamLies,
)
from cloche.upstreams._warm import SPARE
from cloche.upstreams.simple import Settings, connect
from tests.upstream import kinds
from tests.upstream.controller import Upstream
from tests.upstream.model import Recorded, Urls
from tests.upstreams.samples import (
    DEMO,
    FILE,
    NAME,
    PAGE,
    artifact,
    fetched,
    nameless,
    parsed,
    simple,
)
from tests.upstreams.servers import authority, serving

pytestmark = pytest.mark.anyio

ME: dict[str, Any] = {"username": "me", "password": "p:ss wörd"}
BASIC = "Basic " + base64.b64encode("me:p:ss wörd".encode()).decode()


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No proxy and no .netrc but those of the test."""
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))


@pytest.fixture(autouse=True)
def listed(upstream: Upstream) -> None:
    upstream.add(DEMO)


def authorized(requests: list[Recorded]) -> list[str | None]:
    return [one.headers.get("authorization") for one in requests]


# What is sent -------------------------------------------------------------------------------


async def test_what_a_page_is_asked_for_with(upstream: Upstream) -> None:
    """JSON is preferred, HTML is taken, and who asks is said."""
    async with simple(upstream) as port:
        await port.page(NAME, None)
    (asked,) = upstream.requests()

    assert asked.headers["accept"].startswith("application/vnd.pypi.simple.v1+json,")
    assert "text/html;q=0.01" in asked.headers["accept"]
    assert asked.headers["accept-encoding"] == "gzip"
    assert asked.headers["user-agent"].startswith("cloche/")
    assert not {"if-none-match", "authorization", "cookie"} & asked.headers.keys()


async def test_what_a_file_is_asked_for_with(upstream: Upstream) -> None:
    """A file's bytes must not be changed on the way, and are asked for from where they lack."""
    async with simple(upstream) as port:
        wanted = await artifact(port)
        await fetched(port, wanted)
        await fetched(port, wanted, 5, '"etag"')
        await fetched(port, wanted, 5, None)
    first, second, third = upstream.requests(FILE)

    assert first.headers["accept-encoding"] == "identity"
    assert not {"range", "if-range"} & first.headers.keys()
    assert (second.headers["range"], second.headers["if-range"]) == ("bytes=5-", '"etag"')
    assert third.headers["range"] == "bytes=5-"
    assert "if-range" not in third.headers


async def test_no_cookie_is_given_back(upstream: Upstream) -> None:
    """Nothing that one answer sets is told with the next question."""
    upstream.misbehave(PAGE, kinds.Headers(values={"Set-Cookie": "me=you; Path=/"}))
    async with simple(upstream) as port:
        await port.page(NAME, None)
        await port.page(NAME, None)
    assert "cookie" not in upstream.requests()[1].headers


async def test_connections_are_used_again(upstream: Upstream) -> None:
    """Many questions go over few connections."""
    async with simple(upstream) as port:
        for _ in range(2 * (1 + SPARE)):
            await port.page(NAME, None)
    assert len({one.peer for one in upstream.requests()}) <= 1 + SPARE


# Where files lie ----------------------------------------------------------------------------


@pytest.mark.parametrize("urls", ["relative", "absolute", "other"])
@pytest.mark.parametrize("html", [False, True], ids=["json", "html"])
async def test_files_lie_where_the_page_says(upstream: Upstream, urls: Urls, *, html: bool) -> None:
    """Relative, absolute and foreign addresses lead to the file, in both formats."""
    upstream.project("demo", urls=urls)
    if html:
        upstream.misbehave(PAGE, kinds.HtmlOnly())
    async with simple(upstream) as port:
        transfer, data = await fetched(port, await artifact(port))

    assert (transfer.total, data) == (DEMO.size, DEMO.content)


async def test_links_are_relative_to_where_a_redirect_led(upstream: Upstream) -> None:
    """A page that was redirected has its files beside where it was found."""
    upstream.misbehave(PAGE, kinds.Redirect(away=True))
    async with simple(upstream) as port:
        wanted = await artifact(port)
    assert wanted.url == f"{upstream.other}{FILE}"


async def test_an_address_is_sent_as_the_page_wrote_it(upstream: Upstream) -> None:
    """Escapes stay as they are: a signed address with others is another address."""
    target = "/a%2Fb/c%2B+d%20e.whl?sig=a%2Fb%2B%3D%3d&x=1+2"

    async def empty(_: web.Request) -> web.Response:
        return web.Response(body=b"")

    async with serving(empty) as server, simple(upstream, url=server.url) as port:
        await fetched(port, nameless(f"{server.url}{target}"))
        await fetched(port, nameless(f"{server.url}/ä b"))

    assert server.asked == [target, "/%C3%A4%20b"]


NO_ADDRESSES = """
    simple ftp://h/simple/ //h/simple/ http:// http://:80/ http://h:99999/ http://h:0/ http://[::1/
    file:///simple/
"""


@pytest.mark.parametrize("url", ["", *NO_ADDRESSES.split()])
def test_an_address_that_is_none(url: str) -> None:
    """What can never be asked is said at the start, with what would be right."""
    with pytest.raises(BadSetting, match="https://host/simple/"):
        connect("pypi", Settings(url=url))


async def test_an_address_without_a_slash(upstream: Upstream) -> None:
    """An operator may leave the slash at the end of the address away."""
    async with simple(upstream, url=upstream.simple.rstrip("/")) as port:
        assert parsed(await port.page(NAME, None)).files


# Credentials --------------------------------------------------------------------------------


@pytest.mark.parametrize("where", ["keys", "address"])
async def test_credentials_go_to_the_upstream(upstream: Upstream, where: str) -> None:
    """Pages and files of the upstream itself are asked for with name and password."""
    for path in (PAGE, FILE):
        upstream.misbehave(path, kinds.BasicAuth(**ME))
    in_address = upstream.simple.replace("//", "//me:p%3Ass%20w%C3%B6rd@")
    settings = ME if where == "keys" else {"url": in_address}
    async with simple(upstream, **settings) as port:
        wanted = await artifact(port)
        assert (await fetched(port, wanted))[1] == DEMO.content

    assert "@" not in wanted.url
    assert authorized(upstream.requests()) == [BASIC, BASIC]


async def test_credentials_go_nowhere_else(upstream: Upstream) -> None:
    """A page that points elsewhere does not learn the password, nor does a redirect."""
    upstream.project("demo", urls="other")
    async with simple(upstream, **ME) as port:
        await fetched(port, await artifact(port))
        upstream.misbehave(PAGE, kinds.Redirect(away=True))
        await port.page(NAME, None)
    other = [one for one in upstream.requests() if one.port == upstream.ports.other]

    assert [one.path for one in other] == [FILE, PAGE]
    assert authorized(other) == [None, None]


async def test_a_netrc_is_not_asked(upstream: Upstream, tmp_path: Path) -> None:
    """A `default` entry in .netrc would tell a password to whoever a page points to."""
    (tmp_path / "netrc").write_text("default login me password secret\n")
    async with simple(upstream) as port:
        await fetched(port, await artifact(port))
    assert authorized(upstream.requests()) == [None, None]


async def test_wrong_credentials_say_what_to_check(upstream: Upstream) -> None:
    """A refused password is an outage with a cure, not an absent project."""
    upstream.misbehave(PAGE, kinds.BasicAuth(**ME))
    async with simple(upstream, username="me", password="x") as port:  # noqa: S106 - made up
        with pytest.raises(UpstreamDown, match=r"username and password of \[upstream.pypi\]"):
            await port.page(NAME, None)


def test_a_user_name_with_a_colon() -> None:
    """RFC 7617 has no way to say it."""
    with pytest.raises(BadSetting, match="colon"):
        connect("pypi", Settings(url="http://h/", username="a:b"))


# Proxies ------------------------------------------------------------------------------------


async def test_a_proxy_that_is_set(upstream: Upstream) -> None:
    """Pages and files come through the proxy, also of a host that only it knows."""
    settings = {"url": "http://index.invalid/simple/", "proxy": upstream.proxy}
    async with simple(upstream, **settings) as port:
        transfer, data = await fetched(port, await artifact(port))

    assert (transfer.total, data) == (DEMO.size, DEMO.content)
    assert [one.path for one in upstream.proxied()] == [
        f"http://index.invalid{PAGE}",
        f"http://index.invalid{FILE}",
    ]


async def test_a_proxy_that_wants_a_password(upstream: Upstream) -> None:
    """The password in the proxy's address goes to the proxy."""
    proxy = upstream.proxy.replace("//", "//you:secret@")
    async with simple(upstream, proxy=proxy) as port:
        await port.page(NAME, None)
    (asked,) = upstream.proxied()

    pair = base64.b64encode(b"you:secret").decode()
    assert asked.headers["proxy-authorization"] == f"Basic {pair}"
    assert "authorization" not in upstream.requests()[0].headers


async def test_the_environment_s_proxy(upstream: Upstream, monkeypatch: pytest.MonkeyPatch) -> None:
    """HTTP_PROXY is used where NO_PROXY does not say otherwise."""
    monkeypatch.setenv("http_proxy", upstream.proxy)
    async with simple(upstream) as port:
        await port.page(NAME, None)
    assert len(upstream.proxied()) == 1

    monkeypatch.setenv("no_proxy", "127.0.0.1")
    async with simple(upstream) as port:
        await port.page(NAME, None)
    assert len(upstream.proxied()) == 1


async def test_a_proxy_that_is_down(upstream: Upstream) -> None:
    """A proxy that cannot be reached is an outage; nobody goes around it."""
    async with simple(upstream, proxy="http://127.0.0.1:1", attempts=1) as port:
        with pytest.raises(UpstreamDown):
            await port.page(NAME, None)
    assert upstream.requests() == []


# TLS ----------------------------------------------------------------------------------------


@pytest.fixture
async def downgrading(upstream: Upstream, tmp_path: Path) -> AsyncIterator[dict[str, Any]]:
    """A server over TLS that redirects to the fake upstream, which has none."""

    async def redirect(request: web.Request) -> web.Response:
        raise web.HTTPFound(upstream.url + request.raw_path)

    with authority(tmp_path) as (tls, ca):
        async with serving(redirect, tls) as server:
            yield {"url": f"{server.url}/simple/", "ca_file": ca}


async def test_https_never_becomes_http(upstream: Upstream, downgrading: dict[str, Any]) -> None:
    """A redirect from https to http is refused before anything is sent there."""
    async with simple(upstream, **downgrading) as port:
        with pytest.raises(UpstreamLies, match="from https to http"):
            await port.page(NAME, None)
    assert upstream.requests() == []


async def test_a_project_is_not_absent_because_http_says_so(
    upstream: Upstream, downgrading: dict[str, Any]
) -> None:
    """Who can redirect to http cannot make a private name look free."""
    upstream.remove_project("demo")
    async with simple(upstream, **downgrading) as port:
        with pytest.raises(UpstreamLies):
            await port.page(NAME, None)


async def test_https_with_the_operator_s_authority(upstream: Upstream, tmp_path: Path) -> None:
    """A certificate that `ca_file` vouches for is taken, and http may become https."""

    async def page(_: web.Request) -> web.Response:
        body = b'{"meta": {"api-version": "1.0"}, "name": "demo", "files": []}'
        return web.Response(body=body, content_type="application/vnd.pypi.simple.v1+json")

    with authority(tmp_path) as (tls, ca):
        async with serving(page, tls) as server:
            async with simple(upstream, url=server.url, ca_file=ca) as port:
                assert parsed(await port.page(NAME, None)).files == ()
            upstream.misbehave(PAGE, kinds.Redirect(to=f"{server.url}/simple/demo/"))
            async with simple(upstream, ca_file=ca) as port:
                assert parsed(await port.page(NAME, None)).files == ()


async def test_a_certificate_that_nobody_vouches_for(upstream: Upstream, tmp_path: Path) -> None:
    """An unknown certificate is an outage: nothing that it guards is believed."""

    async def page(_: web.Request) -> web.Response:
        raise web.HTTPNotFound

    with authority(tmp_path) as (tls, _):
        async with serving(page, tls) as server, simple(upstream, url=server.url) as port:
            with pytest.raises(UpstreamDown, match="certificate"):
                await port.page(NAME, None)


@pytest.mark.parametrize("content", [None, "no certificate"])
def test_an_authority_that_cannot_be_read(tmp_path: Path, content: str | None) -> None:
    """A `ca_file` without certificates is said at the start."""
    path = tmp_path / "ca.pem"
    if content is not None:
        path.write_text(content)
    with pytest.raises(BadSetting, match=r"upstream.pypi.ca_file .*ca.pem"):
        connect("pypi", Settings(url="https://h/", ca_file=str(path)))


@pytest.mark.parametrize(
    "credentials", [{"username": "me"}, {"url": "http://me:word@host/simple/"}]
)
def test_nobody_is_sent_where_credentials_are_needed(credentials: dict[str, str]) -> None:
    """An upstream that wants to know us cannot be one that clients are redirected to."""
    settings = Settings(mode="redirect", **credentials)  # type: ignore[arg-type]  # of strings alone
    with pytest.raises(BadSetting, match="credentials"):
        connect("pypi", settings)
