"""The management API against a real server: what it changes is what everybody sees."""

import json

import pytest

from tests.packages import wheel
from tests.server import Cloche
from tests.upstream.controller import Upstream
from tests.web.answers import detail, listed
from tests.web.api.managing import ROOT, Manager, place
from tests.web.forms import upload
from tests.web.tokens import granted

JSON = {"Accept": "application/vnd.pypi.simple.v1+json"}


@pytest.fixture(scope="module")
def admin(server: Cloche) -> Manager:
    return Manager(server, granted(server.data, "admin", index="*", name="ann"))


def seen(server: Cloche, project: str, index: str = "main") -> dict[str, object]:
    """Each file of a page, and its yank."""
    reply = server.get(f"/{index}/simple/{project}/", JSON)
    assert reply.status == 200, reply
    files = json.loads(reply.body)["files"]
    return {file["filename"]: file.get("yanked", False) for file in files}


def actions(admin: Manager, project: str, index: str = "main") -> list[tuple[str, str]]:
    entries = admin.get(place(project, "journal", index=index))["entries"]
    return [(entry["who"], entry["action"]) for entry in entries]


def test_a_version_is_yanked_and_unyanked(server: Cloche, token: str, admin: Manager) -> None:
    """A yank by the API is on the page at once, in JSON and HTML; and so is its end."""
    built = wheel("ma-yank", "1.0")
    upload(server.url, built, token)
    assert seen(server, "ma-yank") == {built.filename: False}

    done = admin.do("POST", place("Ma_Yank", "versions", "v1.0", "yank"), {"reason": "bad <1>"})

    assert done == {"files": [built.filename]}
    assert seen(server, "ma-yank") == {built.filename: "bad <1>"}
    html = server.get("/simple/ma-yank/").body.decode()
    assert 'data-yanked="bad &lt;1&gt;"' in html
    assert admin.do("DELETE", place("ma-yank", "versions", "1.0", "yank")) == done
    assert seen(server, "ma-yank") == {built.filename: False}
    assert actions(admin, "ma-yank") == [
        ("tester", "file uploaded"),
        ("ann", "version yanked"),
        ("ann", "version unyanked"),
    ]


def test_a_file_is_yanked_without_a_reason(server: Cloche, token: str, admin: Manager) -> None:
    """A request without a body yanks one file, without a reason."""
    one, two = wheel("ma-file", "1.0"), wheel("ma-file", "1.0", tag="py2-none-any")
    for built in (one, two):
        upload(server.url, built, token)

    admin.do("POST", place("ma-file", "files", one.filename, "yank"))
    assert seen(server, "ma-file") == {one.filename: True, two.filename: False}

    admin.do("DELETE", place("ma-file", "files", one.filename, "yank") + "?reason=good+again")
    assert seen(server, "ma-file") == {one.filename: False, two.filename: False}
    journal = admin.get(place("ma-file", "journal"))["entries"]
    assert journal[-1]["detail"] == {"reason": "good again"}


def test_an_upstream_s_version_is_yanked_here(
    server: Cloche, upstream: Upstream, admin: Manager
) -> None:
    """An upstream's version is yanked in one index, and shown so by those that draw on it."""
    built = wheel("ma-far", "1.0")
    upstream.add(built)
    for index in ("main", "team/dev"):
        assert seen(server, "ma-far", index) == {built.filename: False}

    admin.do("POST", place("ma-far", "versions", "1.0", "yank", index="team/dev"), {"reason": "no"})
    assert seen(server, "ma-far", "team/dev") == {built.filename: "no"}
    assert seen(server, "ma-far") == {built.filename: False}

    admin.do("POST", place("ma-far", "files", built.filename, "yank"), {"reason": "main's"})
    assert seen(server, "ma-far") == {built.filename: "main's"}
    assert seen(server, "ma-far", "frozen") == {built.filename: "main's"}
    admin.do("DELETE", place("ma-far", "versions", "1.0", "yank", index="team/dev"))
    assert seen(server, "ma-far", "team/dev") == {built.filename: False}  # lifted there only
    assert actions(admin, "ma-far", "team/dev") == [
        ("ann", "version yanked"),
        ("ann", "version unyanked"),
    ]


def test_a_source_s_file_is_not_deleted(server: Cloche, upstream: Upstream, admin: Manager) -> None:
    """What an upstream has cannot be deleted here, and the refusal says what can be done."""
    built = wheel("ma-stays", "1.0")
    upstream.add(built)
    for more in ((), ("versions", "1.0"), ("files", built.filename)):
        reply = admin.ask("DELETE", place("ma-stays", *more))
        assert reply.status == 404
        assert "can be yanked or quarantined here" in detail(reply)
    assert seen(server, "ma-stays") == {built.filename: False}


