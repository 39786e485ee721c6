"""Documentation: uploaded as a zip archive, served as pages that are nobody's but its own."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.archives import zipped
from tests.packages import wheel
from tests.server import Cloche, Reply
from tests.upstream.controller import Upstream
from tests.web.answers import detail
from tests.web.api.managing import Manager
from tests.web.api.managing import place as manage
from tests.web.forms import Part, encode, headers, post, upload
from tests.web.tokens import basic, granted

SITE = {
    "index.html": "<h1>Home</h1>",
    "style.css": "h1 {}",
    "api/index.html": "<h1>API</h1>",
    "api/größe.html": "<h1>Size</h1>",
    "big.bin": "0123456789" * 40_000,
}


def send(server: Cloche, token: str, name: str, archive: bytes, path: str = "/legacy/") -> Reply:
    form = [
        Part(":action", b"doc_upload"),
        Part("name", name.encode()),
        Part("content", archive, f"{name}.zip"),
    ]
    return post(server.url, path, encode(form), headers(token))


def documented(
    server: Cloche, token: str, name: str, site: Mapping[str, str] = SITE, index: str = "main"
) -> str:
    """Upload a wheel and its documentation; return the documentation's path."""
    path = f"/{index}/legacy/"
    assert upload(server.url, wheel(name, "1.0"), token, path).status == 200
    reply = send(server, token, name, zipped(site), path)
    assert reply.status == 200, reply.body
    assert f"{len(site)} files" in reply.body.decode()
    return f"/{index}/project/{name}/docs/"


def test_every_file_is_served(server: Cloche, token: str) -> None:
    """Each file of the archive is at its path, a folder's index.html at the folder."""
    place = documented(server, token, "docs-served")

    for path, said in SITE.items():
        reply = server.get(place + path.replace("ö", "%C3%B6").replace("ß", "%C3%9F"))
        assert (reply.status, reply.body) == (200, said.encode())
    assert server.get(place).body == b"<h1>Home</h1>"
    assert server.get(f"{place}api/").body == b"<h1>API</h1>"
    assert server.get("/project/docs-served/docs/style.css").headers["content-type"] == (
        "text/css; charset=utf-8"
    )


def test_pages_are_in_a_sandbox(server: Cloche, token: str) -> None:
    """A page of documentation runs in an origin of its own, and is taken for what its name says."""
    place = documented(server, token, "docs-sandbox")

    for path in ("", "style.css", "api/"):
        said = server.get(place + path).headers
        policy = said["content-security-policy"].split()
        assert policy[0] == "sandbox"
        assert "allow-same-origin" not in policy
        assert said["x-content-type-options"] == "nosniff"


def test_folder_without_a_slash(server: Cloche, token: str) -> None:
    """A folder without its slash leads to the one with it, for now, and relatively."""
    place = documented(server, token, "docs-slash")

    folder = server.get(f"{place}api")
    assert (folder.status, folder.headers["location"]) == (307, "api/")
    top = server.get(place.removesuffix("/"))
    assert (top.status, top.headers["location"]) == (301, "../docs-slash/docs/")


@pytest.mark.parametrize("path", ["no.html", "api/no/", "../../../simple/", "%2e%2e/x", "API/"])
def test_nothing_there(server: Cloche, token: str, path: str) -> None:
    """What the archive did not hold is 404."""
    documented(server, token, "docs-nothing")

    assert server.get(f"/project/docs-nothing/docs/{path}").status == 404


def test_etag_and_head(server: Cloche, token: str) -> None:
    """Who has a file need not fetch it again, and may ask for its size alone."""
    place = f"{documented(server, token, 'docs-etag')}big.bin"
    head = server.get(place, method="HEAD")

    again = server.get(place, {"If-None-Match": head.headers["etag"]})

    assert (head.status, head.body, head.headers["content-length"]) == (200, b"", "400000")
    assert (again.status, again.body) == (304, b"")
    assert "no-cache" in again.headers["cache-control"]


def test_next_upload_replaces_it(server: Cloche, token: str) -> None:
    """The next upload takes the place of all that was there."""
    place = documented(server, token, "docs-next")
    assert send(server, token, "docs-next", zipped({"index.html": "new"})).status == 200

    assert server.get(place).body == b"new"
    assert server.get(f"{place}api/").status == 404


