"""HTTP as it arrives: in pieces, several at once, too long, or not at all."""

import http.client

import msgspec
import pytest

from cloche.web.protocol import MAX_HEAD
from tests.packages import wheel
from tests.server import Cloche, Reply
from tests.waiting import until
from tests.web.forms import upload
from tests.web.talk import Talk, ask

HEALTH = "GET /-/health HTTP/1.1\r\nHost: x\r\n\r\n"
NOWHERE = "GET /nowhere HTTP/1.1\r\nHost: x\r\n\r\n"


def refused(reply: Reply, status: int) -> str:
    """The sentence of a request that no application has seen; the connection ends with it."""
    said = msgspec.json.decode(reply.body)
    assert (reply.status, said["status"], reply.reason) == (status, status, said["detail"])
    assert reply.headers["content-type"] == "application/problem+json"
    assert reply.headers["connection"] == "close"
    return str(said["detail"])


# Several on one connection --------------------------------------------------------------------


def test_keep_alive(server: Cloche) -> None:
    """A connection serves one request after the other, whatever became of each."""
    with Talk(server.url) as talk:
        for request, status, words in [
            (HEALTH, 200, "OK"),
            (NOWHERE, 404, "nothing is at /nowhere"),
            (HEALTH, 200, "OK"),
            (NOWHERE, 404, "nothing is at /nowhere"),
        ]:
            talk.send(request)
            reply = talk.reply()
            assert reply.status == status
            assert reply.reason.startswith(words)


def test_pipeline(server: Cloche, token: str) -> None:
    """Requests sent all at once are answered in their order, each with its own reason phrase."""
    assert upload(server.url, wheel("pt-pipeline", "1.0"), token).status == 200
    page = "GET /simple/pt-pipeline/ HTTP/1.1\r\nHost: x\r\n\r\n"
    with Talk(server.url) as talk:
        for _ in range(2):  # the second time the page is there already
            talk.send(*[HEALTH, page, NOWHERE, page] * 5)
            replies = [talk.reply() for _ in range(20)]
            assert [reply.status for reply in replies] == [200, 200, 404, 200] * 5
            assert {reply.reason[:7] for reply in replies[2::4]} == {"nothing"}
            assert len({reply.body for reply in replies[1::2] if reply.status == 200}) == 1


def test_close_is_obeyed(server: Cloche, token: str) -> None:
    """A client that wants the connection to end gets its answer, and the end."""
    assert upload(server.url, wheel("pt-close", "1.0"), token).status == 200
    for path in ("/-/health", "/nowhere", *["/simple/pt-close/"] * 3):
        with Talk(server.url) as talk:
            talk.send(f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            assert talk.reply().headers["connection"] == "close"
            assert talk.ended()


def test_byte_by_byte(server: Cloche) -> None:
    """A request may arrive in single bytes."""
    with Talk(server.url) as talk:
        for letter in HEALTH:
            talk.send(letter)
        assert talk.reply().status == 200


def test_old_client(server: Cloche) -> None:
    """HTTP/1.0 without a Host is answered, and ended."""
    with Talk(server.url) as talk:
        talk.send("GET /-/health HTTP/1.0\r\n\r\n")
        assert talk.reply().status == 200
        assert talk.ended()


def test_upgrade_is_not_taken(server: Cloche) -> None:
    """An offer of another protocol is passed over, and the log gives nobody advice for that."""
    wish = "\r\nUser-Agent: pr-wish\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n"

    assert ask(server.url, HEALTH.replace("\r\n\r\n", wish)).status == 200
    until(lambda: '"pr-wish"' in server.log)
    assert "upgrade" not in server.log


# Too long -------------------------------------------------------------------------------------

LONG = "x" * MAX_HEAD


@pytest.mark.parametrize(
    "request_",
    [
        f"GET /{LONG} HTTP/1.1\r\nHost: x\r\n\r\n",
        f"GET /?{LONG} HTTP/1.1\r\nHost: x\r\n\r\n",
        f"GET / HTTP/1.1\r\nHost: x\r\nAccept: {LONG}\r\n\r\n",
        f"GET / HTTP/1.1\r\nHost: x\r\n{LONG}: x\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: x\r\n" + "a: b\r\n" * 20_000 + "\r\n",
        f"GET / HTTP/1.1\r\nHost: x\r\nAccept: {LONG}",
        f"GET / HTTP/1.1\r\nHost: x\r\n{LONG}",
    ],
    ids=["path", "query", "value", "name", "many", "value without end", "name without end"],
)
def test_head_that_is_too_long(server: Cloche, request_: str) -> None:
    """A head beyond the bound is refused, whether it ever ends or not, and nothing piles up."""
    with Talk(server.url) as talk:
        talk.send(request_)
        assert str(MAX_HEAD) in refused(talk.reply(), 431)
        assert talk.ended()


def test_head_that_just_fits(server: Cloche) -> None:
    """A head below the bound is served, again and again, and so is a long body behind it."""
    long = HEALTH.replace("\r\n\r\n", f"\r\nX-Long: {'x' * (MAX_HEAD - 200)}\r\n\r\n")
    with Talk(server.url) as talk:
        for _ in range(3):
            talk.send(long)
            assert talk.reply().status == 200
        talk.send(f"POST /-/health HTTP/1.1\r\nHost: x\r\nContent-Length: {10 * MAX_HEAD}\r\n\r\n")
        talk.send(b"x" * 10 * MAX_HEAD)
        assert talk.reply().status == 405
        talk.send(long)
        assert talk.reply().status == 200


# Not HTTP -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "request_",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",  # TLS
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"nonsense\r\n\r\n",
        b"GET\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET /\xff HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /\x00 HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /a b HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET / HTTP/1.1\r\nbad header\r\n\r\n",
        b"GET / HTTP/1.1\r\nA: b\x00c\r\n\r\n",
        b"CONNECT x:1 HTTP/1.1\r\nHost: x\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: x\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    ],
)
def test_what_is_not_http(server: Cloche, request_: bytes) -> None:
    """What cannot be read as a request is refused in one sentence, and the connection ended."""
    with Talk(server.url) as talk:
        talk.send(request_)
        assert "cannot be read as HTTP/1.1" in refused(talk.reply(), 400)
        assert talk.ended()


