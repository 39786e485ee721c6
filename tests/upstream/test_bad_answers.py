import base64
import http.client
import json
import re
import time
from pathlib import Path
from urllib.parse import urljoin

import pytest

from tests.packages import wheel
from tests.upstream import kinds
from tests.upstream.answers import Point
from tests.upstream.controller import Upstream
from tests.upstream.fetching import STILL, Fetched, fetch, raw
from tests.upstream.misbehaviour import Misbehaviour

DEMO = wheel("demo", "1.0", size=200_000)
FILE = "/files/demo/demo-1.0-py3-none-any.whl"


def file_from(upstream: Upstream, *bad: Misbehaviour, seconds: float = 20) -> Fetched:
    upstream.add(DEMO)
    upstream.misbehave(FILE, *bad)
    return fetch(upstream.url + FILE, seconds=seconds)


def test_slow_headers(upstream: Upstream) -> None:
    """The answer is whole, and takes as long as asked to begin."""
    start = time.monotonic()
    got = file_from(upstream, kinds.Slow(headers=0.2))

    assert got.body == DEMO.content
    assert time.monotonic() - start >= 0.2


def test_slow_chunks(upstream: Upstream) -> None:
    """The answer is whole, and waits before each of its ten chunks."""
    start = time.monotonic()
    got = file_from(upstream, kinds.Slow(per_chunk=0.02, chunk=20_000))

    assert got.body == DEMO.content
    assert time.monotonic() - start >= 0.2


@pytest.mark.parametrize(("after", "came"), [(0, 0), (10, 10), ("half", 100_000)])
def test_stalled(upstream: Upstream, after: Point, came: int) -> None:
    """So much of the body comes, and then nothing."""
    got = file_from(upstream, kinds.Stalled(after=after), seconds=STILL)

    assert (got.status, got.body, got.error) == (200, DEMO.content[:came], TimeoutError)


def test_stalled_before_the_headers(upstream: Upstream) -> None:
    """Nothing at all comes."""
    with pytest.raises(TimeoutError):
        file_from(upstream, kinds.Stalled(after="request"), seconds=STILL)


@pytest.mark.parametrize(("after", "came"), [(0, 0), (70_000, 70_000), ("half", 100_000)])
def test_cut(upstream: Upstream, after: Point, came: int) -> None:
    """So much of the body comes, then the end, and the next answer is whole."""
    got = file_from(upstream, kinds.Cut(after=after, times=1))

    assert (got.body, got.error) == (DEMO.content[:came], http.client.IncompleteRead)
    assert upstream.wait_for(1, FILE, ended=True)[0].end == "cut"
    assert fetch(upstream.url + FILE).body == DEMO.content


def test_cut_before_the_headers(upstream: Upstream) -> None:
    """The connection ends without a word."""
    with pytest.raises(http.client.RemoteDisconnected):
        file_from(upstream, kinds.Cut(after="request"))


def test_a_cut_transfer_can_be_resumed(upstream: Upstream) -> None:
    """What came before and after a cut are together the file."""
    got = file_from(upstream, kinds.Cut(after=70_000, times=1))
    rest = {"Range": f"bytes={len(got.body)}-", "If-Range": got.headers["etag"]}

    assert got.body + fetch(upstream.url + FILE, rest).body == DEMO.content


def test_false_length_too_long(upstream: Upstream) -> None:
    """The body ends before the length that was announced."""
    got = file_from(upstream, kinds.FalseLength(by=5))

    assert got.headers["content-length"] == str(DEMO.size + 5)
    assert (got.body, got.error) == (DEMO.content, http.client.IncompleteRead)


def test_false_length_too_short(upstream: Upstream) -> None:
    """More bytes come than were announced."""
    upstream.add(DEMO)
    upstream.misbehave(FILE, kinds.FalseLength(by=-5))

    head, _, body = raw(upstream.url + FILE).partition(b"\r\n\r\n")

    assert f"Content-Length: {DEMO.size - 5}".encode() in head
    assert body == DEMO.content


@pytest.mark.parametrize("status", [404, 410, 429, 500, 502, 503])
def test_status(upstream: Upstream, status: int) -> None:
    """The status is what the test says, with Retry-After if it says so."""
    got = file_from(upstream, kinds.Status(status=status, retry_after="7", body=b"no"))

    assert (got.status, got.headers["retry-after"], got.body) == (status, "7", b"no")


