"""`/as-of/`: an index as it was, over a real server and an upstream that changes."""

import json
from datetime import UTC, datetime, timedelta
from urllib.parse import urljoin

import pytest

from tests.packages import Built, sdist, wheel
from tests.server import Cloche, Reply
from tests.upstream.controller import Upstream
from tests.waiting import until
from tests.web.api.managing import Manager, place
from tests.web.forms import upload
from tests.web.tokens import bearer, granted

JSON = {"Accept": "application/vnd.pypi.simple.v1+json"}
FOR_A_YEAR = "public, max-age=31536000, immutable"


@pytest.fixture(scope="module")
def admin(server: Cloche) -> Manager:
    return Manager(server, granted(server.data, "admin", index="*", name="ann"))


def ask(server: Cloche, when: object, project: str, index: str = "") -> Reply:
    return server.get(f"{index}/as-of/{when}/simple/{project}/", JSON)


def names(reply: Reply) -> list[str]:
    assert reply.status == 200, reply
    return [file["filename"] for file in json.loads(reply.body)["files"]]


def now(server: Cloche, project: str, *listed: Built) -> int:
    """The serial of the project's last change, having looked at it.

    With `listed`, once its page is of these files: a look under way may be from before a change.
    """

    def look() -> Reply:
        return server.get(f"/simple/{project}/", JSON)

    if listed:
        until(lambda: names(look()) == [each.filename for each in listed])
    reply = look()
    assert reply.status == 200, reply
    return int(reply.headers["x-pypi-last-serial"])


def addresses(server: Cloche, when: object, project: str) -> dict[str, str]:
    page = f"/as-of/{when}/simple/{project}/"
    files = json.loads(server.get(page, JSON).body)["files"]
    return {file["filename"]: urljoin(page, file["url"]) for file in files}


def test_uploads_yanks_and_deletions(server: Cloche, token: str, admin: Manager) -> None:
    """Of each serial the page has the uploads, and the yanks, of its time."""
    one, two = wheel("past-own", "1.0"), wheel("past-own", "2.0")
    said: dict[int, Reply] = {}

    def note() -> None:
        said[now(server, "past-own")] = server.get("/simple/past-own/", JSON)

    upload(server.url, one, token)
    note()
    upload(server.url, two, token)
    note()
    admin.do("POST", place("past-own", "versions", "1.0", "yank"), {"reason": "bad"})
    note()
    admin.do("DELETE", place("past-own", "versions", "1.0"))
    note()
    admin.do("PUT", place("past-own", "status"), {"status": "deprecated", "reason": "old"})
    note()

    first = min(said)
    assert len(said) == 5
    for serial, reply in said.items():
        past = ask(server, serial, "past-own")
        then, here = json.loads(past.body), json.loads(reply.body)
        for page in (then, here):
            for file in page["files"]:
                file["url"] = file["url"].rpartition("packages/")[2].removeprefix("main/")
        assert then == here
        assert past.headers["x-pypi-last-serial"] == str(serial)
        assert past.headers["cache-control"] == FOR_A_YEAR
    assert ask(server, first - 1, "past-own").status == 404


def test_an_upstream_as_it_was_seen(server: Cloche, upstream: Upstream) -> None:
    """An upstream's pages are those that were seen last; it is asked for none of them."""
    one, two = wheel("past-seen", "1.0"), wheel("past-seen", "2.0")
    upstream.project("past-seen", max_age=0)
    upstream.add(one)
    first = now(server, "past-seen")
    upstream.add(two)
    second = now(server, "past-seen", one, two)
    upstream.remove(one)
    upstream.add(two, yanked="broken")
    third = now(server, "past-seen", two)
    upstream.remove_project("past-seen")
    until(lambda: server.get("/simple/past-seen/").status == 404)
    upstream.forget()

    pages = [ask(server, serial, "past-seen") for serial in (first, second, third)]

    assert [names(page) for page in pages] == [
        [one.filename], [one.filename, two.filename], [two.filename],
    ]  # fmt: skip
    yanked = [json.loads(page.body)["files"][-1].get("yanked") for page in pages]
    assert yanked == [None, None, "broken"]
    assert ask(server, third + 1, "past-seen").status == 404
    assert upstream.requests("/simple/past-seen/") == []


def test_a_file_that_is_there_no_more(server: Cloche, upstream: Upstream) -> None:
    """A file and its metadata are served from a past page as long as their bytes are kept."""
    built = wheel("past-file", "1.0")
    upstream.project("past-file", max_age=0)
    upstream.add(built)
    serial = now(server, "past-file")
    url = addresses(server, serial, "past-file")[built.filename]
    assert url == f"/as-of/{serial}/packages/past-file/{built.sha256}/{built.filename}"
    assert server.get(url).body == built.content
    assert server.get(f"{url}.metadata").body == built.metadata
    upstream.remove(built)
    newer = wheel("past-file", "2.0")
    upstream.add(newer)
    later = now(server, "past-file", newer)

    reply = server.get(url)

    assert reply.body == built.content
    assert "immutable" in reply.headers["cache-control"]
    assert server.get(f"{url}.metadata").body == built.metadata
    assert built.filename not in names(ask(server, later, "past-file"))