def test_deleting_file_version_project(
    server: Cloche, upstream: Upstream, token: str, admin: Manager
) -> None:
    """File by file, a project goes; then its name is nobody else's, and its names stay taken."""
    built = [wheel("ma-gone", version) for version in ("1.0", "2.0", "3.0")]
    for one in built:
        upload(server.url, one, token)
    upstream.add(wheel("ma-gone", "9.0"))
    names = [one.filename for one in built]

    assert admin.do("DELETE", place("ma-gone", "files", names[0])) == {"files": names[:1]}
    assert listed(server, "ma-gone") == names[1:]
    assert admin.do("DELETE", place("ma-gone", "versions", "2.0")) == {"files": names[1:2]}
    assert listed(server, "ma-gone") == names[2:]
    assert admin.do("DELETE", place("ma-gone") + "?reason=leaked") == {"files": names[2:]}

    for path in ("/simple/ma-gone/", f"/packages/main/ma-gone/{built[2].sha256}/{names[2]}"):
        reply = server.get(path)
        assert reply.status == 404
        assert "ma-gone were deleted from index main" in detail(reply)
    assert "ma-gone" not in server.get("/simple/").body.decode()
    other = upload(server.url, wheel("ma-gone", "1.0", body=b"x = 1"), token)
    assert (other.status, detail(other)[:19]) == (409, "File already exists")
    assert upload(server.url, wheel("ma-gone", "4.0"), token).status == 200
    assert admin.get(place("ma-gone", "journal"))["entries"][5]["detail"]["reason"] == "leaked"


def test_status(server: Cloche, token: str, admin: Manager) -> None:
    """A status is on the page at once, and an archived project takes no uploads."""
    upload(server.url, wheel("ma-old", "1.0"), token)
    assert admin.get(place("ma-old", "status")) == {"status": "active", "reason": None}

    wanted = {"status": "archived", "reason": "use ma-new"}
    assert admin.do("PUT", place("ma-old", "status"), wanted) == wanted

    page = json.loads(server.get("/simple/ma-old/", JSON).body)
    assert page["project-status"] == wanted
    assert admin.get(place("ma-old", "status")) == wanted
    assert "use ma-new" in server.get("/project/ma-old/", {"Accept": "text/html"}).body.decode()
    refused = upload(server.url, wheel("ma-old", "2.0"), token)
    assert refused.status == 403
    assert "ma-old is archived in index main (use ma-new)" in detail(refused)
    assert upload(server.url, wheel("ma-old", "1.0"), token).status == 200

    assert admin.ask("DELETE", place("ma-old", "status")).status == 204
    assert admin.get(place("ma-old", "status")) == {"status": "active", "reason": None}
    assert upload(server.url, wheel("ma-old", "2.0"), token).status == 200


@pytest.mark.parametrize("hosted", [True, False])
def test_quarantine(
    server: Cloche, upstream: Upstream, token: str, admin: Manager, *, hosted: bool
) -> None:
    """A quarantined project offers no files, and serves none by their URLs, kept or not."""
    project = f"ma-ill-{hosted}".lower()
    built = wheel(project, "1.0")
    if hosted:
        upload(server.url, built, token)
    else:
        upstream.add(built)
    path = f"/packages/main/{project}/{built.sha256}/{built.filename}"
    assert listed(server, project) == [built.filename]
    assert server.get(path).body == built.content

    admin.do("PUT", place(project, "status"), {"status": "quarantined", "reason": "malware"})

    assert listed(server, project) == []
    assert "quarantined" in server.get(f"/simple/{project}/").body.decode()
    for each in (path, f"{path}.metadata"):
        reply = server.get(each)
        assert reply.status == 403
        assert f"{project} is quarantined (malware)" in detail(reply)
    assert upload(server.url, wheel(project, "2.0"), token).status == 403
    admin.do("PUT", place(project, "status"), {"status": "active"})
    assert server.get(path).body == built.content


def test_the_journal_is_paged(server: Cloche, token: str, admin: Manager) -> None:
    """The journal comes in pages, each naming the next, and the last one none."""
    for version in ("1", "2", "3"):
        upload(server.url, wheel("ma-log", version), token)
    path = place("ma-log", "journal")

    first = admin.get(f"{path}?limit=2")
    second = admin.get(f"{path}?limit=2&since={first['next']}")

    assert [entry["version"] for entry in first["entries"]] == ["1", "2"]
    assert [entry["version"] for entry in second["entries"]] == ["3"]
    assert second["next"] is None
    assert admin.get(f"{path}?limit=3")["next"] is None


def test_a_project_as_the_index_shows_it(
    server: Cloche, upstream: Upstream, token: str, admin: Manager
) -> None:
    """What is told of a project is what its page shows, and whether it can be deleted here."""
    built = wheel("ma-told", "1.0")
    upload(server.url, built, token)
    upstream.add(wheel("ma-told-far", "1.0"))

    found = admin.get(place("ma-told"))

    (file,) = found.pop("files")
    assert found == {"name": "ma-told", "hosted": True, "status": "active", "status_reason": None}
    assert (file["version"], file["sha256"], file["size"]) == ("1.0", built.sha256, built.size)
    assert (file["yanked"], file["yanked_reason"]) == (False, None)
    assert not admin.get(place("ma-told", index="team/dev"))["hosted"]
    assert not admin.get(place("ma-told-far"))["hosted"]


