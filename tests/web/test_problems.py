"""Every error as a client sees it: a status, a type, and one sentence in three places."""

from collections.abc import AsyncIterator, Iterator
from http.client import IncompleteRead

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from cloche.core import errors
from cloche.core.errors import BadUpload, Denied, Error
from cloche.web import problems
from cloche.web.problems import STATUS, reason_phrase, status_of
from tests.server import Cloche, Reply
from tests.web.serving import serving
from tests.web.talk import Talk, ask

BROWSER = "text/html,application/xhtml+xml,*/*;q=0.8"
SENTENCE = 'the <file> "a&b" is größer than “wanted”; make it smaller'


def tree(root: type[Error] = Error) -> list[type[Error]]:
    """The error and all of its kinds."""
    return [root, *(kind for child in root.__subclasses__() for kind in tree(child))]


KINDS = {kind.__name__: kind for kind in tree()}


def defined(kind: type[Error]) -> bool:
    return hasattr(errors, kind.__name__)


def made(kind: type[Error]) -> Error:
    if kind is BadUpload:
        return BadUpload([SENTENCE, "more\nlines"])
    return Denied(SENTENCE, {}) if kind is Denied else kind(SENTENCE)


async def fail(request: Request) -> Response:
    raise made(KINDS[request.path_params["kind"]])


async def bug(_: Request) -> Response:
    raise ZeroDivisionError("a secret of the server's")


async def late_bug(_: Request) -> Response:
    async def chunks() -> AsyncIterator[bytes]:
        yield b"begun"
        raise ZeroDivisionError("a secret of the server's")

    return StreamingResponse(chunks())


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """A server whose every address fails in its own way."""
    app = Starlette(
        routes=[
            Route("/fail/{kind}", fail),
            Route("/bug", bug),
            Route("/late-bug", late_bug),
        ],
        exception_handlers={
            Error: problems.answer,
            HTTPException: problems.answer_http,
            Exception: problems.answer_bug,
        },
    )
    with serving(app) as found:
        yield found


def get(url: str, path: str, accept: str = "*/*", method: str = "GET") -> Reply:
    asked = f"{method} {path} HTTP/1.1\r\nHost: x\r\nAccept: {accept}\r\n\r\n"
    return ask(url, asked, method)


def test_the_table_knows_the_whole_tree() -> None:
    """Every kind of error has a status of its own or its base's, and no other is in the table."""
    assert {kind.__name__: status_of(kind)[0] for kind in tree()} == {
        "Error": 500,
        "BadRequest": 400,
        "BadName": 400,
        "BadUpload": 400,
        "BadBundle": 400,
        "Unauthenticated": 401,
        "NotAcceptable": 406,
        "Forbidden": 403,
        "Denied": 403,
        "Follows": 403,
        "NotFound": 404,
        "NoSuchIndex": 404,
        "NoSuchProject": 404,
        "ProjectDeleted": 404,
        "Elsewhere": 404,
        "NotThen": 404,
        "NoSuchAdmission": 404,
        "NoSuchMoment": 404,
        "Forgotten": 410,
        "NoSuchFile": 404,
        "NoSuchBlob": 404,
        "FileExists": 409,
        "OtherJournal": 409,
        "Occupied": 500,
        "TooLarge": 413,
        "UpstreamDown": 503,
        "TransferBroken": 503,
        "UpstreamLies": 502,
        "DigestMismatch": 502,
        "StorageFull": 507,
        "StorageDown": 503,
        "BadSetting": 500,
        # An adapter's own kinds follow their base.
        **{kind.__name__: status_of(kind)[0] for kind in tree() if not defined(kind)},
    }
    assert set(STATUS) <= set(tree())


@pytest.mark.parametrize("kind", [k for k in KINDS if hasattr(errors, k)])
def test_programs_get_problem_details(url: str, kind: str) -> None:
    """A program gets RFC 9457's type to the letter, and the sentence in body and status line."""
    reply = get(url, f"/fail/{kind}")
    sentence = made(KINDS[kind]).detail
    status, _ = status_of(KINDS[kind])

    assert reply.headers["content-type"] == "application/problem+json"
    assert msgspec.json.decode(reply.body) == {
        "type": "about:blank",
        "title": status.phrase,
        "status": status,
        "detail": sentence,
    }
    assert reply.status == status
    assert reply.reason.encode("latin-1") == reason_phrase(sentence)
    assert reply.headers["cache-control"] == "no-store"
    assert ("www-authenticate" in reply.headers) == (status == 401)
    assert ("retry-after" in reply.headers) == (status == 503)


