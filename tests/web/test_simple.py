"""The simple API over the wire: the same facts in every format, encoding and kind of index."""

import gzip
import re
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urljoin

import msgspec
import pytest
import zstandard
from pypi_simple import ProjectPage

from tests.packages import Built, sdist, wheel
from tests.server import Cloche, Reply
from tests.upstream.controller import UPLOADED, Upstream
from tests.upstream.kinds import Status
from tests.web.forms import upload
from tests.web.tokens import basic

JSON = "application/vnd.pypi.simple.v1+json"
HTML_V1 = "application/vnd.pypi.simple.v1+html"
HTML = "text/html"


def page(server: Cloche, project: str, index: str = "main") -> dict[str, Any]:
    reply = server.get(f"/{index}/simple/{project}/", {"Accept": JSON})
    assert reply.status == 200, reply.body
    said: dict[str, Any] = msgspec.json.decode(reply.body)
    return said


def published(server: Cloche, token: str, built: Built, path: str = "/legacy/") -> Built:
    assert upload(server.url, built, token, path).status == 200
    return built


@pytest.fixture
def hosted(server: Cloche, token: str, request: pytest.FixtureRequest) -> Built:
    """A wheel in index main, under a name of the test's own."""
    name = re.sub(r"\W+", "-", f"si-{request.node.name}").strip("-")
    return published(server, token, wheel(name, "1.0", requires_python=">=3.8"))


# What pages say -------------------------------------------------------------------------------


def test_hosted_facts(server: Cloche, token: str) -> None:
    """An upload is listed with its hash, size, time, metadata and needs (PEP 691, 700, 714)."""
    before = datetime.now(UTC)
    built = published(server, token, wheel("si-facts", "1.0", requires_python=">=3.8"))
    after = datetime.now(UTC)
    said = page(server, "si-facts")

    assert (said["name"], said["versions"]) == ("si-facts", ["1.0"])
    assert said["meta"]["api-version"] == "1.4"
    [file] = said["files"]
    assert before <= datetime.fromisoformat(file.pop("upload-time")) <= after
    assert file == {
        "filename": built.filename,
        "url": f"../../../packages/main/si-facts/{built.sha256}/{built.filename}",
        "hashes": {"sha256": built.sha256},
        "size": built.size,
        "requires-python": ">=3.8",
        "core-metadata": {"sha256": built.metadata_sha256},
    }


def test_upload_time_is_written_as_pep_700_wants(server: Cloche, hosted: Built) -> None:
    """An upload time is UTC, with a Z at its end."""
    [file] = page(server, hosted.project)["files"]

    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?Z", file["upload-time"])


def test_cached_facts(server: Cloche, upstream: Upstream) -> None:
    """What an upstream says of a file is passed on (PEP 592, 700, 714, 740, 792).

    Its provenance is here.
    """
    built = wheel("si-cached", "1.0", requires_python=">=3.9")
    upstream.add(built, yanked="broken <here>", provenance="https://x.test/provenance")
    upstream.add(sdist("si-cached", "0.9"), metadata=False, yanked=True)
    upstream.project(
        "si-cached", extra={"project-status": {"status": "archived", "reason": "done"}}
    )
    said = page(server, "si-cached")

    files = {file["filename"]: file for file in said["files"]}
    assert said["project-status"] == {"status": "archived", "reason": "done"}
    assert sorted(said["versions"]) == ["0.9", "1.0"]
    assert files[built.filename] == {
        "filename": built.filename,
        "url": f"../../../packages/main/si-cached/{built.sha256}/{built.filename}",
        "hashes": {"sha256": built.sha256},
        "size": built.size,
        "upload-time": UPLOADED,
        "requires-python": ">=3.9",
        "core-metadata": {"sha256": built.metadata_sha256},
        "yanked": "broken <here>",
        "provenance": f"{server.url}/main/integrity/si-cached/1.0/{built.filename}/provenance",
    }
    assert files["si_cached-0.9.tar.gz"]["yanked"] is True
    assert "core-metadata" not in files["si_cached-0.9.tar.gz"]