def test_a_method_that_is_not_possible(admin: Manager) -> None:
    """The refusal names all methods that are."""
    for more, allowed in (((), "DELETE, GET"), (("status",), "DELETE, GET, PUT")):
        reply = admin.ask("PATCH", place("ma-x", *more))
        assert (reply.status, reply.headers["allow"]) == (405, allowed)


REQUESTS = [
    ("GET", ()),
    ("DELETE", ()),
    ("GET", ("status",)),
    ("PUT", ("status",)),
    ("DELETE", ("status",)),
    ("POST", ("versions", "1.0", "yank")),
    ("DELETE", ("versions", "1.0", "yank")),
    ("DELETE", ("versions", "1.0")),
    ("POST", ("files", "ma_safe-1.0-py3-none-any.whl", "yank")),
    ("DELETE", ("files", "ma_safe-1.0-py3-none-any.whl", "yank")),
    ("DELETE", ("files", "ma_safe-1.0-py3-none-any.whl")),
    ("GET", ("journal",)),
]


@pytest.mark.parametrize(("method", "more"), REQUESTS)
def test_only_an_index_s_admin_may(
    server: Cloche, token: str, method: str, more: tuple[str, ...]
) -> None:
    """Nobody, readers and uploaders, and another index's admin are refused, and nothing is done."""
    upload(server.url, wheel("ma-safe", "1.0"), token)
    said = {"status": "archived"} if method == "PUT" else None
    elsewhere = granted(server.data, "admin", index="team/dev")
    for secret, status in ((None, 401), ("cloche_x_y", 401), (token, 403), (elsewhere, 403)):
        for index in ("main", "no-such-index"):
            reply = Manager(server, secret).ask(method, place("ma-safe", *more, index=index), said)
            assert reply.status == status
            assert "cloche token create" in detail(reply)
            assert ("www-authenticate" in reply.headers) == (status == 401)
    assert seen(server, "ma-safe") == {"ma_safe-1.0-py3-none-any.whl": False}


def test_what_may_not_be_read_is_not_told(server: Cloche, token: str) -> None:
    """An admin of an index over a closed one must be able to read that, to manage it."""
    upload(server.url, wheel("ma-secret", "1.0"), token, path="/closed/legacy/")
    half = Manager(server, granted(server.data, "admin", index="nested"))

    for method, more in REQUESTS:
        said = {"status": "active"} if method == "PUT" else None
        reply = half.ask(method, place("ma-secret", *more, index="nested"), said)
        assert reply.status == 403
        assert "--index closed" in detail(reply)


@pytest.mark.parametrize(
    ("method", "path", "said", "status", "words"),
    [
        ("GET", place("ma-nobody"), None, 404, "no project ma-nobody"),
        ("GET", place("x", index="nowhere"), None, 404, "no index 'nowhere'"),
        ("GET", place("-bad-"), None, 400, "not a project name"),
        ("POST", place("ma-x", "versions", "one", "yank"), None, 400, "not a version"),
        ("POST", place("ma-x", "files", "a\\b", "yank"), None, 400, "cannot be a filename"),
        ("DELETE", place("ma-x", "versions", "1.0"), None, 404, "uploaded to index main"),
        ("PUT", place("ma-x", "status"), {"status": "gone"}, 400, "body.status"),
        ("PUT", place("ma-x", "status"), {}, 400, "body.status"),
        ("PUT", place("ma-x", "status"), {"status": "active", "why": 1}, 400, "body.why"),
        ("PUT", place("ma-x", "status"), {"status": "active", "reason": "a\nb"}, 400, "one line"),
        ("PUT", place("ma-x", "status"), {"status": "active", "reason": "\ud800"}, 400, "reason"),
        ("PUT", place("ma-x", "status"), {"status": "active", "\ud800": 1}, 400, "unicode"),
        ("PUT", place("ma-x", "status"), {"status": "active", "x" * 9000: 1}, 400, "Extra inputs"),
        ("PUT", place("ma-x", "status"), None, 400, "body"),
        ("PUT", place("ma-x", "status"), "x" * 70_000, 413, "65536 bytes"),
        ("GET", place("ma-x", "journal") + "?limit=0", None, 400, "query.limit"),
        ("GET", place("ma-x", "journal") + f"?since={2**63}", None, 400, "query.since"),
        ("GET", ROOT, None, 404, "nothing is at"),
        ("PATCH", place("ma-x"), None, 405, "not possible"),
    ],
)
def test_what_is_refused(
    server: Cloche, method: str, path: str, said: object, status: int, words: str
) -> None:
    """A wrong request is answered with the same problem details as everywhere."""
    admin = Manager(server, granted(server.data, "admin", index="*"))
    reply = admin.ask(method, path, said)
    assert reply.status == status
    assert words in detail(reply)
