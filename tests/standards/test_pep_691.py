"""PEP 691, JSON-based Simple API for Python Package Indexes."""

from typing import Any

import msgspec
import pytest
from packaging.utils import canonicalize_name
from pypi_simple import DistributionPackage, ProjectPage

from tests.packages import Built, sdist, wheel
from tests.server import Cloche
from tests.standards.offers import HTML, HTML_V1, JSON, Offers, document, root
from tests.upstream.kinds import HtmlOnly, Overwrite, Without
from tests.waiting import until


def test_answers_are_objects_with_meta(offers: Offers) -> None:
    """All JSON responses "will always be a JSON object" and "have a meta key", whose api-version
    is a string (*JSON Serialization*).
    """
    offers.add(wheel(offers.name, "1.0"))
    projects, _ = root(offers.server)

    for said in (offers.json(), projects):
        assert isinstance(said, dict)
        assert isinstance(said["meta"]["api-version"], str)


def test_project_list(offers: Offers) -> None:
    """The root is a dictionary with `projects`, "an array where each entry is a dictionary" with
    `name`, and `meta` (*Project List*). It names the same projects as the HTML.
    """
    offers.add(wheel(offers.name, "1.0"))
    offers.json()
    said, page = root(offers.server)

    names = [project["name"] for project in said["projects"]]
    assert offers.name in names
    assert names == [anchor.text for anchor in page.anchors]


def test_project_detail(offers: Offers) -> None:
    """A page is a dictionary with `name`, "the normalized name of the project", `files`, "a list
    of dictionaries, each one representing an individual file", and `meta` (*Project Detail*).
    """
    built = [offers.add(wheel(offers.name, "1.0")), offers.add(sdist(offers.name, "1.0"))]
    said = offers.json()

    assert said["name"] == canonicalize_name(offers.name)
    assert {file["filename"] for file in said["files"]} == {one.filename for one in built}


def test_file_url_leads_to_the_file(offers: Offers) -> None:
    """`url` is "the URL that the file can be fetched from"; if relative, it is so "to the current
    URL as if it were HTML".
    """
    built = offers.add(wheel(offers.name, "1.0+local"))

    assert offers.server.get(offers.path(offers.file()["url"])).body == built.content


def test_hashes_by_lowercase_name(offers: Offers) -> None:
    """`hashes` maps a hash name, "normalized to be lowercase", to a hex encoded digest; at least
    one secure algorithm, sha256 recommended, "SHOULD always be included".
    """
    built = offers.add(wheel(offers.name, "1.0"))
    if not offers.hosted:
        offers.upstream.misbehave(
            offers.place, Overwrite(fields={"hashes": {"SHA256": built.sha256.upper()}})
        )

    assert offers.file()["hashes"] == {"sha256": built.sha256}


def test_every_hash_is_passed_on(proxied: Offers) -> None:
    """Multiple hashes can be included, "it is up to the client to decide": all but blake2b, whose
    512 bits of hashlib uv takes for 256, and fails the project on.
    """
    built = wheel(proxied.name, "1.0")
    hashes = {"sha256": built.sha256, "md5": built.md5}
    proxied.upstream.add(built, hashes={**hashes, "blake2b": "ab" * 64})

    assert proxied.file()["hashes"] == hashes


def test_hashes_are_there_without_any(proxied: Offers) -> None:
    """The hashes dictionary "MUST be present, even if no hashes are available"."""
    proxied.upstream.add(wheel(proxied.name, "1.0"), hashes={})

    assert proxied.file()["hashes"] == {}


def test_requires_python_needs_no_escape(offers: Offers) -> None:
    """requires-python "does not require any special escaping other than anything JSON does"."""
    offers.add(wheel(offers.name, "1.0", requires_python="<4,>=3.8"))

    assert offers.file()["requires-python"] == "<4,>=3.8"


def test_optional_keys_are_of_their_type(offers: Offers) -> None:
    """Optional keys are left out, or of the type that is stated: core-metadata a boolean or a
    dictionary of hashes, yanked a boolean or a string that is not empty, and so on.
    """
    offers.add(wheel(offers.name, "1.0", requires_python=">=3.8"))
    offers.add(sdist(offers.name, "1.0", metadata_version="2.1"))
    for said in offers.files().values():
        metadata = said.get("core-metadata", False)
        assert isinstance(metadata, bool) or (metadata and all(map(str.islower, metadata)))
        assert said.get("yanked", False) in (True, False) or said["yanked"]
        assert isinstance(said.get("gpg-sig", False), bool)
        assert isinstance(said.get("requires-python", ""), str)


@pytest.mark.parametrize("where", ["top", "fields"])
def test_unknown_keys_do_no_harm(proxied: Offers, where: str) -> None:
    """Additional keys "may be added to any dictionary objects in the API responses and clients
    MUST ignore keys that they don't understand", which a cache does.
    """
    built = proxied.add(wheel(proxied.name, "1.0"))
    more: dict[str, Any] = {"future": {"a": [1, None]}, "_private": "x"}
    proxied.upstream.misbehave(
        proxied.place, Overwrite(top=more) if where == "top" else Overwrite(fields=more)
    )

    assert proxied.file()["hashes"] == {"sha256": built.sha256}


