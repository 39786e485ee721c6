"""PEP 503, Simple Repository API: the pages in HTML."""

import hashlib
import re
from urllib.parse import unquote, urljoin

import pytest

from tests.packages import sdist, wheel
from tests.server import Cloche
from tests.standards.offers import HTML, HTML_V1, Offers, root
from tests.upstream.kinds import Verbatim
from tests.web.forms import Part, encode, headers, parts, post

SIGNATURE = b"-----BEGIN PGP SIGNATURE-----\n\niQEz\n=abcd\n-----END PGP SIGNATURE-----\n"


def test_root_has_one_anchor_a_project(offers: Offers) -> None:
    """The root "MUST be a valid HTML5 page with a single anchor element per project"; the text
    "MUST be the name of the project", and the href "MUST link to the URL for that" project.
    """
    offers.add(wheel(offers.name, "1.0"))
    offers.json()  # an upstream's project is listed once somebody has asked for it
    _, page = root(offers.server)

    [anchor] = [anchor for anchor in page.anchors if anchor.text == offers.name]
    assert urljoin("/simple/", anchor.href) == offers.place
    assert len({anchor.text for anchor in page.anchors}) == len(page.anchors)


def test_page_has_one_anchor_a_file(offers: Offers) -> None:
    """A project's page is "a valid HTML5 page with a single anchor element per file"."""
    built = [offers.add(wheel(offers.name, "1.0")), offers.add(sdist(offers.name, "1.0"))]

    names = [anchor.text for anchor in offers.html().anchors]
    assert sorted(names) == sorted(one.filename for one in built)


@pytest.mark.parametrize("version", ["1.0", "1.0+local.1", "1!2.0"])
def test_link_leads_to_the_file(offers: Offers, version: str) -> None:
    """The href "MUST be a URL that links to the location of the file", and the text "MUST match
    the final path component (the filename) of the URL".
    """
    built = offers.add(wheel(offers.name, version))
    anchor = offers.anchor()

    path = offers.path(anchor.href)
    assert anchor.text == unquote(path.rpartition("/")[2]) == built.filename
    assert offers.server.get(path).body == built.content


def test_link_has_the_hash(offers: Offers) -> None:
    """The URL "SHOULD include a hash in the form of a URL fragment": the lowercase name of a
    function that hashlib guarantees, sha256 being recommended, and the hex encoded digest.
    """
    built = offers.add(wheel(offers.name, "1.0"))
    algorithm, _, digest = offers.anchor().href.partition("#")[2].partition("=")

    assert algorithm == "sha256"
    assert digest == hashlib.sha256(built.content).hexdigest()


@pytest.mark.parametrize("algorithm", ["md5", "sha1", "sha224", "sha384", "sha512"])
def test_any_guaranteed_hash_is_passed_on(proxied: Offers, algorithm: str) -> None:
    """Any of the functions that hashlib guarantees may be chosen by a repository."""
    built = wheel(proxied.name, "1.0")
    digest = hashlib.new(algorithm, built.content).hexdigest()
    proxied.upstream.add(built, hashes={algorithm: digest})

    assert proxied.anchor().href.partition("#")[2] == f"{algorithm}={digest}"


@pytest.mark.parametrize("accept", [HTML, HTML_V1])
def test_pages_end_with_a_slash(offers: Offers, accept: str) -> None:
    """All URLs of HTML5 pages "MUST end with a /", and the repository "SHOULD redirect the URLs
    without a / to add a / to the end".
    """
    offers.add(wheel(offers.name, "1.0"))
    for path in ("/simple", f"/simple/{offers.name}", f"/main/simple/{offers.name}"):
        reply = offers.server.get(path, {"Accept": accept})

        assert reply.status == 301
        assert urljoin(path, reply.headers["location"]) == f"{path}/"
        assert offers.server.get(f"{path}/", {"Accept": accept}).status == 200


@pytest.mark.parametrize("spelling", ["upper", "underscores", "dots", "runs"])
def test_other_spellings_redirect(offers: Offers, spelling: str) -> None:
    """Repositories "MAY redirect unnormalized URLs to the canonical normalized URL", which is the
    name lowercased, with runs of `.`, `-` and `_` replaced by a single `-`.
    """
    offers.add(wheel(offers.name, "1.0"))
    spelt = {
        "upper": offers.name.upper(),
        "underscores": offers.name.replace("-", "_"),
        "dots": offers.name.replace("-", "."),
        "runs": offers.name.replace("-", "-_."),
    }[spelling]
    assert re.sub(r"[-_.]+", "-", spelt).lower() == offers.name
    path = f"/simple/{spelt}/"
    reply = offers.server.get(path, {"Accept": HTML})

    assert reply.status == 301
    assert urljoin(path, reply.headers["location"]) == offers.place