def test_quarantined_project_offers_no_file(server: Cloche, upstream: Upstream) -> None:
    """A project in quarantine upstream has a page, and no files on it (PEP 792)."""
    upstream.add(wheel("si-quarantined", "1.0"))
    upstream.project("si-quarantined", extra={"project-status": {"status": "quarantined"}})
    said = page(server, "si-quarantined")

    assert (said["files"], said["project-status"]) == ([], {"status": "quarantined"})


@pytest.mark.parametrize("accept", [JSON, HTML_V1, HTML])
@pytest.mark.parametrize(
    "root",
    [
        *("/simple/", "/+simple/", "/main/simple/", "/main/+simple/"),
        *("/team/dev/simple/", "/team/dev/+simple/", "/frozen/simple/"),
    ],
)
def test_links_lead_to_the_files(
    server: Cloche, token: str, upstream: Upstream, root: str, accept: str
) -> None:
    """In every index, hosted or cached, each link leads to the file, and `.metadata` beside it."""
    at = "-".join(re.findall(r"\w+", f"{root}{accept}"))
    mine = published(server, token, wheel(f"si-mine-{at}", "1.0+local.1"))
    theirs = wheel(f"si-theirs-{at}", "1.0+local.1")
    upstream.add(theirs)
    for built in (mine, theirs):
        place = f"{root}{built.project}/"
        [link] = links(server.get(place, {"Accept": accept}))
        target = urljoin(place, link)
        assert server.get(target).body == built.content
        assert server.get(f"{target}.metadata").body == built.metadata


def links(reply: Reply) -> list[str]:
    assert reply.status == 200, reply.body
    if reply.headers["content-type"] == JSON:
        return [file["url"] for file in msgspec.json.decode(reply.body)["files"]]
    found = ProjectPage.from_html("x", reply.body.decode())
    return [package.url for package in found.packages]


def test_another_reader_finds_the_same_in_both_formats(server: Cloche, hosted: Built) -> None:
    """pypi-simple reads the same file out of the JSON page and the HTML page."""
    place = f"/simple/{hosted.project}/"
    html = ProjectPage.from_html("x", server.get(place).body, server.url + place)
    json = ProjectPage.from_json_data(page(server, hosted.project), f"{server.url}/main{place}")

    for found in (html, json):
        [package] = found.packages
        assert package.digests == {"sha256": hosted.sha256}
        assert (package.filename, package.requires_python) == (hosted.filename, ">=3.8")
        assert package.metadata_digests == {"sha256": hosted.metadata_sha256}
        assert package.url.endswith(
            f"/packages/main/{hosted.project}/{hosted.sha256}/" + hosted.filename
        )


def test_list_of_projects(server: Cloche, hosted: Built) -> None:
    """The root lists the projects in both formats, each linked with a slash."""
    json = server.get("/simple/", {"Accept": JSON})
    html = server.get("/simple/")

    listed = msgspec.json.decode(json.body)["projects"]
    assert hosted.project in {project["name"] for project in listed}
    assert f'<a href="{hosted.project}/">{hosted.project}</a>'.encode() in html.body
    for reply in (json, html):
        again = server.get("/simple/", {"Accept": JSON, "If-None-Match": reply.headers["etag"]})
        assert again.status == (304 if reply is json else 200)


def test_private_index_lists_only_what_it_draws_on(server: Cloche, token: str) -> None:
    """The list of an index names its own projects, and those of its sources."""
    published(server, token, wheel("si-closed-one", "1.0"), "/closed/legacy/")

    def names(index: str) -> set[str]:
        reply = server.get(f"/{index}/simple/", {"Accept": JSON, **basic(token)})
        return {project["name"] for project in msgspec.json.decode(reply.body)["projects"]}

    assert [("si-closed-one" in names(index)) for index in ("closed", "nested", "main")] == [
        *(True, True, False),
    ]


# Negotiation ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        (None, "text/html; charset=utf-8"),
        ("*/*", "text/html; charset=utf-8"),
        (HTML, "text/html; charset=utf-8"),
        (f"{JSON}, {HTML_V1}; q=0.1, text/html; q=0.01", JSON),
        (f"{JSON};q=0.1, {HTML_V1}", HTML_V1),
        ("application/vnd.pypi.simple.latest+json", JSON),
        ("application/vnd.pypi.simple.v9+json", "text/html; charset=utf-8"),
    ],
)
def test_format(server: Cloche, hosted: Built, accept: str | None, kind: str) -> None:
    """Each client gets the type that it asked for, or HTML, and caches are told why."""
    for place in ("/simple/", f"/simple/{hosted.project}/"):
        reply = server.get(place, {"Accept": accept} if accept else {})
        assert reply.headers["content-type"] == kind
        assert reply.headers["vary"] == "Accept, Accept-Encoding"


