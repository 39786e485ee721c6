"""`POST /requirements.txt`: pypicache's answer, from a real server before a fake upstream."""

from pathlib import Path
from typing import Any

import msgspec
import pytest

from cloche.web.requirements import MAX_BODY, MAX_REQUIREMENTS
from tests.packages import sdist, wheel
from tests.server import Cloche, Reply
from tests.upstream import kinds
from tests.upstream.controller import Upstream
from tests.web.answers import detail
from tests.web.forms import Part, encode, headers, post
from tests.web.tokens import basic, granted

PATH = "/requirements.txt"


def sent(server: Cloche, text: str, path: str = PATH, secret: str | None = None) -> Reply:
    """The list as `curl -F requirements=@-` sends it."""
    form = encode([Part("requirements", text.encode(), "-")])
    return post(server.url, path, form, headers(secret))


def answer(reply: Reply) -> dict[str, Any]:
    assert reply.status == 200, reply
    assert reply.headers["content-type"] == "application/json"
    said: dict[str, Any] = msgspec.json.decode(reply.body)
    return said


def test_the_three_lists(server: Cloche, upstream: Upstream) -> None:
    """Files that are kept, lines that cannot be read, lines that failed, and the reasons."""
    files = [wheel("reqs-a", "1.0"), sdist("reqs-a", "1.0"), wheel("reqs-b", "2.0")]
    for built in files:
        upstream.add(built)
    lines = "Reqs_A==1.0\n# a comment\n\nreqs-b==2.0\nreqs-none==1\nnot a line\nreqs-b==9\n"

    said = answer(sent(server, lines))

    assert sorted(said["cached"]) == sorted(built.filename for built in files)
    assert said["unparseable"] == ["not a line"]
    assert sorted(said["failed"]) == ["reqs-b==9", "reqs-none==1"]
    assert said["reasons"].keys() == {"not a line", "reqs-b==9", "reqs-none==1"}
    assert said["reasons"]["reqs-none==1"] == "index main has no project reqs-none"


def test_what_was_brought_outlives_the_upstream(server: Cloche, upstream: Upstream) -> None:
    """A file of the list is served from here when the upstream has gone."""
    built = wheel("reqs-kept", "1.0")
    upstream.add(built)
    page = "/simple/reqs-kept/"

    first = answer(sent(server, "reqs-kept==1.0"))
    with upstream.down():
        again = answer(sent(server, "reqs-kept==1.0"))
        url = f"/packages/main/reqs-kept/{built.sha256}/{built.filename}"
        file, beside = server.get(url), server.get(f"{url}.metadata")
        shown = server.get(page)

    assert (
        first
        == again
        == {"cached": [built.filename], "unparseable": [], "failed": [], "reasons": {}}
    )
    assert (file.status, file.body) == (200, built.content)
    assert (beside.status, beside.body) == (200, built.metadata)
    assert built.filename.encode() in shown.body


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", None])
def test_a_plain_body(server: Cloche, upstream: Upstream, kind: str | None) -> None:
    """The list may also be the whole body, as --data-binary sends it."""
    name = f"reqs-plain-{len(kind or '')}"
    upstream.add(wheel(name, "1.0"))
    said = {"Content-Type": kind} if kind else {}

    reply = post(server.url, PATH, f"{name}==1.0\n".encode(), said)

    assert len(answer(reply)["cached"]) == 1


def test_platforms(server: Cloche, upstream: Upstream) -> None:
    """`?platform=` and `?python=` choose the wheels; else it is those that run here."""
    mac = wheel("reqs-mac", "1.0", tag="cp312-cp312-macosx_11_0_arm64")
    windows = wheel("reqs-mac", "1.0", tag="cp312-cp312-win_amd64")
    pure = sdist("reqs-mac", "1.0")
    for built in (mac, windows, pure):
        upstream.add(built)
    wish = f"{PATH}?platform=macosx_14_0_arm64&python=3.12"

    here = answer(sent(server, "reqs-mac==1.0"))
    there = answer(sent(server, "reqs-mac==1.0", wish))

    assert here["cached"] == [pure.filename]
    assert sorted(there["cached"]) == sorted([mac.filename, pure.filename])