def test_a_file_that_came_later(server: Cloche, upstream: Upstream) -> None:
    """A past page's address for a file that it does not list leads nowhere."""
    one, two = wheel("past-later", "1.0"), wheel("past-later", "2.0")
    upstream.project("past-later", max_age=0)
    upstream.add(one)
    first = now(server, "past-later")
    upstream.add(two)
    second = now(server, "past-later", one, two)

    url = addresses(server, second, "past-later")[two.filename]
    assert server.get(url).status == 200
    assert server.get(url.replace(f"/{second}/", f"/{first}/")).status == 404


def test_bytes_that_are_gone(server: Cloche, upstream: Upstream) -> None:
    """A file that is neither kept nor the upstream's any more is 404, and says why."""
    built = wheel("past-bytes", "1.0")
    upstream.project("past-bytes", max_age=0)
    upstream.add(built)
    serial = now(server, "past-bytes")
    upstream.remove(built)
    url = addresses(server, serial, "past-bytes")[built.filename]

    reply = server.get(url)

    assert reply.status == 404
    assert "snapshot" in json.loads(reply.body)["detail"]


def test_before_this_server_looked(server: Cloche, upstream: Upstream) -> None:
    """Before the first look a page is worked out from upload times, and says so."""
    old, new = wheel("past-before", "1.0"), wheel("past-before", "2.0")
    doubt = sdist("past-before", "1.0")
    upstream.add(old, upload_time="2024-01-01T10:00:00Z")
    upstream.add(new, upload_time="2024-06-01T10:00:00Z")
    upstream.add(doubt, upload_time=None)
    serial = now(server, "past-before")

    page = ask(server, "2024-03-01", "past-before")
    html = server.get("/as-of/2024-03-01/simple/past-before/")

    assert names(page) == [old.filename]
    assert json.loads(page.body)["versions"] == ["1.0"]
    assert json.loads(page.body)["meta"]["_reconstructed"] is True
    assert '<meta name="cloche:reconstructed" content="true">' in html.body.decode()
    assert page.headers["x-cloche-reconstructed"] == "true"
    assert page.headers["cache-control"] == FOR_A_YEAR
    assert names(ask(server, "2024-01-01T10:00:00Z", "past-before")) == [old.filename]
    assert names(ask(server, "2024-06-02", "past-before")) == [old.filename, new.filename]

    seen = ask(server, serial, "past-before")
    assert "_reconstructed" not in json.loads(seen.body)["meta"]
    assert seen.headers["x-cloche-reconstructed"] is None
    assert len(names(seen)) == 3


def test_before_the_first_upload(server: Cloche, upstream: Upstream) -> None:
    """Of a time before all that an upstream has there is no page, and never an empty one."""
    upstream.add(wheel("past-none", "1.0"), upload_time="2024-01-01T10:00:00Z")
    now(server, "past-none")

    assert ask(server, "2023-12-31", "past-none").status == 404


def test_an_upstream_without_times(server: Cloche, upstream: Upstream) -> None:
    """Of the time before the first look at an upstream without times nothing is told but that."""
    upstream.add(wheel("past-timeless", "1.0"), upload_time=None)
    serial = now(server, "past-timeless")

    reply = ask(server, "2025-01-01", "past-timeless")

    assert reply.status == 410
    assert "upload times" in json.loads(reply.body)["detail"]
    assert len(names(ask(server, serial, "past-timeless"))) == 1


def test_a_private_name_then_and_now(server: Cloche, token: str, upstream: Upstream) -> None:
    """Own and public files of one moment are told together, and each by its owner of then."""
    mine = wheel("past-both", "9.0")
    upstream.add(wheel("past-both", "1.0"), upload_time="2024-01-01T10:00:00Z")
    before = now(server, "past-both")
    upload(server.url, mine, token)
    after = now(server, "past-both")

    assert names(ask(server, after, "past-both")) == [mine.filename]
    assert names(ask(server, before, "past-both")) == ["past_both-1.0-py3-none-any.whl"]


def test_what_is_known_now_is_not_what_was(server: Cloche, upstream: Upstream) -> None:
    """What is found out about a file later is not on the page of before."""
    built = wheel("past-learn", "1.0")
    upstream.project("past-learn", max_age=0)
    upstream.add(built, without=("size", "hashes"), hashes={})
    before = now(server, "past-learn")
    page = ask(server, before, "past-learn")
    (url,) = addresses(server, before, "past-learn").values()
    assert server.get(url).body == built.content
    until(lambda: "size" in json.loads(server.get("/simple/past-learn/", JSON).body)["files"][0])
    after = now(server, "past-learn")

    assert json.loads(ask(server, after, "past-learn").body)["files"][0]["size"] == built.size
    again = ask(server, before, "past-learn")
    assert (again.body, again.headers["etag"]) == (page.body, page.headers["etag"])
    assert "size" not in json.loads(page.body)["files"][0]