@pytest.mark.parametrize("kind", ["NoSuchProject", "Unauthenticated", "BadUpload"])
def test_people_get_a_page(url: str, kind: str) -> None:
    """A browser gets the same sentence as text that can be read, and no markup of a stranger's."""
    reply = get(url, f"/fail/{kind}", BROWSER)

    assert reply.headers["content-type"] == "text/html; charset=utf-8"
    assert reply.headers["content-security-policy"]
    assert "größer".encode() in reply.body
    assert b"<file>" not in reply.body
    assert reply.reason.startswith("the <file>")


def test_head_has_no_body(url: str) -> None:
    """An error answers HEAD as it would GET, less the body."""
    with Talk(url) as talk:
        talk.send("HEAD /fail/NotFound HTTP/1.1\r\nHost: x\r\n\r\n")
        reply = talk.reply("HEAD")
        talk.send("GET /fail/NotFound HTTP/1.1\r\nHost: x\r\n\r\n")
        assert int(reply.headers["content-length"]) == len(talk.reply().body)


def test_bug_tells_nothing(url: str, caplog: pytest.LogCaptureFixture) -> None:
    """A failure that nobody foresaw is a problem like any other, without a word of its inside."""
    for accept in ("*/*", BROWSER):
        reply = get(url, "/bug", accept)
        assert reply.status == 500
        assert b"Traceback" not in reply.body
        assert b"secret" not in reply.body
        assert b"ZeroDivision" not in reply.body
    assert get(url, "/bug").headers["content-type"] == "application/problem+json"
    assert "ZeroDivisionError" in caplog.text  # the operator is told


def test_late_bug_cuts_off(url: str) -> None:
    """A failure in the middle of an answer ends it without completing it."""
    with Talk(url) as talk:
        talk.send("GET /late-bug HTTP/1.1\r\nHost: x\r\n\r\n")
        with pytest.raises(IncompleteRead):
            talk.reply()


@pytest.mark.parametrize(
    ("path", "method", "status"),
    [
        ("/nowhere", "GET", 404),
        ("/nowhere/", "GET", 404),
        ("/legacy/", "GET", 405),
        ("/simple/x/", "DELETE", 405),
        ("/packages/x", "PUT", 405),
        ("/-/health", "POST", 405),
        ("/-/health/", "GET", 404),
        ("/nowhere?%FF", "GET", 404),
    ],
)
def test_framework_s_refusals(server: Cloche, path: str, method: str, status: int) -> None:
    """An unknown address or method is told like every other error, and never redirected."""
    reply = server.get(path, {"Accept": "*/*"}, method)

    assert reply.status == status
    assert reply.headers["content-type"] == "application/problem+json"
    said = msgspec.json.decode(reply.body)
    assert path.partition("?")[0] in said["detail"]
    assert reply.reason == said["detail"]
    assert ("allow" in reply.headers) == (status == 405)


def test_browser_sees_why(server: Cloche) -> None:
    """A person who goes astray sees a page that says so."""
    reply = server.get("/simple/pr-nowhere/", {"Accept": BROWSER})

    assert reply.status == 404
    assert b"has no project pr-nowhere" in reply.body


@given(st.text())
def test_reason_phrase_is_one_line(sentence: str) -> None:
    """Whatever an error says, its status line is one, of bounded length (RFC 9112, section 4)."""
    line = reason_phrase(sentence)

    assert len(line) <= problems.MAX_REASON
    assert not any(byte < 0x20 or 0x7F <= byte < 0xA0 for byte in line)


@pytest.mark.parametrize(
    ("sentence", "line"),
    [
        ("plain", b"plain"),
        ("two\r\nlines\tand more", b"two lines and more"),
        ("größer", "größer".encode("latin-1")),
        ("“quoted” …", b"?quoted? ?"),
        ("\x1b[31m\x00\x9b", b"?[31m??"),
        ("x" * 500, b"x" * 400),
    ],
)
def test_reason_phrases(sentence: str, line: bytes) -> None:
    """A reason phrase keeps what a status line can carry."""
    assert reason_phrase(sentence) == line
