import base64
import json
import subprocess
import sys
import threading
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urljoin

import pytest

from tests.packages import sdist, wheel
from tests.upstream import kinds
from tests.upstream.answers import HTML, HTML_V1, JSON
from tests.upstream.controller import Upstream
from tests.upstream.fetching import STILL, fetch, fetch_json, raw
from tests.upstream.model import Urls

DEMO = wheel("Demo", "1.0", requires_python=">=3.8", requires=["other>=1"])


def test_a_page_says_what_the_standards_let_it_say(upstream: Upstream) -> None:
    """The JSON page of a project has the members of PEP 691, 700, 714 and 792."""
    upstream.add(DEMO, yanked="broken")
    upstream.project("demo", extra={"project-status": {"status": "archived"}}, serial=7)

    got = fetch_json(upstream.url + upstream.page("demo"))

    assert got.headers["content-type"] == JSON
    assert got.headers["x-pypi-last-serial"] == "7"
    assert json.loads(got.body) == {
        "meta": {"api-version": "1.4", "_last-serial": 7},
        "name": "demo",
        "versions": ["1.0"],
        "project-status": {"status": "archived"},
        "files": [
            {
                "url": "../../files/demo/demo-1.0-py3-none-any.whl",
                "filename": "demo-1.0-py3-none-any.whl",
                "hashes": {"sha256": DEMO.sha256},
                "size": DEMO.size,
                "requires-python": ">=3.8",
                "core-metadata": {"sha256": DEMO.metadata_sha256},
                "upload-time": "2024-01-02T03:04:05.678901Z",
                "yanked": "broken",
            }
        ],
    }


def test_a_document_says_what_the_newest_file_requires(upstream: Upstream) -> None:
    """The JSON API of PyPI has the requirements of the last file; null for none."""
    upstream.add(DEMO)
    upstream.add(wheel("lone", "1.0"))

    said = fetch_json(upstream.url + upstream.document("demo"))
    lone = fetch_json(upstream.url + upstream.document("lone"))

    assert json.loads(said.body)["info"]["requires_dist"] == ["other>=1"]
    assert json.loads(lone.body)["info"]["requires_dist"] is None


def test_a_page_in_html_says_the_same(upstream: Upstream) -> None:
    """The HTML page links with the digest and escapes its attributes."""
    upstream.add(DEMO, yanked=True)

    body = fetch(upstream.url + upstream.page("demo")).body.decode()

    assert f'demo-1.0-py3-none-any.whl#sha256={DEMO.sha256}"' in body
    assert 'data-requires-python="&gt;=3.8"' in body
    assert 'data-yanked=""' in body
    assert f'data-core-metadata="sha256={DEMO.metadata_sha256}"' in body


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        ("", HTML),
        ("*/*", HTML),
        (JSON, JSON),
        (f"{JSON}, {HTML_V1}; q=0.1, text/html; q=0.01", JSON),
        (f"{JSON};q=0.1, text/html;q=0.5", HTML),
        ("application/vnd.pypi.simple.v1+html", HTML_V1),
        ("application/x-unknown", HTML),
    ],
)
def test_the_format_is_negotiated(upstream: Upstream, accept: str, expected: str) -> None:
    """The format with the highest q-value is sent, and HTML where none fits."""
    upstream.add(DEMO)

    got = fetch(upstream.url + upstream.page("demo"), {"Accept": accept})

    assert got.headers["content-type"] == expected


@pytest.mark.parametrize("urls", ["relative", "absolute", "other"])
def test_links_lead_to_the_file(upstream: Upstream, urls: Urls) -> None:
    """A page's link leads to the file's bytes and its metadata, however it is written."""
    upstream.add(DEMO)
    upstream.project("demo", urls=urls)
    page = upstream.url + upstream.page("demo")

    link = json.loads(fetch_json(page).body)["files"][0]["url"]
    whole = urljoin(page, link)

    assert fetch(whole).body == DEMO.content
    assert fetch(f"{whole}.metadata").body == DEMO.metadata


def test_what_is_not_there_is_404(upstream: Upstream) -> None:
    """An unknown project, file or metadata is 404, and so is the list of all projects."""
    upstream.add(DEMO, metadata=False)
    absent = [
        "/simple/",
        "/simple/none/",
        "/files/demo/none.whl",
        "/",
        upstream.file(DEMO) + ".metadata",
    ]

    assert {fetch(upstream.url + path).status for path in absent} == {404}
    assert [one.path for one in upstream.requests()] == absent


@pytest.mark.parametrize("path", ["/simple/Demo/", "/simple/demo", "/simple/DEMO"])
def test_a_project_has_one_url(upstream: Upstream, path: str) -> None:
    """Other spellings of a project's URL redirect to its own."""
    got = fetch(upstream.url + path)

    assert (got.status, got.headers["location"]) == (301, "/simple/demo/")