def test_format_by_query(server: Cloche, hosted: Built) -> None:
    """`?format=` beats the Accept header."""
    for place in ("/simple/", f"/simple/{hosted.project}/"):
        reply = server.get(f"{place}?format={JSON.replace('+', '%2B')}", {"Accept": HTML})
        assert reply.headers["content-type"] == JSON


@pytest.mark.parametrize("accept", [JSON, HTML_V1, HTML])
def test_encodings(server: Cloche, hosted: Built, accept: str) -> None:
    """A page is the same however it is packed, and each packing has a strong ETag of its own."""
    place = f"/simple/{hosted.project}/"
    replies = {
        coding: server.get(place, {"Accept": accept, "Accept-Encoding": coding})
        for coding in ("identity", "gzip", "zstd")
    }
    plain = replies["identity"]

    assert plain.headers["content-encoding"] is None
    assert replies["gzip"].headers["content-encoding"] == "gzip"
    assert gzip.decompress(replies["gzip"].body) == plain.body
    assert replies["zstd"].headers["content-encoding"] == "zstd"
    assert zstandard.decompress(replies["zstd"].body) == plain.body
    etags = {reply.headers["etag"] for reply in replies.values()}
    assert len(etags) == 3
    assert all(re.fullmatch(r'"[0-9a-f]+"', etag) for etag in etags)


@pytest.mark.parametrize("coding", ["identity", "gzip", "zstd"])
@pytest.mark.parametrize("accept", [JSON, HTML_V1, HTML])
def test_not_modified(server: Cloche, hosted: Built, accept: str, coding: str) -> None:
    """Who has the page is told so in a line, and has the validator confirmed."""
    place, said = f"/simple/{hosted.project}/", {"Accept": accept, "Accept-Encoding": coding}
    etag = server.get(place, said).headers["etag"]

    for condition in (etag, f"W/{etag}", f'"other", {etag}', "*"):
        reply = server.get(place, {**said, "If-None-Match": condition})
        assert (reply.status, reply.body) == (304, b"")
        assert reply.headers["etag"] == etag
        assert reply.headers["vary"] == "Accept, Accept-Encoding"
        assert reply.headers["cache-control"] == "public, no-cache"
    for condition in ('"other"', etag.strip('"'), ""):
        assert server.get(place, {**said, "If-None-Match": condition}).status == 200


def test_etag_of_another_form_does_not_match(server: Cloche, hosted: Built) -> None:
    """The ETag of one format or encoding never makes another one count as had."""
    place = f"/simple/{hosted.project}/"
    etag = server.get(place, {"Accept": JSON}).headers["etag"]

    for other in ({"Accept": HTML}, {"Accept": JSON, "Accept-Encoding": "gzip"}):
        assert server.get(place, {**other, "If-None-Match": etag}).status == 200


def test_head(server: Cloche, hosted: Built) -> None:
    """HEAD says what GET would, without the body."""
    for place in ("/simple/", f"/simple/{hosted.project}/"):
        said = {"Accept": JSON, "Accept-Encoding": "gzip"}
        for _ in range(2):  # the second answer may come from elsewhere than the first
            full, bare = server.get(place, said), server.get(place, said, "HEAD")
            assert (bare.status, bare.body) == (200, b"")
            assert dict(bare.headers) | {"date": ""} == dict(full.headers) | {"date": ""}
            assert int(bare.headers["content-length"]) == len(full.body)


# Addresses ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("asked", "location"),
    [
        ("/simple", "simple/"),
        ("/+simple", "+simple/"),
        ("/main/simple", "simple/"),
        ("/simple/acme", "acme/"),
        ("/team/dev/simple/acme", "acme/"),
        ("/simple/Ac_Me", "ac-me/"),
        ("/simple/Ac.__Me/", "../ac-me/"),
        ("/simple/Ac_Me/?format=text/html", "../ac-me/?format=text/html"),
        ("/simple/acme?x=1", "acme/?x=1"),
        ("/project/Ac_Me/", "../ac-me/"),
        ("/project/acme", "acme/"),
    ],
)
def test_redirects(server: Cloche, asked: str, location: str) -> None:
    """One project has one URL, and the way there is relative: no proxy in front can break it."""
    reply = server.get(asked)

    assert (reply.status, reply.headers["location"]) == (301, location)


