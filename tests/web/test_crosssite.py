"""Requests that a page in a browser sends: its own site's are answered, another's refused."""

import http.client
from contextlib import closing

import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from cloche.web.crosssite import SameSite
from tests.packages import wheel
from tests.server import Cloche, Reply
from tests.web.answers import detail, listed
from tests.web.api.managing import place
from tests.web.forms import encode, headers, parts, post
from tests.web.serving import serving
from tests.web.tokens import basic, granted

FOREIGN = [
    {"Origin": "https://evil.test"},
    {"Origin": "null"},
    {"Origin": "http://127.0.0.1:1"},
    {"Origin": "http://["},
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Sec-Fetch-Site": "cross-site", "Origin": "{url}"},
]
OWN = [
    {},
    {"Origin": "{url}"},
    {"Sec-Fetch-Site": "same-origin", "Origin": "{url}"},
    {"Sec-Fetch-Site": "none"},
]


def said(form: dict[str, str], url: str) -> dict[str, str]:
    return {name: value.format(url=url) for name, value in form.items()}


@pytest.mark.parametrize("form", FOREIGN)
def test_another_site_uploads_nothing(server: Cloche, token: str, form: dict[str, str]) -> None:
    """A form that another site's page sends is refused, whatever credentials go with it."""
    body = encode(parts(wheel("cs-foreign", "1.0")))
    reply = post(server.url, "/legacy/", body, headers(token) | said(form, server.url))

    assert reply.status == 403
    assert "another site" in detail(reply)
    assert listed(server, "cs-foreign") == []


@pytest.mark.parametrize("form", OWN)
def test_clients_and_own_pages_upload(server: Cloche, token: str, form: dict[str, str]) -> None:
    """Clients, which say nothing of pages, and the server's own pages are not hindered."""
    body = encode(parts(wheel("cs-own", "1.0")))

    assert post(server.url, "/legacy/", body, headers(token) | said(form, server.url)).status == 200


@pytest.mark.parametrize("method", ["POST", "DELETE"])
def test_another_site_manages_nothing(server: Cloche, token: str, method: str) -> None:
    """A release is not yanked or deleted by a page that its manager happens to look at."""
    built = wheel(f"cs-managed-{method.lower()}", "1.0")
    body = encode(parts(built))
    assert post(server.url, "/legacy/", body, headers(token)).status == 200
    manager = granted(server.data, "admin", index="*")
    address = place(built.project, "versions", "1.0", *(["yank"] if method == "POST" else []))

    reply = ask(server.url, method, address, basic(manager) | {"Origin": "https://evil.test"})
    assert reply.status == 403
    assert listed(server, built.project) == [built.filename]
    assert ask(server.url, method, address, basic(manager)).status == 200


def test_reading_is_for_every_page(server: Cloche) -> None:
    """What changes nothing is answered, for the browser keeps it from the page."""
    reply = server.get("/simple/", {"Origin": "https://evil.test", "Sec-Fetch-Site": "cross-site"})

    assert reply.status == 200


async def _done(scope: Scope, receive: Receive, send: Send) -> None:
    await PlainTextResponse(Request(scope).method)(scope, receive, send)


@pytest.mark.parametrize(("origin", "status"), [("https://pkg.test", 200), ("https://x.test", 403)])
def test_public_url_is_an_own_place(origin: str, status: int) -> None:
    """Behind a proxy that changes Host, the address that the operator states counts."""
    app: ASGIApp = SameSite(_done, "https://Pkg.test/prefix")
    with serving(app) as url:
        assert ask(url, "POST", "/legacy/", {"Origin": origin}).status == status


def ask(url: str, method: str, path: str, sent: dict[str, str]) -> Reply:
    with closing(http.client.HTTPConnection(url.removeprefix("http://"), timeout=60)) as connection:
        connection.request(method, path, headers=sent)
        response = connection.getresponse()
        return Reply(response.status, response.reason, response.headers, response.read())
