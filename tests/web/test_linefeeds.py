"""Forms as distutils writes them, whose lines end in LF alone."""

from hypothesis import example, given
from hypothesis import strategies as st

from cloche.web.linefeeds import Linefeeds, ends_lines_so
from tests.packages import wheel
from tests.server import Cloche
from tests.web.answers import listed
from tests.web.forms import BOUNDARY, Part, encode, headers, parts, post

contents = st.lists(st.binary(max_size=60), min_size=1, max_size=4)


def old(form: list[Part], *, last_newline: bool = True) -> bytes:
    """Write a form as distutils' register does."""
    out = b""
    for part in form:
        head, _, content = part.encode().partition(b"\r\n\r\n")
        out += f"\n--{BOUNDARY}\n".encode() + head + b"\n\n" + content.removesuffix(b"\r\n")
    return out + f"\n--{BOUNDARY}--".encode() + b"\n" * last_newline


@given(contents, st.integers(1, 50))
@example([b"", b"\n", b"\r", b"\r\n", b"\n--", b"\n\n"], 1)
def test_contents_pass_unchanged(values: list[bytes], step: int) -> None:
    """Whatever a form contains, and wherever it is cut, only its own line ends change."""
    form = [Part(f"p{at}", value) for at, value in enumerate(values)]
    body = old(form)
    lines = Linefeeds(BOUNDARY.encode())

    passed = b"".join(lines.feed(body[at : at + step]) for at in range(0, len(body), step))

    assert (passed + lines.end()).lstrip() == encode(form)
    assert ends_lines_so(body, BOUNDARY.encode())
    assert not ends_lines_so(encode(form), BOUNDARY.encode())


def test_old_form_uploads(server: Cloche, token: str) -> None:
    """A file arrives whole in a form whose lines end in LF alone."""
    built = wheel("lf-whole", "1.0", body=b"a = '\\r'\r\nb = 1\n\r\n", size=200_000)

    reply = post(server.url, "/legacy/", old(parts(built)), headers(token))

    assert reply.status == 200, reply.body
    place = f"/packages/main/lf-whole/{built.sha256}/{built.filename}"
    assert server.get(place).body == built.content


def test_old_form_without_its_last_newline(server: Cloche, token: str) -> None:
    """The last delimiter may be the body's end."""
    built = wheel("lf-last", "1.0")

    body = old(parts(built), last_newline=False)
    assert post(server.url, "/legacy/", body, headers(token)).status == 200
    assert listed(server, "lf-last") == [built.filename]


def test_old_form_that_breaks_off(server: Cloche, token: str) -> None:
    """A form of either kind that breaks off publishes nothing."""
    body = old(parts(wheel("lf-broken", "1.0")))
    cuts = [body[: len(body) * share // 10] for share in range(1, 10)]

    statuses = {post(server.url, "/legacy/", cut, headers(token)).status for cut in cuts}

    assert statuses == {400}
    assert listed(server, "lf-broken") == []


def test_endless_header_in_an_old_form(server: Cloche, token: str) -> None:
    """A header inside the form that never ends is refused."""
    body = f"--{BOUNDARY}\nX: ".encode() + b"x" * 100_000

    assert post(server.url, "/legacy/", body, headers(token)).status == 413