@pytest.mark.parametrize(
    "asked",
    [
        "/simple/http:evil.test",
        "/simple/https:%2F%2Fevil.test",
        "/simple/%2F%2Fevil.test",
        "/simple/%5C%5Cevil.test",
        "/simple//evil.test",
        "//evil.test/simple",
        "/project/javascript:alert(1)",
        "/simple/a%0D%0ASet-Cookie:x",
        "/simple/a%0D%0ASet-Cookie:x/",
    ],
)
def test_no_redirect_leads_elsewhere(server: Cloche, asked: str) -> None:
    """What is no project's name is never part of a redirect."""
    reply = server.get(asked)

    assert reply.status in {400, 404}
    assert "location" not in reply.headers
    assert "set-cookie" not in reply.headers


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/simple/si-nowhere/", 404),
        ("/nosuch/simple/si-nowhere/", 404),
        ("/simple/-bad-/", 400),
        ("/simple/%00/", 400),
        ("/simple/%FF/", 400),
        ("/simple/" + "a" * 300 + "/", 400),
        ("/simple/a/b/", 404),
        ("/simple/a/b", 404),
    ],
)
def test_not_there(server: Cloche, path: str, status: int) -> None:
    """An unknown project is 404, and what cannot be one is 400: never an empty page."""
    assert server.get(path, {"Accept": JSON}).status == status


# Truth ----------------------------------------------------------------------------------------


def test_upload_is_seen_at_once(server: Cloche, token: str) -> None:
    """When an upload has answered, the page has it, and its old ETag is worth nothing."""
    published(server, token, wheel("si-seen", "1.0"))
    place, said = "/simple/si-seen/", {"Accept": JSON}
    for version in ("2.0", "3.0", "4.0"):
        etag = server.get(place, said).headers["etag"]
        assert server.get(place, {**said, "If-None-Match": etag}).status == 304
        published(server, token, wheel("si-seen", version))
        reply = server.get(place, {**said, "If-None-Match": etag})
        assert reply.status == 200
        assert version in msgspec.json.decode(reply.body)["versions"]


def test_own_upload_answers_alone(server: Cloche, token: str, upstream: Upstream) -> None:
    """A name that was uploaded here is never answered by an upstream any more."""
    stranger = wheel("si-own", "9.0")
    upstream.add(stranger)
    assert page(server, "si-own")["versions"] == ["9.0"]
    published(server, token, wheel("si-own", "1.0"))

    assert page(server, "si-own")["versions"] == ["1.0"]
    place = f"/packages/main/si-own/{stranger.sha256}/{stranger.filename}"
    assert server.get(place).status == 404


@pytest.mark.parametrize("status", [500, 503, 403, 429])
def test_outage_is_no_absence(server: Cloche, upstream: Upstream, status: int) -> None:
    """An upstream that is unwell makes a 503 that says when to come back, never a 404."""
    upstream.misbehave(f"/simple/si-outage-{status}/", Status(status=status))
    reply = server.get(f"/simple/si-outage-{status}/", {"Accept": JSON})

    assert reply.status in {502, 503}
    assert reply.headers["content-type"] == "application/problem+json"
    if reply.status == 503:
        assert int(reply.headers["retry-after"]) > 0


def test_caching(server: Cloche, token: str, upstream: Upstream, hosted: Built) -> None:
    """Own uploads are asked for each time; what is private is cached by nobody else."""
    upstream.add(wheel("si-caching", "1.0"))
    published(server, token, wheel("si-caching-closed", "1.0"), "/closed/legacy/")
    places = {
        f"/simple/{hosted.project}/": "public, no-cache",
        "/simple/si-caching/": "public, max-age=60",
        "/closed/simple/si-caching-closed/": "private, no-cache",
        "/nested/simple/si-caching-closed/": "private, no-cache",
    }

    found = {place: server.get(place, basic(token)).headers["cache-control"] for place in places}

    assert found == places