def test_a_page_is_revalidated(upstream: Upstream) -> None:
    """An unchanged page is 304 with its ETag, a changed one is 200 with another."""
    upstream.add(DEMO)
    upstream.project("demo", max_age=5)
    page = upstream.url + upstream.page("demo")
    first = fetch_json(page)

    again = fetch(page, {"Accept": JSON, "If-None-Match": first.headers["etag"]})
    upstream.add(sdist("Demo", "1.0"))
    changed = fetch(page, {"Accept": JSON, "If-None-Match": first.headers["etag"]})

    assert first.headers["cache-control"] == "max-age=5, public"
    assert (again.status, again.body, again.headers["etag"]) == (304, b"", first.headers["etag"])
    assert (changed.status, len(json.loads(changed.body)["files"])) == (200, 2)


@pytest.mark.parametrize(
    ("header", "status", "part"),
    [
        ("bytes=0-9", 206, slice(0, 10)),
        ("bytes=10-", 206, slice(10, None)),
        ("bytes=-10", 206, slice(-10, None)),
        ("bytes=5-999999999", 206, slice(5, None)),
        ("bytes=0-1,4-5", 200, slice(None)),
        ("lines=0-9", 200, slice(None)),
        ("bytes=999999999-", 416, slice(0, 0)),
    ],
)
def test_ranges(upstream: Upstream, header: str, status: int, part: slice) -> None:
    """A file is sent in the range that was asked for."""
    path = upstream.add(DEMO)

    got = fetch(upstream.url + path, {"Range": header})

    assert (got.status, got.body) == (status, DEMO.content[part])


def test_a_range_of_another_file_is_refused(upstream: Upstream) -> None:
    """If-Range with the file's own ETag gives the part, with any other the whole."""
    url = upstream.url + upstream.add(DEMO)
    etag = fetch(url, method="HEAD").headers["etag"]

    same = fetch(url, {"Range": "bytes=5-", "If-Range": etag})
    other = fetch(url, {"Range": "bytes=5-", "If-Range": '"other"'})

    assert (same.status, same.body) == (206, DEMO.content[5:])
    assert (other.status, other.body) == (200, DEMO.content)


def test_head_tells_the_length_and_sends_nothing(upstream: Upstream) -> None:
    """HEAD has the headers of GET and no body."""
    got = fetch(upstream.url + upstream.add(DEMO), method="HEAD")

    assert (got.status, got.headers["content-length"], got.body) == (200, str(DEMO.size), b"")


def test_a_gate_holds_everyone_until_it_opens(upstream: Upstream) -> None:
    """Fifty clients wait at a gate, all recorded, none answered, and then all are."""
    url = upstream.url + upstream.add(DEMO)
    gate = upstream.gate(upstream.file(DEMO))

    with ThreadPoolExecutor(50) as pool:
        waiting = [pool.submit(fetch, url) for _ in range(50)]
        records = upstream.wait_for(50, upstream.file(DEMO))
        assert {one.status for one in records} == {None}
        assert not any(one.done() for one in waiting)
        gate.release()
        bodies = {one.result().body for one in waiting}

    assert bodies == {DEMO.content}
    assert {one.end for one in upstream.wait_for(50, "/files/", ended=True)} == {"whole"}


def test_a_gate_can_stand_inside_the_body(upstream: Upstream) -> None:
    """With a gate after ten bytes, ten bytes come and the rest when it opens."""
    url = upstream.url + upstream.add(DEMO)

    with upstream.gate(upstream.file(DEMO), after=10):
        held = fetch(url, seconds=STILL)

    assert (held.status, held.body, held.error) == (200, DEMO.content[:10], TimeoutError)
    assert fetch(url).body == DEMO.content


def test_misbehaviour_ends_when_told(upstream: Upstream) -> None:
    """A rule of two times applies twice, and one without a number until it is taken back."""
    url = upstream.url + upstream.add(DEMO)
    upstream.misbehave("/files/*", kinds.Status(status=503, times=2))
    upstream.misbehave(upstream.page("demo"), kinds.Status(status=500))

    assert [fetch(url).status for _ in range(3)] == [503, 503, 200]
    assert fetch(upstream.simple + "demo/").status == 500
    upstream.behave(upstream.page("demo"))
    assert fetch(upstream.simple + "demo/").status == 200


def test_requests_are_recorded_as_they_came(upstream: Upstream) -> None:
    """A record has the method, the path, the query, the headers and the port of a request."""
    upstream.add(DEMO)
    fetch(f"{upstream.other}/simple/demo/?format=x", {"X-Mine": "1"}, method="HEAD")

    (record,) = upstream.wait_for(1, "/simple/", ended=True)

    assert (record.method, record.path, record.query) == ("HEAD", "/simple/demo/", "format=x")
    assert (record.headers["x-mine"], record.port) == ("1", upstream.ports.other)
    assert (record.status, record.sent, record.end) == (200, 0, "whole")


