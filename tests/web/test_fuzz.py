"""Bytes that nobody would send never get the better of the server."""

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.packages import wheel
from tests.server import Cloche
from tests.web.forms import Part, encode, headers, parts, post
from tests.web.talk import Talk
from tests.web.tokens import basic

steady = settings(
    max_examples=250,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
KNOWN = [
    *("Accept", "Accept-Encoding", "Authorization", "If-None-Match", "If-Range", "Range", "Host"),
    *("Content-Length", "Content-Type", "Transfer-Encoding", "Expect", "Connection", "User-Agent"),
    *("X-Forwarded-For", "Forwarded", "Upgrade", "Cookie"),
]
PIECES = [
    *("/", "simple", "+simple", "packages", "legacy", "project", "main", "team", "dev", "closed"),
    *("-", "health", "metrics", "pypi", "..", ".", "%2F", "%00", "%FF", "%2e%2e", "%0d%0a", "%"),
    *("fu-page", "0" * 64, "a-1.0.zip", ".metadata", "?", "#", "&", "=", "format", "//", "\\", ":"),
    *("é", "[", "]", "@", "{}", "'", '"', "<", ";", "%c3%a9", "x" * 300),
]
VALUES = [
    *(
        "*/*",
        "*",
        "0",
        "-1",
        "bytes=0-",
        "bytes=5-2",
        '"',
        "W/",
        "chunked",
        "100-continue",
        "close",
    ),
    *("Basic", "Bearer", "Basic Og==", "gzip;q=nan", ",,,", ";;;", "\xff", "\t", "application/"),
    *("multipart/form-data; boundary=x", "9" * 40, "x" * 3000, "close, close", "h2c"),
]
paths = st.lists(st.sampled_from(PIECES) | st.text(max_size=3), max_size=8).map("".join)
values = st.lists(st.sampled_from(VALUES) | st.text(max_size=5), max_size=4).map("".join)
names = st.sampled_from(KNOWN) | st.text(max_size=8)
heads = st.builds(
    lambda method, path, said: (method, path, said),
    st.sampled_from(["GET", "HEAD", "POST", "PUT", "OPTIONS", "BREW", "get", ""]),
    paths,
    st.lists(st.tuples(names, values), max_size=6),
)


def exchange(server: Cloche, request: bytes) -> int | None:
    """The status of the first answer; None when the server hung up without one."""
    with Talk(server.url) as talk:
        talk.send(request)
        talk.socket.shutdown(1)  # nothing more comes: a body that is awaited has ended
        try:
            return talk.reply("HEAD").status
        except (EOFError, ConnectionError):
            return None


def alive(server: Cloche) -> bool:
    return server.get("/-/health").status == 200


@steady
@given(heads)
def test_any_head(server: Cloche, head: tuple[str, str, list[tuple[str, str]]]) -> None:
    """No request line and no header makes the server fail, or die."""
    method, path, said = head
    lines = [f"{method} /{path} HTTP/1.1", *(f"{name}: {value}" for name, value in said), "", ""]
    status = exchange(server, "\r\n".join(lines).encode("utf-8", "surrogateescape"))

    assert status is None or status < 500
    assert alive(server)


@steady
@given(st.binary(max_size=200) | st.binary(max_size=100).map(lambda raw: b"GET /" + raw))
def test_any_bytes(server: Cloche, raw: bytes) -> None:
    """No bytes at all make the server fail, or die."""
    status = exchange(server, raw + b"\r\n\r\n")

    assert status is None or status < 500
    assert alive(server)


FORM = encode(parts(wheel("fu-form", "1.0")))
mutations = st.lists(
    st.tuples(st.integers(0, len(FORM)), st.integers(0, 20), st.binary(max_size=8)), max_size=4
)


@steady
@given(mutations)
def test_any_form(server: Cloche, token: str, changes: list[tuple[int, int, bytes]]) -> None:
    """An upload that was damaged anywhere is refused as the client's mistake, if it is noticed."""
    body = FORM
    for at, removed, added in changes:
        body = body[:at] + added + body[at + removed :]

    assert post(server.url, "/legacy/", body, headers(token)).status in {200, 400, 409, 413}


fields = st.text(st.characters(exclude_categories=["Cs"], exclude_characters='"\r\n'), max_size=20)


@steady
@given(st.lists(st.builds(Part, fields, st.binary(max_size=30), st.none() | fields), max_size=6))
def test_any_parts(server: Cloche, token: str, form: list[Part]) -> None:
    """Whatever a form's parts are called, and hold, the client is told what is wrong with it."""
    claims = [Part(":action", b"file_upload"), Part("content", b"x", "fu-1.0.zip")]
    for said in (form, [*form, *claims]):
        assert post(server.url, "/legacy/", encode(said), headers(token)).status in {400, 413}


@steady
@given(st.text(st.characters(max_codepoint=255, exclude_characters="\r\n\x00"), max_size=60))
def test_any_credentials(server: Cloche, raw: str) -> None:
    """Whatever is sent as credentials opens no closed door, and breaks none."""
    for said in ({"Authorization": raw}, basic(raw), {"Authorization": f"Bearer {raw}"}):
        lines = "".join(f"{name}: {value}\r\n" for name, value in said.items())
        asked = f"GET /closed/simple/ HTTP/1.1\r\nHost: x\r\n{lines}\r\n"
        assert exchange(server, asked.encode("latin-1")) in {400, 401}
