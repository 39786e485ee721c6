"""PyPI's JSON API: of uploads and of an upstream's projects, by the same judgement as pages."""

import gzip
from datetime import datetime
from typing import Any

import msgspec
import pytest

from tests.packages import Built, sdist, wheel
from tests.server import Cloche
from tests.upstream.controller import Upstream
from tests.upstream.kinds import Status
from tests.waiting import until
from tests.web.answers import detail
from tests.web.forms import upload
from tests.web.talk import ask
from tests.web.tokens import basic

INFO = {
    "author", "author_email", "bugtrack_url", "classifiers", "description",
    "description_content_type", "docs_url", "download_url", "downloads", "dynamic", "home_page",
    "keywords", "license", "license_expression", "license_files", "maintainer",
    "maintainer_email", "name", "package_url", "platform", "project_url", "project_urls",
    "provides_extra", "release_url", "requires_dist", "requires_python", "summary", "version",
    "yanked", "yanked_reason",
}  # fmt: skip
FILE = {
    "comment_text", "core-metadata", "digests", "downloads", "filename", "has_sig", "md5_digest",
    "packagetype", "python_version", "requires_python", "size", "upload_time",
    "upload_time_iso_8601", "url", "yanked", "yanked_reason",
}  # fmt: skip


def document(server: Cloche, path: str, headers: dict[str, str] | None = None) -> dict[str, Any]:
    reply = server.get(path, headers)
    assert reply.status == 200, reply.body
    assert reply.headers["content-type"] == "application/json"
    said: dict[str, Any] = msgspec.json.decode(reply.body)
    assert str(said["last_serial"]) == reply.headers["x-pypi-last-serial"]
    return said


def published(server: Cloche, token: str, *all_built: Built, path: str = "/legacy/") -> Built:
    for built in all_built:
        assert upload(server.url, built, token, path).status == 200
    return all_built[-1]


def test_every_field_is_there(server: Cloche, token: str) -> None:
    """The document has each field that PyPI's has, in the project and in its files."""
    published(server, token, wheel("js-fields", "1.0"))
    said = document(server, "/pypi/js-fields/json")

    assert set(said) == {
        "info",
        "last_serial",
        "ownership",
        "releases",
        "urls",
        "vulnerabilities",
    }
    assert set(said["info"]) == INFO
    assert set(said["urls"][0]) == FILE
    assert said["releases"] == {"1.0": said["urls"]}
    assert said["vulnerabilities"] == []


def test_what_an_upload_says_of_itself(server: Cloche, token: str) -> None:
    """`info` is the core metadata of the release, in the words of its authors."""
    fields = (
        ("Author", "Ada"),
        ("Keywords", "one,two"),
        ("Project-URL", "Docs, https://docs.test/"),
        ("Classifier", "Topic :: Utilities"),
        ("Provides-Extra", "fast"),
    )
    published(
        server,
        token,
        wheel(
            "Js.Says",
            "1.0",
            summary="Says it.",
            requires=["idna>=3"],
            requires_python=">=3.9",
            fields=fields,
            description="At length.",
        ),
    )
    info = document(server, "/pypi/js-says/json")["info"]

    assert (info["name"], info["version"]) == ("Js.Says", "1.0")
    assert (info["summary"], info["author"], info["keywords"]) == ("Says it.", "Ada", "one,two")
    assert info["project_urls"] == {"Docs": "https://docs.test/"}
    assert (info["classifiers"], info["provides_extra"]) == (["Topic :: Utilities"], ["fast"])
    assert (info["requires_dist"], info["requires_python"]) == (["idna>=3"], ">=3.9")
    assert "At length." in info["description"]
    assert info["docs_url"] is None
    assert info["yanked"] is False


def test_an_upload_s_file(server: Cloche, token: str) -> None:
    """A file is told with all its digests, kind, time, and an address that gives its bytes."""
    built = published(server, token, wheel("js-file", "1.0", requires_python=">=3.8"))
    [file] = document(server, "/pypi/js-file/json")["urls"]

    assert file["digests"] == {
        "md5": built.md5,
        "sha256": built.sha256,
        "blake2b_256": built.blake2_256,
    }
    assert file["md5_digest"] == built.md5
    assert (file["packagetype"], file["python_version"]) == ("bdist_wheel", "py3")
    assert (file["size"], file["requires_python"]) == (built.size, ">=3.8")
    precise = datetime.fromisoformat(file["upload_time_iso_8601"])
    assert file["upload_time"] == precise.strftime("%Y-%m-%dT%H:%M:%S")
    assert file["url"].startswith(f"{server.url}/packages/main/js-file/")
    assert server.get(file["url"].removeprefix(server.url)).body == built.content


