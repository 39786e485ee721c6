"""RFC 9110, HTTP Semantics: the sections that pages and files are served by."""

from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

import pytest

from tests.packages import Built, wheel
from tests.server import Cloche, Reply
from tests.standards.offers import HTML, HTML_V1, JSON, Offers
from tests.web.talk import ask

SIZE = 5_000
LATELY = timedelta(minutes=5)


@pytest.fixture
def built(offers: Offers) -> Built:
    """A file of 5,000 bytes that is offered and held."""
    return offers.add(wheel(offers.name, "1.0", size=SIZE))


def fetch(offers: Offers, **headers: str) -> Reply:
    """Ask for the only file."""
    said = {name.replace("_", "-"): value for name, value in headers.items()}
    return offers.server.get(offers.path(offers.file()["url"]), said)


# 6.6.1, 9.3.2, 10.2.1: what every answer has -------------------------------------------------


def test_answers_are_dated(offers: Offers, built: Built) -> None:
    """An origin server with a clock "MUST generate a Date header field in all 2xx (Successful),
    3xx (Redirection), and 4xx (Client Error) responses" (6.6.1).
    """
    etag = offers.ask().headers["etag"]
    replies = [
        offers.ask(),
        offers.ask(headers={"If-None-Match": etag}),
        fetch(offers),
        fetch(offers, range="bytes=0-0"),
        fetch(offers, if_none_match=f'"{built.sha256}"'),
        fetch(offers, range="bytes=9999-"),
        offers.server.get(offers.place.rstrip("/")),
        offers.server.get("/simple/rfc-9110-nobody/"),
    ]

    assert [reply.status for reply in replies] == [200, 304, 200, 206, 304, 416, 301, 404]
    for reply in replies:
        assert abs(datetime.now(UTC) - parsedate_to_datetime(reply.headers["date"])) < LATELY


def test_head_is_get_without_content(offers: Offers, built: Built) -> None:
    """HEAD is identical to GET except that the server "MUST NOT send content", and "SHOULD send
    the same header fields" (9.3.2).
    """
    for path in (offers.place, offers.path(offers.file()["url"]), "/simple/rfc-9110-nobody/"):
        get, head = offers.server.get(path), offers.server.get(path, method="HEAD")

        assert (head.status, head.body) == (get.status, b"")
        assert without_date(head) == without_date(get)
    assert len(built.content) == SIZE


def without_date(reply: Reply) -> dict[str, str]:
    return {name.lower(): value for name, value in reply.headers.items() if name.lower() != "date"}


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "POST"])
def test_method_not_allowed_says_which_are(offers: Offers, built: Built, method: str) -> None:
    """The server "MUST generate an Allow header field in a 405 response" (15.5.6)."""
    for path in (offers.path(offers.file()["url"]), offers.place):
        reply = offers.server.get(path, method=method)

        assert reply.status == 405
        assert {"GET", "HEAD"} <= {word.strip() for word in reply.headers["allow"].split(",")}
    assert offers.server.get(offers.path(offers.file()["url"])).body == built.content


# 8.8.3, 13: validators and conditions --------------------------------------------------------


def test_etag_is_strong_and_of_the_representation(offers: Offers, built: Built) -> None:
    """A strong validator "MUST be unique across all versions of all representations": each format
    and each content coding has one of its own (8.8.1, 8.8.3.3).
    """
    seen = {
        (accept, coding): offers.ask(accept, {"Accept-Encoding": coding})
        for accept in (JSON, HTML)
        for coding in ("identity", "gzip", "zstd")
    }
    tags = [reply.headers["etag"] for reply in seen.values()]

    assert len(set(tags)) == len(tags)
    assert all(tag.startswith('"') and tag.endswith('"') for tag in tags)
    assert fetch(offers).headers["etag"] == f'"{built.sha256}"'


CONDITIONS = ["{0}", "W/{0}", '"other", {0}', "{0},W/{0}", "*"]


@pytest.mark.parametrize("condition", CONDITIONS)
def test_if_none_match(offers: Offers, built: Built, condition: str) -> None:
    """If-None-Match is compared weakly; false, for GET, is answered by "304 (Not Modified)", which
    "MUST generate" Date, ETag, Cache-Control and Vary as the 200 would have (13.1.2, 15.4.5).
    """
    for path in (offers.place, offers.path(offers.file()["url"])):
        whole = offers.server.get(path)
        said = condition.format(whole.headers["etag"])
        reply = offers.server.get(path, {"If-None-Match": said})

        assert (reply.status, reply.body) == (304, b"")
        assert "date" in reply.headers
        for field in ("etag", "cache-control", "vary"):
            assert reply.headers[field] == whole.headers[field]
    assert built.size == SIZE


