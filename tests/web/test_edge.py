"""What is answered at the edge is what the application would have said."""

import msgspec
import pytest

from tests.packages import Built, wheel
from tests.server import Cloche
from tests.upstream.controller import Upstream
from tests.waiting import until
from tests.web.forms import upload
from tests.web.talk import Talk, ask
from tests.web.tokens import basic

JSON = "application/vnd.pypi.simple.v1+json"
PIP = f"{JSON}, application/vnd.pypi.simple.v1+html; q=0.1, text/html; q=0.01"


@pytest.fixture(scope="module")
def built(server: Cloche, token: str) -> Built:
    built = wheel("ed-page", "1.0")
    assert upload(server.url, built, token).status == 200
    return built


def asked(*lines: str, path: str = "/simple/ed-page/", method: str = "GET") -> str:
    return "\r\n".join([f"{method} {path} HTTP/1.1", "Host: x", *lines, "", ""])


def facts(server: Cloche, request: str, method: str) -> tuple[object, ...]:
    reply = ask(server.url, request, method)
    said = sorted((k.lower(), v) for k, v in reply.headers.items() if k.lower() != "date")
    return reply.status, reply.reason, said, reply.body


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize(
    "lines",
    [
        (),
        (f"Accept: {JSON}",),
        (f"Accept: {PIP}", "Accept-Encoding: gzip, deflate"),
        (f"Accept: {PIP}", "Accept-Encoding: zstd"),
        ("Accept: text/html;q=0.1", f"Accept: {JSON}"),
        (f"Accept: {JSON};q=0.1", "Accept: text/html"),
        ("Accept-Encoding: gzip;q=0.1", "Accept-Encoding: zstd"),
        ("Accept-Encoding: zstd", "Accept-Encoding: gzip;q=0.1"),
        ("If-None-Match: *",),
        ('If-None-Match: "a"', "If-None-Match: *"),
        ("If-None-Match: *", 'If-None-Match: "a"'),
        ('If-None-Match: "a"',),
        ("Authorization: nonsense",),
        ("Range: bytes=0-1",),
        ("Connection: close",),
        ("Content-Length: 3\r\n\r\nabc",),
    ],
)
@pytest.mark.usefixtures("built")
def test_hit_and_miss_say_the_same(server: Cloche, lines: tuple[str, ...], method: str) -> None:
    """The second and third answer, which nobody works out any more, are like the first."""
    odd = f"X-Odd: {lines}"  # nothing depends on it
    spelled = asked(*lines, path="/simple/%65d-page/", method=method)  # known by another name
    answers = [facts(server, spelled, method)]
    answers += [facts(server, asked(odd, *lines, method=method), method) for _ in range(3)]

    assert answers == [answers[0]] * 4


@pytest.mark.usefixtures("built")
def test_query_is_not_passed_over(server: Cloche) -> None:
    """A question with a query is not answered from what was known without it."""
    for _ in range(3):
        plain = server.get("/simple/ed-page/", {"Accept": "text/html"})
        wished = server.get(f"/simple/ed-page/?format={JSON}".replace("+", "%2B"))
        assert plain.headers["content-type"] != wished.headers["content-type"]


@pytest.mark.usefixtures("built")
def test_other_methods_are_not_answered(server: Cloche) -> None:
    """Only GET and HEAD are answered from what is known."""
    for _ in range(3):
        assert server.get("/simple/ed-page/").status == 200
    for method in ("POST", "PUT", "DELETE", "OPTIONS"):
        assert server.get("/simple/ed-page/", method=method).status == 405


def test_changed_page_is_never_stale(server: Cloche, token: str) -> None:
    """After an upload has answered, not one hit tells of the time before."""
    accept = {"Accept": JSON}
    with Talk(server.url) as talk:
        for number in range(1, 15):
            one = wheel("ed-changed", f"{number}.0")
            assert upload(server.url, one, token).status == 200
            for _ in range(3):
                talk.send(asked(f"Accept: {JSON}", path="/simple/ed-changed/"))
                page = msgspec.json.decode(talk.reply().body)
                assert len(page["files"]) == number
    assert len(msgspec.json.decode(server.get("/simple/ed-changed/", accept).body)["files"]) == 14


def test_upstream_s_news_end_a_hit(server: Cloche, upstream: Upstream) -> None:
    """A page of an upstream is a hit for as long as it is fresh, and then is asked for again."""
    upstream.project("ed-news", max_age=0)
    upstream.add(wheel("ed-news", "1.0"))

    def versions() -> list[str]:
        reply = server.get("/simple/ed-news/", {"Accept": JSON})
        return list(msgspec.json.decode(reply.body)["versions"])

    assert [versions() for _ in range(3)] == [["1.0"]] * 3
    upstream.add(wheel("ed-news", "2.0"))
    until(lambda: versions() == ["1.0", "2.0"])
    assert [versions() for _ in range(3)] == [["1.0", "2.0"]] * 3


def test_access_is_checked_on_hits(server: Cloche, token: str) -> None:
    """A page that is there already is given to those only who may read it."""
    assert upload(server.url, wheel("ed-closed", "1.0"), token, "/closed/legacy/").status == 200
    place = "/closed/simple/ed-closed/"
    for _ in range(4):
        assert server.get(place, basic(token)).status == 200
        assert server.get(place).status == 401
        assert server.get(place, basic(token[:-1])).status == 401


def test_the_first_credentials_count(server: Cloche, token: str) -> None:
    """Of two sets of credentials the first is taken, whether the page is there already or not."""
    assert upload(server.url, wheel("ed-twice", "1.0"), token, "/closed/legacy/").status == 200
    [right], [wrong] = basic(token).values(), basic(token[:-1]).values()
    place = "/closed/simple/ed-twice/"
    for credentials, status in (((right, wrong), 200), ((wrong, right), 401)):
        lines = [f"Authorization: {each}" for each in credentials]
        answers = [ask(server.url, asked(*lines, path=place)).status for _ in range(4)]
        assert answers == [status] * 4


def test_same_question_at_each_depth(server: Cloche, token: str) -> None:
    """A page that several addresses show links relatively to each of them."""
    assert upload(server.url, wheel("ed-depth", "1.0"), token).status == 200
    for _ in range(3):
        for root, up in (("/", 2), ("/main/", 3), ("/frozen/", 3), ("/team/dev/", 4)):
            reply = server.get(f"{root}simple/ed-depth/", {"Accept": JSON})
            [file] = msgspec.json.decode(reply.body)["files"]
            index = {"/": "main"}.get(root, root.strip("/"))
            assert file["url"].startswith("../" * up + f"packages/{index}/ed-depth/")