def test_an_upstream_s_project(server: Cloche, upstream: Upstream) -> None:
    """A proxied project is told like one of ours: metadata, digests, times as its upstream has."""
    built = wheel("js-proxied", "2.0", summary="From afar.", requires=["idna"])
    upstream.add(sdist("js-proxied", "1.0"))
    upstream.add(built)
    said = document(server, "/pypi/js-proxied/json")

    assert said["info"]["summary"] == "From afar."
    assert said["info"]["requires_dist"] == ["idna"]
    assert list(said["releases"]) == ["1.0", "2.0"]
    [file] = said["urls"]
    assert file["digests"] == {"sha256": built.sha256}
    assert file["upload_time_iso_8601"] == "2024-01-02T03:04:05.678901Z"
    assert server.get(file["url"].removeprefix(server.url)).body == built.content


def test_the_release_that_an_installer_would_take(server: Cloche, upstream: Upstream) -> None:
    """The project's version is its newest final one that is not yanked."""
    for version, yanked in (("1.0", False), ("2.0", "broken"), ("3.0rc1", False)):
        upstream.add(wheel("js-best", version), yanked=yanked)
    said = document(server, "/pypi/js-best/json")

    assert said["info"]["version"] == "1.0"
    assert list(said["releases"]) == ["1.0", "2.0", "3.0rc1"]
    [yanked] = said["releases"]["2.0"]
    assert (yanked["yanked"], yanked["yanked_reason"]) == (True, "broken")


def test_one_version(server: Cloche, upstream: Upstream) -> None:
    """The document of a version tells of that version, with no list of the others."""
    upstream.add(wheel("js-version", "1.0", summary="First."))
    upstream.add(wheel("js-version", "2.0", summary="Second."), yanked="no good")
    said = document(server, "/pypi/js-version/1.0/json")
    yanked = document(server, "/pypi/js-version/2.0/json/")["info"]

    assert (said["info"]["version"], said["info"]["summary"]) == ("1.0", "First.")
    assert "releases" not in said
    assert [file["filename"] for file in said["urls"]] == ["js_version-1.0-py3-none-any.whl"]
    assert (yanked["summary"], yanked["yanked"], yanked["yanked_reason"]) == (
        "Second.",
        True,
        "no good",
    )


def test_a_version_in_another_spelling(server: Cloche, upstream: Upstream) -> None:
    """Spellings of one version (PEP 440) are one version."""
    upstream.add(wheel("js-spelling", "1.0"))

    assert document(server, "/pypi/js-spelling/v1.0.0/json")["info"]["version"] == "1.0"


@pytest.mark.parametrize("path", ["js-known/9.0/json", "js-unknown/json", "js-unknown/1.0/json"])
def test_what_nobody_has(server: Cloche, upstream: Upstream, path: str) -> None:
    """An unknown project, or version, is 404 with a sentence."""
    upstream.add(wheel("js-known", "1.0"))
    reply = server.get(f"/pypi/{path}")

    assert reply.status == 404
    assert "js-" in detail(reply)


def test_what_is_no_version(server: Cloche, upstream: Upstream) -> None:
    """A version that none can be is refused as such."""
    upstream.add(wheel("js-odd", "1.0"))
    reply = server.get("/pypi/js-odd/latest/json")

    assert (reply.status, detail(reply).split()[0]) == (400, "'latest'")


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ("/pypi/Js_Moved/json", "../js-moved/json"),
        ("/pypi/Js_Moved/json/", "../../js-moved/json/"),
        ("/team/dev/pypi/Js_Moved/1.0/json", "../../js-moved/1.0/json"),
    ],
)
def test_other_spellings_redirect(server: Cloche, asked: str, told: str) -> None:
    """A name that is not in normal form redirects for ever, within the same index."""
    reply = server.get(asked)

    assert (reply.status, reply.headers["location"]) == (301, told)


def test_quarantined_projects_offer_nothing(server: Cloche, upstream: Upstream) -> None:
    """What no page offers is not told of here either (PEP 792)."""
    upstream.add(wheel("js-held", "1.0"))
    upstream.project("js-held", extra={"project-status": {"status": "quarantined"}})

    said = document(server, "/pypi/js-held/json")
    assert (said["info"]["version"], said["urls"], said["releases"]) == (None, [], {"1.0": []})
    assert server.get("/pypi/js-held/1.0/json").status == 404