def test_another_index(server: Cloche, upstream: Upstream) -> None:
    """Each index has the address, and brings what itself would show."""
    upstream.add(wheel("reqs-team", "1.0"))

    assert len(answer(sent(server, "reqs-team==1.0", f"/team/dev{PATH}"))["cached"]) == 1
    closed = sent(
        server, "reqs-team==1.0", f"/closed{PATH}", granted(server.data, "read", index="*")
    )
    assert answer(closed)["failed"] == ["reqs-team==1.0"]


def test_rights(server: Cloche, data: Path) -> None:
    """Who may not read an index cannot have it bring anything, nor learn what it has."""
    nobody = sent(server, "x==1", f"/closed{PATH}")
    stranger = sent(server, "x==1", f"/named{PATH}", granted(data, "read", index="named"))
    forged = post(server.url, f"/closed{PATH}", b"x==1", basic("cloche_no_such"))

    assert [nobody.status, stranger.status, forged.status] == [401, 403, 401]


@pytest.mark.parametrize("line", ["-r other.txt", "--requirement /etc/passwd", "-c c.txt"])
def test_files_of_the_server_are_not_read(server: Cloche, line: str) -> None:
    """-r and -c name files that are not here: they are lines that cannot be read."""
    said = answer(sent(server, line))

    assert [each.split()[1] for each in said["unparseable"]] == [line.split()[1]]
    assert "cannot be read from here" in next(iter(said["reasons"].values()))


@pytest.mark.parametrize("line", ["x @ {url}/files/x-1.0.zip", "git+{url}/x.git", "-e {url}/x"])
def test_addresses_lead_nowhere(server: Cloche, upstream: Upstream, line: str) -> None:
    """No address in a list is asked for anything."""
    said = answer(sent(server, line.format(url=upstream.url) + f"\n-i {upstream.url}/evil/\n"))

    assert len(said["unparseable"]) == 1
    for path in ("/evil/", "/x", "/files/x", "/simple/x/"):
        assert upstream.requests(path) == []


def test_variables_are_nobodys(server: Cloche) -> None:
    """Variables of the server's environment are not told to whoever sends a list."""
    said = answer(sent(server, "x==${HOME}"))

    assert said["unparseable"] == ["x==${HOME}"]


@pytest.mark.parametrize(
    ("form", "why"),
    [
        ([Part("other", b"x==1", "-")], "no part requirements"),
        ([], "form"),
    ],
)
def test_no_list(server: Cloche, form: list[Part], why: str) -> None:
    """A form without the list is 400, in problem details and in pypicache's words for it."""
    reply = post(server.url, PATH, encode(form), headers())
    said = msgspec.json.decode(reply.body)

    assert reply.status == 400
    assert said["error"] is True
    assert said["message"] == said["detail"]
    assert why in said["detail"]


@pytest.mark.parametrize("query", ["platform=linux", "python=three"])
def test_nonsense(server: Cloche, query: str) -> None:
    """A platform or Python that is none is 400, with what would be one."""
    reply = sent(server, "x==1", f"{PATH}?{query}")

    assert reply.status == 400
    assert "give one such as" in detail(reply)


def test_bounds(server: Cloche) -> None:
    """A list of too many requirements or bytes is refused before anything is brought."""
    many = sent(server, "x==1\n" * (MAX_REQUIREMENTS + 1))
    large = sent(server, "#" * (MAX_BODY + 1))

    assert [many.status, large.status] == [413, 413]
    assert "split it" in detail(many)


def test_a_list_that_is_no_text(server: Cloche) -> None:
    """Bytes that are no text are 400."""
    reply = post(server.url, PATH, b"\x93\x94", {})

    assert reply.status == 400
    assert "save it as UTF-8" in detail(reply)


def test_an_upstream_that_fails(server: Cloche, upstream: Upstream) -> None:
    """What the upstream does not give fails by its line, and is 200 all the same."""
    built = wheel("reqs-broken", "1.0")
    upstream.add(built)
    upstream.misbehave(upstream.file(built), kinds.WrongBytes())

    said = answer(sent(server, "reqs-broken==1.0"))

    assert (said["cached"], said["failed"]) == ([], ["reqs-broken==1.0"])
    assert "differs" in said["reasons"]["reqs-broken==1.0"]