def test_failed_upload_leaves_it(server: Cloche, token: str) -> None:
    """Documentation that is refused leaves what was there."""
    place = documented(server, token, "docs-left")

    assert send(server, token, "docs-left", zipped({"top/index.html": ""})).status == 400
    assert server.get(place).body == b"<h1>Home</h1>"


@pytest.mark.parametrize(
    ("archive", "words"),
    [
        (b"not a zip archive, by no means", "zip archive"),
        (zipped({"a.html": ""}), "no index.html"),
        (zipped({"index.html": "", "../../x": ""}), "would be written outside"),
    ],
)
def test_bad_archive(server: Cloche, token: str, archive: bytes, words: str) -> None:
    """An archive that is none, or would climb out, is refused."""
    assert upload(server.url, wheel("docs-bad", "1.0"), token).status == 200

    reply = send(server, token, "docs-bad", archive)

    assert reply.status == 400
    assert words in detail(reply)


def test_form_without_archive(server: Cloche, token: str) -> None:
    """Documentation without an archive, or without a name, is refused."""
    bare = [Part(":action", b"doc_upload"), Part("name", b"docs-bare")]
    nameless = [bare[0], Part("content", zipped(SITE), "x.zip")]

    for form in (bare, nameless):
        assert post(server.url, "/legacy/", encode(form), headers(token)).status == 400


def test_only_of_what_is_hosted(server: Cloche, token: str, upstream: Upstream) -> None:
    """An upstream's project, and what is unknown, cannot be documented here."""
    upstream.add(wheel("docs-theirs", "1.0"))

    for name in ("docs-theirs", "docs-unknown"):
        reply = send(server, token, name, zipped(SITE))
        assert reply.status == 404
        assert "upload a file first" in detail(reply)
        assert server.get(f"/project/{name}/docs/").status == 404


def test_who_may(server: Cloche, token: str) -> None:
    """Documentation is for those who may read the index, and from those who may upload."""
    place = documented(server, token, "docs-closed", index="closed")

    assert server.get(place).status == 401
    assert server.get(place, basic(token)).status == 200
    assert "access-control-allow-origin" not in server.get(place, basic(token)).headers
    assert send(server, "cloche_made-up", "docs-closed", zipped(SITE)).status == 401


def test_in_indexes_above(server: Cloche, token: str) -> None:
    """An index that shows the project shows its documentation."""
    documented(server, token, "docs-above")

    assert server.get("/team/dev/project/docs-above/docs/").body == b"<h1>Home</h1>"


def test_status_of_the_project(server: Cloche, token: str) -> None:
    """An archived project takes none; a quarantined or deleted one shows none."""
    place = documented(server, token, "docs-status")
    admin = Manager(server, granted(server.data, "admin", index="*"))
    project = manage("docs-status")

    admin.do("PUT", f"{project}/status", {"status": "archived"})
    refused = send(server, token, "docs-status", zipped(SITE))
    assert (refused.status, "archived" in detail(refused)) == (403, True)
    assert server.get(place).status == 200
    admin.do("PUT", f"{project}/status", {"status": "quarantined"})
    assert server.get(place).status == 403
    assert b'href="docs/"' not in server.get("/project/docs-status/").body
    assert admin.ask("DELETE", f"{project}/status").status == 204
    assert server.get(place).status == 200
    assert admin.ask("DELETE", project).status in {200, 204}
    assert server.get(place).status == 404


def test_project_page_links_to_it(server: Cloche, token: str) -> None:
    """A project's page links to the documentation, from the upload on."""
    assert upload(server.url, wheel("docs-link", "1.0"), token).status == 200
    assert b'href="docs/"' not in server.get("/project/docs-link/").body

    documented(server, token, "docs-link")

    assert b'href="docs/"' in server.get("/project/docs-link/").body


def test_every_worker_serves_it(tmp_path: Path) -> None:
    """When an upload has been answered, every worker serves the new documentation."""
    with Cloche(tmp_path / "data", workers=2, offline=True) as server:
        token = server.first_token
        place = documented(server, token, "docs-workers")
        for number in range(5):
            said = f"round {number}"
            assert send(server, token, "docs-workers", zipped({"index.html": said})).status == 200
            assert {server.get(place).body for _ in range(8)} == {said.encode()}