@pytest.mark.parametrize("condition", ['"other"', 'W/"other", "x"', '""'])
def test_if_none_match_of_another(offers: Offers, built: Built, condition: str) -> None:
    """When no listed tag matches, the condition is true and the whole is sent (13.1.2)."""
    assert offers.ask(headers={"If-None-Match": condition}).status == 200
    assert fetch(offers, if_none_match=condition).body == built.content


def test_a_list_may_come_in_several_lines(offers: Offers, built: Built) -> None:
    """Field lines of one name are combined "in order, separated by a comma" (5.3)."""
    for path, etag in (
        (offers.place, offers.server.get(offers.place).headers["etag"]),
        (offers.path(offers.file()["url"]), f'"{built.sha256}"'),
    ):
        lines = f'If-None-Match: "other"\r\nIf-None-Match: {etag}\r\n'
        reply = ask(offers.server.url, f"GET {path} HTTP/1.1\r\nHost: x\r\n{lines}\r\n")

        assert reply.status == 304


@pytest.mark.parametrize(
    ("condition", "status"),
    [("{0}", 200), ("*", 200), ('"x", {0}', 200), ('"x"', 412), ("W/{0}", 412)],
)
def test_if_match(offers: Offers, built: Built, condition: str, status: int) -> None:
    """An origin server "MUST use the strong comparison function" for If-Match, and where it is
    false not perform the method, but "respond with the 412 (Precondition Failed)" (13.1.1).
    """
    said = condition.format(f'"{built.sha256}"')

    assert fetch(offers, if_match=said).status == status
    page = offers.ask()
    said = condition.format(page.headers["etag"])
    for _ in range(2):  # rendered, then as a hit
        assert offers.ask(headers={"If-Match": said}).status == status


def test_if_match_comes_first(offers: Offers, built: Built) -> None:
    """If-Match is evaluated before If-None-Match, and both before Range (13.2.2)."""
    etag = f'"{built.sha256}"'

    assert fetch(offers, if_match='"x"', if_none_match=etag).status == 412
    assert fetch(offers, if_match='"x"', range="bytes=0-9").status == 412
    assert fetch(offers, if_match=etag, if_none_match=etag).status == 304
    assert fetch(offers, if_match=etag, range="bytes=0-9").status == 206
    assert fetch(offers, if_none_match=etag, range="bytes=0-9").status == 304


def test_dates_mean_nothing_here(offers: Offers, built: Built) -> None:
    """A recipient "MUST ignore" If-Modified-Since and If-Unmodified-Since where the resource has
    no modification date (13.1.3, 13.1.4): none is given.
    """
    date = "Sat, 01 Jan 2000 00:00:00 GMT"
    whole = fetch(offers, if_unmodified_since=date, if_modified_since=date)

    assert "last-modified" not in whole.headers
    assert (whole.status, whole.body) == (200, built.content)


def test_conditions_count_only_for_success(server: Cloche) -> None:
    """A server "MUST ignore all received preconditions" if the answer would not be 2xx without
    them (13.2.1).
    """
    for condition in ({"If-None-Match": "*"}, {"If-Match": '"x"'}):
        assert server.get("/simple/rfc-9110-nobody/", condition).status == 404
        assert server.get("/simple/Rfc.9110/", condition).status == 301


# 12: content negotiation ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        (f"{HTML};q=0.1, {JSON};q=0.9", JSON),
        (f"{HTML}, {JSON};q=0.9", HTML),
        (f"{JSON};q=0, {HTML_V1}", HTML_V1),
        (f"{JSON.upper()} ; Q=1", JSON),
        (f"{JSON};q=0.1, */*;q=0.01", JSON),
        (f"{HTML}, */*", HTML),
        (f"{HTML};q=0, */*", JSON),
        (f"{HTML};q=0.5, */*;q=0.8", JSON),
        ("application/*", JSON),
        ("text/*", HTML),
        (f"application/*, {JSON};q=0", HTML_V1),
        (f"application/*;q=0.1, {HTML_V1};q=0.2", HTML_V1),
        ("*/*", HTML),
        ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", HTML),
    ],
)
def test_accept(offers: Offers, built: Built, accept: str, kind: str) -> None:
    """Each type has the quality of "the most specific reference", media ranges included, and a
    quality of 0 means "not acceptable" (12.4.2, 12.5.1).
    """
    reply = offers.ask(accept)

    assert (reply.status, reply.headers.get_content_type()) == (200, kind)
    assert built.filename.encode() in reply.body


