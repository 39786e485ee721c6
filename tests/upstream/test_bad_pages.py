import json
from typing import Any

from tests.packages import sdist, wheel
from tests.upstream import kinds
from tests.upstream.answers import HTML, JSON
from tests.upstream.bad_pages import EVIL_NAMES, EVIL_URLS
from tests.upstream.controller import Upstream
from tests.upstream.fetching import fetch, fetch_json
from tests.upstream.misbehaviour import Misbehaviour

DEMO = wheel("demo", "1.0", requires_python=">=3.8")
PAGE = "/simple/demo/"


def document(upstream: Upstream, kind: Misbehaviour) -> dict[str, Any]:
    """Return the JSON page of a project whose upstream misbehaves so."""
    upstream.add(DEMO)
    upstream.misbehave(PAGE, kind)
    page: dict[str, Any] = json.loads(fetch_json(upstream.url + PAGE).body)
    return page


def entry(upstream: Upstream, kind: Misbehaviour) -> dict[str, Any]:
    """Return the one file's entry of such a page."""
    (only,) = document(upstream, kind)["files"]
    found: dict[str, Any] = only
    return found


def test_html_only(upstream: Upstream) -> None:
    """HTML comes even for those who ask for JSON alone."""
    upstream.add(DEMO)
    upstream.misbehave(PAGE, kinds.HtmlOnly())

    assert fetch_json(upstream.url + PAGE).headers["content-type"] == HTML


def test_json_only(upstream: Upstream) -> None:
    """JSON comes even for those who ask for HTML alone."""
    upstream.add(DEMO)
    upstream.misbehave(PAGE, kinds.JsonOnly())

    assert fetch(upstream.url + PAGE, {"Accept": HTML}).headers["content-type"] == JSON


def test_huge_page(upstream: Upstream) -> None:
    """The page lists as many files more as asked, each under a name of its own."""
    files = document(upstream, kinds.HugePage(files=20_000))["files"]

    assert len({one["filename"] for one in files}) == 20_001


def test_unsorted(upstream: Upstream) -> None:
    """Files come in an order that is not theirs, and in the same one each time."""
    for version in range(30):
        upstream.add(sdist("demo", f"{version}"))
    files = document(upstream, kinds.Unsorted())["files"]
    names = [one["filename"] for one in files]

    again = json.loads(fetch_json(upstream.url + PAGE).body)["files"]

    added = [f"demo-{version}.tar.gz" for version in range(30)]
    assert set(added) < set(names)
    assert [name for name in names if name in added] not in (added, sorted(added))
    assert [one["filename"] for one in again] == names


def test_overwrite(upstream: Upstream) -> None:
    """Members of the files and of the page are what the test says."""
    page = document(upstream, kinds.Overwrite(fields={"size": -1}, top={"files-of": None}))

    assert (page["files"][0]["size"], page["files-of"]) == (-1, None)


def test_nulls(upstream: Upstream) -> None:
    """What should have been left out is null."""
    found = entry(upstream, kinds.Nulls())

    assert (found["size"], found["upload-time"], found["yanked"]) == (None, None, None)


def test_wrong_types(upstream: Upstream) -> None:
    """No member of a file but its name and URL has the type that it should have."""
    found = entry(upstream, kinds.WrongTypes())

    assert not isinstance(found["hashes"], dict)
    assert not isinstance(found["size"], int)
    assert not isinstance(found["upload-time"], str)
    assert not isinstance(found["yanked"], bool | str)
    assert not isinstance(found["requires-python"], str)
    assert not isinstance(found["core-metadata"], dict | bool)


def test_without(upstream: Upstream) -> None:
    """Members are missing from the files and from the page."""
    gone = ("hashes", "size", "upload-time", "core-metadata", "versions")

    page = document(upstream, kinds.Without(fields=gone))

    assert set(gone) & {*page, *page["files"][0]} == set()


def test_short_hashes(upstream: Upstream) -> None:
    """Digests are too short to be any."""
    assert entry(upstream, kinds.ShortHashes())["hashes"] == {"sha256": DEMO.sha256[:10]}


def test_md5_only(upstream: Upstream) -> None:
    """The one digest is the file's true MD5."""
    assert entry(upstream, kinds.Md5Only())["hashes"] == {"md5": DEMO.md5}


def test_evil(upstream: Upstream) -> None:
    """Evil names and links stand beside the good file, in JSON and in HTML."""
    files = document(upstream, kinds.Evil())["files"]
    html = fetch(upstream.url + PAGE).body.decode()

    assert files[0]["filename"] == DEMO.filename
    assert {*EVIL_NAMES} < {one["filename"] for one in files}
    assert {*EVIL_URLS} < {one["url"] for one in files}
    assert 'href="javascript:alert(1)#sha256=' in html


def test_one_can_lie_about_a_single_file(upstream: Upstream) -> None:
    """Members of one file's entry can be set or left out when it is added."""
    upstream.add(DEMO, size=DEMO.size + 1, requires_python=5, without=("hashes",), upload_time=None)

    (found,) = json.loads(fetch_json(upstream.url + PAGE).body)["files"]

    assert (found["size"], found["requires-python"]) == (DEMO.size + 1, 5)
    assert "hashes" not in found
    assert "upload-time" not in found