def test_the_list_of_projects(server: Cloche, token: str, upstream: Upstream) -> None:
    """The list has what was there then: uploaded, or kept of an upstream."""
    upstream.add(wheel("past-list-a", "1.0"))
    first = now(server, "past-list-a")
    upload(server.url, wheel("past-list-b", "1.0"), token)
    second = now(server, "past-list-b")

    def listed(when: int) -> set[str]:
        reply = server.get(f"/as-of/{when}/simple/", JSON)
        assert reply.headers["cache-control"] == FOR_A_YEAR
        return {project["name"] for project in json.loads(reply.body)["projects"]}

    mine = {"past-list-a", "past-list-b"}
    assert listed(first) & mine == {"past-list-a"}
    assert listed(second) & mine == mine


@pytest.mark.parametrize("index", ["", "/main", "/team/dev", "/frozen"])
def test_every_index_has_a_past(server: Cloche, upstream: Upstream, index: str) -> None:
    """The past of an index is below its address; files are where its pages say."""
    project = "past-index" + index.replace("/", "-")
    built = wheel(project, "1.0")
    upstream.add(built)
    serial = now(server, project)
    page = f"{index}/as-of/{serial}/simple/{project}/"
    (file,) = json.loads(server.get(page, JSON).body)["files"]

    assert server.get(urljoin(page, file["url"])).body == built.content
    assert server.get(page[:-1]).headers["location"] == f"{project}/"
    assert server.get(f"{index}/as-of/{serial}/simple").headers["location"] == "simple/"
    moved = server.get(page.replace(project, project.upper()))
    assert (moved.status, moved.headers["location"]) == (301, f"../{project}/")


def test_a_past_page_is_conditional_and_packed(server: Cloche, upstream: Upstream) -> None:
    """A past page has a strong ETag for each form and encoding, and is told once."""
    upstream.add(wheel("past-etag", "1.0"))
    page = f"/as-of/{now(server, 'past-etag')}/simple/past-etag/"
    plain, packed = server.get(page, JSON), server.get(page, {**JSON, "Accept-Encoding": "gzip"})

    assert packed.headers["content-encoding"] == "gzip"
    assert plain.headers["etag"] != packed.headers["etag"]
    again = server.get(page, {**JSON, "If-None-Match": plain.headers["etag"]})
    assert (again.status, again.headers["cache-control"]) == (304, FOR_A_YEAR)


def test_moments_that_are_still_to_come(server: Cloche) -> None:
    """Of the future nothing is told: neither of an instant nor of a serial."""
    tomorrow = (datetime.now(UTC) + timedelta(days=1)).date().isoformat()
    for when in (tomorrow, 2**63 - 1, "9999-12-31T23:59:59Z"):
        reply = ask(server, when, "past-file")
        assert reply.status == 400, when
        assert "still to come" in json.loads(reply.body)["detail"]


def test_words_that_are_no_moment(server: Cloche) -> None:
    """A moment that cannot be read is 400, and a snapshot that is not there 404."""
    for when in ("2026-13-01", "0", "2026-03-01T12:00:00", "%2B", "Yesterday"):
        assert ask(server, when, "past-file").status == 400, when


def test_this_very_moment(server: Cloche, upstream: Upstream) -> None:
    """An instant in which something may still be committed is told, and kept by nobody."""
    built = wheel("past-now", "1.0")
    upstream.add(built)
    now(server, "past-now")
    when = datetime.now(UTC).isoformat().replace("+00:00", "Z")

    page = ask(server, when, "past-now")

    assert names(page) == [built.filename]
    assert page.headers["cache-control"] == "public, no-cache"


def test_who_may_not_read_is_told_nothing(server: Cloche, token: str) -> None:
    """The past is read by whoever may read the index, and by nobody else."""
    built = wheel("past-closed", "1.0")
    upload(server.url, built, token, path="/closed/legacy/")
    reader = bearer(granted(server.data, "read", index="closed"))
    here = server.get("/closed/simple/past-closed/", {**JSON, **reader})
    serial = int(here.headers["x-pypi-last-serial"])
    page = f"/closed/as-of/{serial}/simple/past-closed/"
    file = f"/closed/as-of/{serial}/packages/past-closed/{built.sha256}/{built.filename}"

    for path in (page, file, f"{file}.metadata", f"/closed/as-of/{serial}/simple/"):
        assert server.get(path).status == 401, path
        assert server.get(path, reader).status == 200, path
    assert server.get("/closed/as-of/nonsense!/simple/x/").status == 401
    assert server.get(page, reader).headers["cache-control"].startswith("private")


def test_where_nobody_has_looked(server: Cloche, upstream: Upstream) -> None:
    """A name that was never asked for is unknown, and is not asked for now."""
    upstream.add(wheel("past-unasked", "1.0"))

    assert ask(server, "2025-01-01", "past-unasked").status == 404
    assert upstream.requests("/simple/past-unasked/") == []