@pytest.mark.parametrize(
    ("said", "coding"),
    [
        ("gzip", "gzip"),
        ("zstd", "zstd"),
        ("gzip;q=0.5, zstd;q=0.4", "gzip"),
        ("GZIP", "gzip"),
        ("gzip;q=0, identity", None),
        ("gzip;q=0, zstd;q=0, *;q=0", None),
        ("identity;q=0.5, gzip;q=0.1", None),
        ("br", None),
        ("", None),
    ],
)
def test_accept_encoding(offers: Offers, built: Built, said: str, coding: str | None) -> None:
    """A coding is used if it is listed with a quality above 0, the highest preferred; an empty
    value means that "the user agent does not want any content coding" (12.5.3).
    """
    reply = offers.ask(JSON, {"Accept-Encoding": said})

    assert reply.headers["content-encoding"] == coding
    assert len(reply.body) == int(reply.headers["content-length"])
    assert fetch(offers, accept_encoding=said).body == built.content


def test_vary_names_what_the_choice_hangs_on(offers: Offers, built: Built) -> None:
    """Vary tells recipients that "they MUST NOT use this response to satisfy a later request
    unless" the named fields are the same (12.5.5).
    """
    for accept in (JSON, HTML):
        named = {word.strip().lower() for word in offers.ask(accept).headers["vary"].split(",")}

        assert named == {"accept", "accept-encoding"}
    assert "vary" not in fetch(offers).headers
    assert built.size == SIZE


# 14: ranges ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "start", "stop"),
    [
        ("bytes=0-0", 0, 1),
        ("bytes=0-499", 0, 500),
        ("bytes=4500-", 4500, SIZE),
        ("bytes=-500", 4500, SIZE),
        ("bytes=-9999", 0, SIZE),
        ("bytes=4990-99999", 4990, SIZE),
        ("BYTES=1-2", 1, 3),
    ],
)
def test_range(offers: Offers, built: Built, said: str, start: int, stop: int) -> None:
    """Byte positions are inclusive and start at zero; a last position beyond the end means the
    end, and a suffix its last bytes (14.1.2). The 206 says which bytes it has (14.4, 15.3.7).
    """
    reply = fetch(offers, range=said)

    assert (reply.status, reply.body) == (206, built.content[start:stop])
    assert reply.headers["content-range"] == f"bytes {start}-{stop - 1}/{SIZE}"
    assert reply.headers["content-length"] == str(stop - start)
    for field in ("etag", "cache-control"):  # 15.3.7: as in a 200
        assert reply.headers[field] == fetch(offers).headers[field]


@pytest.mark.parametrize("said", ["bytes=5000-", "bytes=9999-10000", "bytes=-0"])
def test_unsatisfiable_range(offers: Offers, built: Built, said: str) -> None:
    """Of a range of which no byte exists, the 416 "SHOULD generate a Content-Range header field
    specifying the current length" (14.4, 15.5.17).
    """
    reply = fetch(offers, range=said)

    assert (reply.status, reply.headers["content-range"]) == (416, f"bytes */{built.size}")


@pytest.mark.parametrize("said", ["bytes=2-1", "bytes=", "lines=1-2", "bytes=a-b", "0-1"])
def test_invalid_or_unknown_range_is_ignored(offers: Offers, built: Built, said: str) -> None:
    """An origin server "MUST ignore a Range header field that contains a range unit it does not
    understand", and one that is invalid (14.2).
    """
    reply = fetch(offers, range=said)

    assert (reply.status, reply.body) == (200, built.content)


def test_range_is_for_get(offers: Offers, built: Built) -> None:
    """A server "MUST ignore a Range header field received with a request method" other than GET
    (14.2).
    """
    path = offers.path(offers.file()["url"])
    reply = offers.server.get(path, {"Range": "bytes=0-9"}, method="HEAD")

    assert (reply.status, reply.headers["content-length"]) == (200, str(built.size))


def test_ranges_are_announced(offers: Offers, built: Built) -> None:
    """A server that supports ranges "MAY send Accept-Ranges: bytes" (14.3)."""
    assert fetch(offers).headers["accept-ranges"] == "bytes"
    assert built.size == SIZE


@pytest.mark.parametrize(
    ("condition", "status"),
    [
        ("{0}", 206),
        ("W/{0}", 200),
        ('"other"', 200),
        ("Sat, 01 Jan 2000 00:00:00 GMT", 200),
    ],
)
def test_if_range(offers: Offers, built: Built, condition: str, status: int) -> None:
    """If-Range is compared strongly; false, "the recipient SHOULD ignore the Range header field"
    and send the whole (13.1.5).
    """
    said = condition.format(f'"{built.sha256}"')
    reply = fetch(offers, range="bytes=10-19", if_range=said)

    assert reply.status == status
    assert reply.body == (built.content[10:20] if status == 206 else built.content)