def test_broken_chunk(server: Cloche) -> None:
    """A body whose chunks make no sense gets one answer, and the end of the connection."""
    with Talk(server.url) as talk:
        talk.send("POST /nowhere HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n")
        assert talk.reply().status in {400, 404}
        assert talk.ended()


def test_nonsense_after_a_request(server: Cloche, token: str) -> None:
    """Nonsense behind a request never gets into the middle of that one's answer."""
    built = wheel("pt-nonsense", "1.0", size=290_000)
    assert upload(server.url, built, token).status == 200
    place = f"/packages/main/pt-nonsense/{built.sha256}/{built.filename}"
    with Talk(server.url) as talk:
        talk.send(f"GET {place} HTTP/1.1\r\nHost: x\r\n\r\n\x01\x02\x03")
        try:
            reply = talk.reply()
        except (http.client.IncompleteRead, EOFError):
            return
        assert reply.body == built.content or reply.status == 400


@pytest.mark.parametrize("host", ["[", "a b", "x:99999", '"><evil>', "\x80", "evil.test/path"])
def test_host_that_is_none(server: Cloche, host: str) -> None:
    """A Host header without sense makes no accident, and gets into no page."""
    for path in ("/", "/nowhere", "/simple", "/simple/pt-nowhere/"):
        asked = f"GET {path} HTTP/1.1\r\nHost: {host}\r\nAccept: text/html\r\n\r\n"
        reply = ask(server.url, asked.encode("latin-1"))
        assert reply.status in {200, 301, 400, 404}
        assert host.encode() not in reply.body or host in {"[", "\x80"}
        assert b"<evil>" not in reply.body


@pytest.mark.parametrize("query", ["%FF", "a=%FF&format=%00", "&&&=", "q=%F0%9F", "q=<evil>"])
def test_query_that_is_none(server: Cloche, query: str) -> None:
    """A query without sense makes no accident."""
    for path in ("/", "/simple/", "/simple/x", "/simple/pt-nowhere/", "/nowhere", "/project/x/"):
        asked = f"GET {path}?{query} HTTP/1.1\r\nHost: x\r\nAccept: text/html\r\n\r\n"
        reply = ask(server.url, asked)
        assert reply.status in {200, 301, 400, 404}
        assert b"<evil>" not in reply.body