def test_relative_urls_of_an_upstream(proxied: Offers) -> None:
    """A URL "may be either absolute or relative"; the cache resolves it as HTML would."""
    for urls in ("relative", "absolute", "other"):
        built = wheel(proxied.name, f"1.{len(urls)}")
        proxied.upstream.project(proxied.name, urls=urls, max_age=0)
        proxied.add(built)
        # A look behind the last file may be from before this one was there.
        until(lambda name=built.filename: name in proxied.files())  # type: ignore[misc]  # a default binds it
        link = proxied.path(proxied.files()[built.filename]["url"])

        assert proxied.server.get(link).body == built.content


# Content types -------------------------------------------------------------------------------

ROOT = "/simple/"


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        (JSON, JSON),
        (HTML_V1, HTML_V1),
        (HTML, HTML),
        ("application/vnd.pypi.simple.latest+json", JSON),
        ("application/vnd.pypi.simple.latest+html", HTML_V1),
    ],
)
@pytest.mark.parametrize("at", ["root", "page"])
def test_content_type_is_that_of_the_content(
    offers: Offers, at: str, accept: str, kind: str
) -> None:
    """Servers "always include a Content-Type header". Where the version `latest` is asked for,
    they "MUST respond with the content type for the actual version".
    """
    offers.add(wheel(offers.name, "1.0"))
    place = ROOT if at == "root" else offers.place
    reply = offers.server.get(place, {"Accept": accept})

    assert reply.headers.get_content_type() == kind
    if kind == JSON:
        msgspec.json.decode(reply.body)
    else:
        document(reply.body)


def test_text_html_is_an_alias(offers: Offers) -> None:
    """The PEP "defines text/html as an alias for application/vnd.pypi.simple.v1+html"."""
    offers.add(wheel(offers.name, "1.0"))

    assert offers.ask(HTML).body == offers.ask(HTML_V1).body


@pytest.mark.parametrize("accept", ["application/vnd.pypi.simple.v2+json", "image/png", "nonsense"])
def test_nothing_acceptable_is_answered_with_a_default(offers: Offers, accept: str) -> None:
    """Where it supports nothing of the Accept header a server may "select a default content type
    other than what the client has requested and return a response with that".
    """
    offers.add(wheel(offers.name, "1.0"))
    reply = offers.ask(accept)

    assert (reply.status, reply.headers.get_content_type()) == (200, HTML)


def test_no_accept_is_any(server: Cloche, hosted: Offers) -> None:
    """The absence of an Accept header is as `Accept: */*`."""
    hosted.add(wheel(hosted.name, "1.0"))
    without, with_any = server.get(hosted.place), hosted.ask("*/*")

    assert without.headers["content-type"] == with_any.headers["content-type"]
    assert without.body == with_any.body


@pytest.mark.parametrize("kind", [JSON, HTML_V1, HTML])
def test_format_parameter(offers: Offers, kind: str) -> None:
    """A URL parameter named `format`, whose value is one of the content types, "SHOULD take
    precedence over any values in the client's Accept header" (*URL Parameter*).
    """
    offers.add(wheel(offers.name, "1.0"))
    other = HTML if kind == JSON else JSON
    asked = f"{offers.place}?format={kind.replace('+', '%2B')}"

    assert offers.server.get(asked, {"Accept": other}).headers.get_content_type() == kind


def test_unknown_format_falls_back_to_accept(offers: Offers) -> None:
    """If it does not support the requested format a server "may choose to fall back to the Accept
    header".
    """
    offers.add(wheel(offers.name, "1.0"))
    reply = offers.server.get(f"{offers.place}?format=text/plain", {"Accept": JSON})

    assert reply.headers.get_content_type() == JSON


# Both formats say the same -------------------------------------------------------------------


@pytest.mark.parametrize("format_", ["json", "html"])
def test_another_reader_finds_the_same_in_both(offers: Offers, format_: str) -> None:
    """Endpoints "return data" that is "then serialized into the target serialization format":
    what both can say, pypi-simple reads alike out of both.
    """
    offers.add(wheel(offers.name, "1.0+x", requires_python=">=3.8,<4"))
    offers.add(sdist(offers.name, "0.9"))
    if format_ == "html" and not offers.hosted:
        offers.upstream.misbehave(offers.place, HtmlOnly())
    url = offers.server.url + offers.place
    html = ProjectPage.from_html(offers.name, offers.ask(HTML).body, url)
    json = ProjectPage.from_json_data(offers.json(), url)

    assert html.repository_version == "1.4"
    assert sorted(map(told, html.packages)) == sorted(map(told, json.packages))


def told(package: DistributionPackage) -> tuple[object, ...]:
    """What both formats can say of a file, as pypi-simple understood it."""
    return (
        package.filename,
        package.url,
        package.project,
        package.version,
        package.package_type,
        str(package.requires_python),
        sorted(package.digests.items()),
        bool(package.is_yanked),
        package.yanked_reason or "",
        bool(package.has_metadata),
        sorted((package.metadata_digests or {}).items()),
        package.provenance_url or "",
    )


@pytest.mark.parametrize("lack", [("hashes",), ("size", "upload-time"), ("core-metadata",)])
def test_a_sparse_upstream_makes_a_sound_page(proxied: Offers, lack: tuple[str, ...]) -> None:
    """What an upstream does not know is left out or unknown, never invented or null."""
    built: Built = proxied.add(wheel(proxied.name, "1.0"))
    proxied.upstream.misbehave(proxied.place, Without(fields=lack))
    file = proxied.file()

    assert file["filename"] == built.filename
    assert None not in file.values()
    assert isinstance(file["hashes"], dict)