def test_redirect_by_one_hop(upstream: Upstream) -> None:
    """A redirected page lies elsewhere, and its links lead to the file from there."""
    upstream.add(DEMO)
    upstream.misbehave("/simple/demo/", kinds.Redirect())
    json_please = {"Accept": "application/vnd.pypi.simple.v1+json"}

    first = fetch(upstream.simple + "demo/", json_please)
    there = urljoin(upstream.url, first.headers["location"])
    link = json.loads(fetch(there, json_please).body)["files"][0]["url"]

    assert (first.status, there) == (302, f"{upstream.url}/elsewhere/simple/demo/")
    assert fetch(urljoin(there, link)).body == DEMO.content


def test_redirect_in_a_loop(upstream: Upstream) -> None:
    """A path that redirects to itself does so each time."""
    first = file_from(upstream, kinds.Redirect(to=FILE, status=301))
    again = fetch(urljoin(upstream.url, first.headers["location"]))

    assert [first.status, again.status] == [301, 301]


def test_redirect_to_another_port(upstream: Upstream) -> None:
    """Another origin has the file that was sent away from here."""
    got = file_from(upstream, kinds.Redirect(away=True))

    assert got.headers["location"] == upstream.other + FILE
    assert fetch(got.headers["location"]).body == DEMO.content


def test_basic_auth(upstream: Upstream) -> None:
    """Without the right name and password it is 401 and a challenge, with them the file."""
    secret = base64.b64encode(b"me:pw").decode()
    wrong = base64.b64encode(b"me:other").decode()
    asked = file_from(upstream, kinds.BasicAuth(username="me", password="pw"))  # noqa: S106 - not one

    refused = fetch(upstream.url + FILE, {"Authorization": f"Basic {wrong}"})
    let_in = fetch(upstream.url + FILE, {"Authorization": f"Basic {secret}"})

    assert (asked.status, asked.headers["www-authenticate"]) == (401, 'Basic realm="fake"')
    assert (refused.status, refused.body) == (401, b"")
    assert (let_in.status, let_in.body) == (200, DEMO.content)


def test_chunked(upstream: Upstream) -> None:
    """The body is whole and its length was not announced."""
    got = file_from(upstream, kinds.Chunked())

    assert (got.body, got.headers["transfer-encoding"]) == (DEMO.content, "chunked")
    assert "content-length" not in got.headers


def test_a_chunked_body_that_is_cut_does_not_look_whole(upstream: Upstream) -> None:
    """A cut chunked body ends in an error, not in the last chunk."""
    got = file_from(upstream, kinds.Chunked(), kinds.Cut(after=1000))

    assert (got.body, got.error) == (DEMO.content[:1000], http.client.IncompleteRead)


def test_endless_page(upstream: Upstream) -> None:
    """The page goes on as long as one reads."""
    upstream.add(DEMO)
    upstream.misbehave("/simple/demo/", kinds.EndlessPage())

    got = fetch(upstream.simple + "demo/", most=20_000_000)

    assert got.body.startswith(b'{"meta":{"api-version":"1.0"},"name":"demo","files":[{')
    assert len(got.body) >= 20_000_000
    assert upstream.wait_for(1, "/simple/", ended=True)[0].end == "gone"


def test_endless(upstream: Upstream) -> None:
    """The file comes, and then zeros as long as one reads."""
    upstream.add(DEMO)
    upstream.misbehave(FILE, kinds.Endless())

    got = fetch(upstream.url + FILE, most=2_000_000)

    assert got.body.startswith(DEMO.content)
    assert set(got.body[DEMO.size :]) == {0}
    assert len(got.body) >= 2_000_000


def test_headers(upstream: Upstream) -> None:
    """Response headers are what the test says."""
    got = file_from(upstream, kinds.Headers(values={"X-Mine": "1", "Content-Type": "text/x"}))

    assert (got.headers["x-mine"], got.headers["content-type"]) == ("1", "text/x")


def test_gated(upstream: Upstream) -> None:
    """A gate that is never opened holds the answer back, and an open one does not."""
    with pytest.raises(TimeoutError):
        file_from(upstream, kinds.Gated(gate="mine", times=1), seconds=STILL)
    upstream.misbehave(FILE, kinds.Gated(gate="mine"))
    upstream.open_gate("mine")

    assert fetch(upstream.url + FILE).body == DEMO.content


@pytest.mark.parametrize("kind", kinds.KINDS)
def test_every_kind_is_shown_to_misbehave(kind: str) -> None:
    """Each kind in the table has a test that bears its name."""
    name = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", kind).lower()
    tests = "".join(path.read_text() for path in Path(__file__).parent.glob("test_bad_*.py"))

    assert f"def test_{name}" in tests
