"""PEP 625, Filename of a Source Distribution."""

import gzip

import pytest

from tests.packages import Built, sdist
from tests.standards.offers import Offers
from tests.upstream.kinds import Without
from tests.web.answers import detail
from tests.web.forms import upload


def renamed(built: Built, filename: str, content: bytes | None = None) -> Built:
    return Built(filename, content or built.content, built.metadata, built.name, built.version)


@pytest.mark.parametrize("version", ["1.0", "1.0rc1", "2!1.0.post1"])
def test_filename(offers: Offers, version: str) -> None:
    """The name of an sdist is `{distribution}-{version}.tar.gz`: "a single hyphen", the name
    normalised as in wheels and the version by PEP 440; both are read out of it.
    """
    built = offers.add(sdist(offers.name, version))

    assert built.filename == f"{offers.name.replace('-', '_')}-{version}.tar.gz"
    assert offers.json()["versions"] == [version]
    for link in offers.links():
        assert offers.server.get(link).body == built.content


@pytest.mark.parametrize("spelling", ["dashes", "dots", "title"])
def test_names_from_before(offers: Offers, spelling: str) -> None:
    """Projects have published sdists by other rules, and those names remain (*Backwards
    Compatibility*): the project is still told by normal form.
    """
    spelt = {
        "dashes": offers.name,
        "dots": offers.name.replace("-", "."),
        "title": offers.name.title(),
    }[spelling]
    built = renamed(sdist(offers.name, "1.0"), f"{spelt}-1.0.tar.gz")
    offers.add(built)
    if not offers.hosted:
        offers.upstream.misbehave(offers.place, Without(fields=("versions",)))

    assert offers.file()["filename"] == built.filename
    assert offers.json()["versions"] == ["1.0"]


@pytest.mark.parametrize(
    ("inner", "version"), [("pep-625-another", "1.0"), (None, "2.0"), (None, "1.0.post1")]
)
def test_name_and_version_match_the_metadata(
    hosted: Offers, inner: str | None, version: str
) -> None:
    """The components of the filename "MUST match the values stored in the metadata" (PyPA,
    *Source distribution file name*).
    """
    inside = sdist(inner or hosted.name, version)
    right = sdist(hosted.name, "1.0")
    built = Built(right.filename, inside.content, inside.metadata, hosted.name, "1.0")
    reply = upload(hosted.server.url, built, hosted.token)

    assert reply.status == 400
    assert "PKG-INFO" in detail(reply)


@pytest.mark.parametrize("kind", ["no gzip", "no tar", "cut"])
def test_must_be_a_gzipped_tar(hosted: Offers, kind: str) -> None:
    """An sdist "must be a gzipped tar archive", extractable by tarfile with `r:gz`."""
    built = sdist(hosted.name, "1.0")
    content = {
        "no gzip": gzip.decompress(built.content),
        "no tar": gzip.compress(b"nothing of the kind"),
        "cut": built.content[:-20],
    }[kind]
    reply = upload(hosted.server.url, renamed(built, built.filename, content), hosted.token)

    assert reply.status == 400


def test_metadata_is_at_the_top(hosted: Offers) -> None:
    """An sdist "contains a single top-level directory called {name}-{version}", with PKG-INFO in
    it (PyPA, *Source distribution file format*).
    """
    built = sdist(hosted.name, "1.0")
    plain = gzip.decompress(built.content)
    moved = gzip.compress(plain.replace(b"/PKG-INFO", b"/NOTHING0"))
    reply = upload(hosted.server.url, renamed(built, built.filename, moved), hosted.token)

    assert reply.status == 400