def test_uploads_of_any_spelling_are_one_project(hosted: Offers) -> None:
    """The URL has the normalized name: "a project named HolyGrail would have a URL like
    /holygrail/".
    """
    spelt = hosted.name.title().replace("-", ".")
    built = [hosted.add(wheel(spelt, "1.0")), hosted.add(sdist(hosted.name, "1.0"))]

    assert {anchor.text for anchor in hosted.html().anchors} == {one.filename for one in built}


def test_angle_brackets_are_encoded(offers: Offers) -> None:
    """In data-requires-python, "< and > have to be HTML encoded as &lt; and &gt;"."""
    offers.add(wheel(offers.name, "1.0", requires_python="<4,>=3.8"))

    assert b' data-requires-python="&lt;4,&gt;=3.8"' in offers.ask(HTML).body
    assert offers.anchor().attributes["data-requires-python"] == "<4,>=3.8"


def test_requires_python_is_optional(offers: Offers) -> None:
    """A repository "MAY include" data-requires-python: a file that says nothing has none."""
    offers.add(wheel(offers.name, "1.0"))

    assert "data-requires-python" not in offers.anchor().attributes


def test_signature_lies_beside_the_file(offers: Offers) -> None:
    """A GPG signature "MUST live alongside that file with the same name with a .asc appended"; the
    link says so by data-gpg-sig, "true or false", on every link if on any, as JSON's gpg-sig does.
    """
    signed, other = wheel(offers.name, "1.0"), wheel(offers.name, "2.0")
    if offers.hosted:
        form = [*parts(signed), Part("gpg_signature", SIGNATURE, f"{signed.filename}.asc")]
        reply = post(offers.server.url, "/legacy/", encode(form), headers(offers.token))
        assert reply.status == 200, reply.body
        offers.add(other)
    else:
        offers.upstream.add(signed, signature=SIGNATURE, gpg_sig=True)
        offers.upstream.add(other, gpg_sig=False)

    said = {anchor.text: anchor for anchor in offers.html().anchors}
    assert said[signed.filename].attributes["data-gpg-sig"] == "true"
    assert said[other.filename].attributes["data-gpg-sig"] == "false"
    assert {name: file["gpg-sig"] for name, file in offers.files().items()} == {
        signed.filename: True,
        other.filename: False,
    }
    path = offers.path(said[signed.filename].href)
    assert offers.server.get(f"{path}.asc").body == SIGNATURE
    assert offers.server.get(offers.path(said[other.filename].href) + ".asc").status == 404


def test_no_signatures_need_no_attribute(offers: Offers) -> None:
    """A repository "MAY include" data-gpg-sig: without any signature there is none."""
    offers.add(wheel(offers.name, "1.0"))

    assert "data-gpg-sig" not in offers.anchor().attributes


HOSTILE = ['"><script>', "a & b &amp; c", "it's", "\x00\x07\x0b\x1f\x7f\x85", "\ufdd0\uffff", "é😀"]


@pytest.mark.parametrize("text", HOSTILE)
def test_any_text_of_an_upstream_makes_valid_html(proxied: Offers, text: str) -> None:
    """Every page is "a valid HTML5 page", whatever an upstream says in a reason or a need."""
    built = wheel(proxied.name, "1.0")
    proxied.upstream.add(built, yanked=text, requires_python=text)
    status = {"status": "archived", "reason": text}
    proxied.upstream.project(proxied.name, extra={"project-status": status})
    anchor = proxied.anchor()

    assert anchor.text == built.filename
    assert {name for name in anchor.attributes if "script" in name} == set()


ATTRIBUTES = [
    *(
        'data-x"y=1',
        "data-<b=1",
        "data-x'y=1",
        "data-=1",
        "data-é=1",
        "data-x\x01=1",
        "data-ok=&quot;",
    ),
    *(
        "onclick=alert(1)",
        "style=x",
        'data-x="&#1;&lt;"',
        "data-href=x",
        "data-yanked data-yanked=2",
    ),
]


@pytest.mark.parametrize("attribute", ATTRIBUTES)
def test_any_attribute_of_an_upstream_makes_valid_html(proxied: Offers, attribute: str) -> None:
    """Every page is "a valid HTML5 page", whatever attributes an upstream's links have; those that
    a browser would act on are not passed on.
    """
    built = proxied.add(wheel(proxied.name, "1.0"))
    link = f'<a href="/files/{proxied.name}/{built.filename}" {attribute}>{built.filename}</a>'
    page = f"<!DOCTYPE html><title>x</title>{link}".encode()
    proxied.upstream.misbehave(proxied.place, Verbatim(content=page, media_type="text/html"))
    said = proxied.anchor().attributes

    assert not {"onclick", "style"} & set(said)
    assert proxied.server.get(proxied.links()[1]).body == built.content


def test_unknown_project_is_not_a_page(server: Cloche) -> None:
    """Below the root is a URL "for each individual project contained": no other has a page."""
    assert server.get("/simple/pep-503-nobody/", {"Accept": HTML}).status == 404