def test_a_client_that_leaves_is_noticed(upstream: Upstream) -> None:
    """The record of an answer whose client went away says that it is gone."""
    upstream.add(DEMO)
    upstream.misbehave(upstream.file(DEMO), kinds.Stalled())

    fetch(upstream.url + upstream.file(DEMO), seconds=STILL)

    assert upstream.wait_for(1, "/files/", ended=True)[0].end == "gone"


def test_waiting_in_vain_says_what_came(upstream: Upstream) -> None:
    """Waiting for more requests than come is a TimeoutError that lists those that did."""
    fetch(upstream.simple)

    with pytest.raises(TimeoutError, match=r"1 of 2 requests below '/simple/': .*GET /simple/"):
        upstream.wait_for(2, "/simple/", seconds=0.1)


def test_a_reset_breaks_off_what_is_held_back(upstream: Upstream) -> None:
    """After a reset nothing is left, and clients that were waiting have been hung up on."""
    path = upstream.add(DEMO)
    upstream.misbehave(path, kinds.Stalled(after=10))
    got: list[bytes] = []
    client = threading.Thread(target=lambda: got.append(raw(upstream.url + path)))
    client.start()
    upstream.wait_for(1, path)

    upstream.reset()
    client.join(60)

    assert got[0].endswith(DEMO.content[:10])
    assert upstream.requests() == []
    assert fetch(upstream.url + path).status == 404


def test_an_upstream_that_is_down_refuses_and_comes_back(upstream: Upstream) -> None:
    """While it is down connections are refused and broken; afterwards all is as it was."""
    path = upstream.add(DEMO)

    with upstream.down():
        for url in (upstream.url, upstream.other, upstream.proxy):
            with pytest.raises(ConnectionRefusedError):
                fetch(url + path)

    assert fetch(upstream.url + path).body == DEMO.content


def test_removed_files_and_projects_are_gone(upstream: Upstream) -> None:
    """A removed file leaves its page, and a removed project leaves nothing."""
    upstream.add(DEMO)
    upstream.add(sdist("demo", "1.0"))

    upstream.remove(DEMO)
    listed = json.loads(fetch_json(upstream.simple + "demo/").body)["files"]
    upstream.remove_project("demo")

    assert [one["filename"] for one in listed] == ["demo-1.0.tar.gz"]
    assert fetch(upstream.simple + "demo/").status == 404


def test_the_proxy_leads_here_from_any_host(upstream: Upstream) -> None:
    """A request through the proxy for an invented host arrives, and both of them record it."""
    path = upstream.add(DEMO)
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({"http": upstream.proxy}))
    credentials = base64.b64encode(b"me:secret").decode()
    opener.addheaders.append(("Proxy-Authorization", f"Basic {credentials}"))

    with opener.open(f"http://index.invalid{path}") as response:
        assert response.read() == DEMO.content

    (proxied,) = upstream.proxied("http://index.invalid/")
    (direct,) = upstream.requests(path)
    assert proxied.headers["proxy-authorization"] == f"Basic {credentials}"
    assert direct.headers["host"] == "index.invalid"
    assert "proxy-authorization" not in direct.headers


def test_the_proxy_is_no_origin(upstream: Upstream) -> None:
    """A request in origin form is refused by the proxy."""
    assert fetch(f"{upstream.proxy}/simple/").status == 400


def test_the_process_ends_with_its_controller() -> None:
    """Closing the controller ends the process, also one that is holding an answer back."""
    with Upstream() as other:
        path = other.add(DEMO)
        other.misbehave(path, kinds.Stalled())
        fetch(other.url + path, seconds=STILL)

    with pytest.raises(ConnectionRefusedError):
        fetch(other.url + path)


@pytest.mark.parametrize("client", ["pip", "uv"])
def test_real_clients_install_from_here(upstream: Upstream, tmp_path: Path, client: str) -> None:
    """Pip and uv find the newest version and its dependency on the index, and install them."""
    upstream.add(wheel("demo", "1.0"))
    upstream.add(wheel("demo", "2.0", requires=["Acme.Other"], size=300_000))
    upstream.add(sdist("acme-other", "1.0"))
    bin_ = Path(sys.executable).parent
    command = {
        "pip": (bin_ / "pip", "install", "--no-cache-dir", "--disable-pip-version-check"),
        "uv": (bin_ / "uv", "pip", "install", "--no-cache", "--python", sys.executable),
    }[client]
    where = ("--index-url", upstream.simple, "--target", tmp_path)

    subprocess.run([*command, *where, "demo"], check=True, capture_output=True, timeout=120)

    assert {path.stem for path in tmp_path.glob("*.dist-info")} == {"demo-2.0", "acme_other-1.0"}