def test_an_upload_is_told_at_once(server: Cloche, token: str) -> None:
    """Read your writes: with the next upload come its version and a greater serial."""
    published(server, token, wheel("js-next", "1.0"))
    before = [document(server, "/pypi/js-next/json") for _ in range(3)][-1]
    published(server, token, wheel("js-next", "2.0"))
    after = document(server, "/pypi/js-next/json")

    assert (before["info"]["version"], after["info"]["version"]) == ("1.0", "2.0")
    assert after["last_serial"] > before["last_serial"]


def test_the_page_has_the_same_serial(server: Cloche, token: str, upstream: Upstream) -> None:
    """The page and the document of a project name the same serial, hosted or not."""
    published(server, token, wheel("js-serial", "1.0"))
    upstream.add(wheel("js-serial-up", "1.0"))
    for name in ("js-serial", "js-serial-up"):
        told = document(server, f"/pypi/{name}/json")["last_serial"]
        page = server.get(f"/simple/{name}/")
        assert page.headers["x-pypi-last-serial"] == str(told)


def test_addresses_are_as_the_client_sees_the_server(server: Cloche, token: str) -> None:
    """The same question to another host name is answered with that one's addresses."""
    published(server, token, wheel("js-host", "1.0"))
    for host in ("one.test", "two.test:81", "one.test", "two.test:81"):
        said = document(server, "/pypi/js-host/json", {"Host": host})
        assert said["urls"][0]["url"].startswith(f"http://{host}/packages/main/")
        assert said["info"]["project_url"] == f"http://{host}/project/js-host/"


def test_an_index_of_its_own(server: Cloche, token: str) -> None:
    """In another index the document leads to that index's files and pages."""
    published(server, token, wheel("js-team", "1.0"), path="/team/dev/legacy/")
    said = document(server, "/team/dev/pypi/js-team/json")

    assert said["urls"][0]["url"].startswith(f"{server.url}/packages/team/dev/js-team/")
    assert said["info"]["project_url"] == f"{server.url}/team/dev/project/js-team/"
    assert server.get("/pypi/js-team/json").status == 404


def test_closed_indexes_stay_closed(server: Cloche, token: str) -> None:
    """Whoever may not read an index is told nothing of its projects, asked for before or not."""
    published(server, token, wheel("js-closed", "1.0"), path="/closed/legacy/")
    for _ in range(3):
        assert server.get("/closed/pypi/js-closed/json").status == 401
        assert server.get("/closed/pypi/js-closed/json", basic(token)).status == 200


def test_etag_and_compression(server: Cloche, token: str) -> None:
    """A document is compressed, with a strong ETag by which it is asked for again."""
    published(server, token, wheel("js-etag", "1.0"))
    for _ in range(3):
        packed = server.get("/pypi/js-etag/json", {"Accept-Encoding": "gzip"})
        assert gzip.decompress(packed.body) == server.get("/pypi/js-etag/json").body
        etag = packed.headers["etag"]
        again = server.get("/pypi/js-etag/json", {"Accept-Encoding": "gzip", "If-None-Match": etag})
        assert (again.status, again.body, again.headers["etag"]) == (304, b"", etag)
        assert again.headers["x-pypi-last-serial"] == packed.headers["x-pypi-last-serial"]


def test_hit_and_miss_say_the_same(server: Cloche, token: str) -> None:
    """The edge answers what the application would have said."""
    published(server, token, wheel("js-edge", "1.0"))
    request = "GET /pypi/js-edge/json HTTP/1.1\r\nHost: h.test\r\n\r\n"
    first, *others = (ask(server.url, request) for _ in range(4))
    for reply in others:
        assert reply.body == first.body
        assert sorted(reply.headers.items()) == sorted(first.headers.items())


def test_dependencies_are_not_called_unknown_in_doubt(server: Cloche, upstream: Upstream) -> None:
    """Metadata that its upstream cannot give now makes no document without dependencies."""
    path = upstream.add(wheel("js-doubt", "1.0", requires=["idna"]))
    upstream.misbehave(f"{path}*", Status(status=503))
    doubt = server.get("/pypi/js-doubt/json")
    upstream.behave()
    until(lambda: server.get("/pypi/js-doubt/json").status == 200)

    assert (doubt.status, "retry-after" in doubt.headers) == (503, True)
    assert document(server, "/pypi/js-doubt/json")["info"]["requires_dist"] == ["idna"]
