"""RFC 9457, Problem Details for HTTP APIs: every error as programs read it."""

import json
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

import pytest

from tests.packages import wheel
from tests.server import Cloche, Reply
from tests.standards.offers import JSON, Offers
from tests.web.forms import upload

PROBLEM = "application/problem+json"

Ask = Callable[[Offers], Reply]
FILE = f"/packages/main/rfc-9457/{'0' * 64}/rfc_9457-1.0.zip"


def conflict(offers: Offers) -> Reply:
    offers.add(wheel(offers.name, "1.0"))
    return upload(offers.server.url, wheel(offers.name, "1.0", body=b"#"), offers.token)


def out_of_range(offers: Offers) -> Reply:
    offers.add(wheel(offers.name, "1.0"))
    return offers.server.get(offers.path(offers.file()["url"]), {"Range": "bytes=99999999-"})


def unmet(offers: Offers) -> Reply:
    offers.add(wheel(offers.name, "1.0"))
    return offers.ask(headers={"If-Match": '"x"'})


ERRORS: dict[str, Ask] = {
    "400 name": lambda offers: offers.server.get("/simple/-/", {"Accept": JSON}),
    "400 upload": lambda offers: upload(
        offers.server.url, wheel(offers.name, "1.0"), offers.token, version="2.0"
    ),
    "401": lambda offers: offers.server.get(f"/team/dev/simple/{offers.name}/"),
    "404 project": lambda offers: offers.server.get("/simple/rfc-9457-nobody/", {"Accept": JSON}),
    "404 file": lambda offers: offers.server.get(FILE),
    "404 address": lambda offers: offers.server.get("/no/such/address"),
    "405": lambda offers: offers.server.get("/simple/", method="DELETE"),
    "409": conflict,
    "412": unmet,
    "416": out_of_range,
}


def problem(reply: Reply) -> dict[str, Any]:
    assert reply.headers["content-type"] == PROBLEM
    said = json.loads(reply.body)
    assert isinstance(said, dict)
    return said


@pytest.fixture(params=ERRORS)
def failed(hosted: Offers, request: pytest.FixtureRequest) -> Reply:
    """Every kind of error that a client can bring about."""
    reply = ERRORS[request.param](hosted)
    assert str(reply.status) == request.param.partition(" ")[0]
    return reply


def test_members_are_of_their_types(failed: Reply) -> None:
    """A problem is a JSON object "identified by the media type application/problem+json" (3), with
    strings as type, title and detail, and a number as status (3.1).
    """
    said = problem(failed)

    assert [type(said[key]) for key in ("type", "title", "detail")] == [str, str, str]
    assert type(said["status"]) is int


def test_status_is_that_of_the_answer(failed: Reply) -> None:
    """Generators "MUST use the same status code in the actual HTTP response" (3.1.2)."""
    assert problem(failed)["status"] == failed.status


def test_title_is_that_of_the_status(failed: Reply) -> None:
    """Where the type is about:blank, "the title SHOULD be the same as the recommended HTTP status
    phrase for that code" (4.2.1).
    """
    said = problem(failed)

    assert said["type"] == "about:blank"
    assert said["title"] == HTTPStatus(failed.status).phrase


def test_detail_helps_to_correct(failed: Reply) -> None:
    """The detail "ought to focus on helping the client correct the problem, rather than giving
    debugging information" (3.1.4): one sentence, without a word of the inside.
    """
    detail = problem(failed)["detail"]

    assert detail.strip()
    assert "\n" not in detail
    assert not any(word in detail for word in ("Traceback", "Error(", "Exception", ".py"))


def test_nothing_is_left_to_be_resolved(server: Cloche) -> None:
    """Problem details "can have security considerations" (5): what was asked for is only said
    again as JSON text, never as markup.
    """
    reply = server.get("/no/%3Cscript%3E%22/", {"Accept": "application/json"})

    assert reply.headers["content-type"] == PROBLEM
    assert '<script>"' in problem(reply)["detail"]


def test_html_is_negotiated_for_people(server: Cloche) -> None:
    """Problem details are one of the formats "that could be used", and Accept decides (3): a
    browser gets a page, and caches are told.
    """
    reply = server.get("/simple/rfc-9457-nobody/", {"Accept": "text/html"})

    assert reply.headers.get_content_type() == "text/html"
    assert "Accept" in reply.headers["vary"]
