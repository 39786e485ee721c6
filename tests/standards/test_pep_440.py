"""PEP 440, Version Identification: as filenames and pages carry it."""

import pytest
from packaging.version import Version

from tests.packages import Built, wheel
from tests.standards.offers import Offers
from tests.web.answers import detail
from tests.web.forms import upload


def named(offers: Offers, version: str, inside: str) -> Built:
    """A wheel whose filename spells its version otherwise than its METADATA."""
    built = wheel(offers.name, inside)
    filename = f"{offers.name.replace('-', '_')}-{version}-py3-none-any.whl"
    return Built(filename, built.content, built.metadata, offers.name, inside)


@pytest.mark.parametrize(
    "version",
    [
        *("1", "1.0", "2026.11", "1.0.0.0.1", "0", "1.0a1", "1.0b2", "1.0rc3", "1.0.post4"),
        *("1.0.dev5", "1.0a1.dev2", "1.0rc1.post2.dev3", "1!1.0", "1.0+ubuntu.1", "1.0+5.abc.07a"),
    ],
)
def test_every_form_is_served(offers: Offers, version: str) -> None:
    """Public and local version identifiers comply with `[N!]N(.N)*[{a|b|rc}N][.postN][.devN]` and
    `<public version identifier>[+<local version label>]` (*Version scheme*).
    """
    built = offers.add(wheel(offers.name, version))

    assert offers.json()["versions"] == [version]
    for link in offers.links():
        assert offers.server.get(link).body == built.content


@pytest.mark.parametrize(
    ("spelt", "normal"),
    [
        ("1.0.RC1", "1.0rc1"),
        ("1.0alpha1", "1.0a1"),
        ("1.0_beta.2", "1.0b2"),
        ("1.0c1", "1.0rc1"),
        ("1.0a", "1.0a0"),
        ("1.0.rev3", "1.0.post3"),
        ("1.0post", "1.0.post0"),
        ("1.0dev", "1.0.dev0"),
        ("01.02", "1.2"),
        ("v1.0", "1.0"),
        ("1.0+Ubuntu_1", "1.0+ubuntu.1"),
    ],
)
def test_alternative_syntaxes_are_one_version(offers: Offers, spelt: str, normal: str) -> None:
    """Alternative syntaxes "MUST be considered when parsing a version"; the page states the normal
    form, and the metadata may spell it either way (*Normalization*).
    """
    assert str(Version(spelt)) == normal
    offers.add(named(offers, spelt, inside=normal))
    if offers.hosted:
        assert offers.json()["versions"] == [normal]
    assert offers.file()["filename"].split("-")[1] == spelt


@pytest.mark.parametrize("version", ["1.x", "latest", "1.0+", "1..0", "1.0.final"])
def test_no_other_version_is_taken(hosted: Offers, version: str) -> None:
    """Version identifiers "MUST comply with" the scheme: an index takes no upload of another."""
    built = named(hosted, version, inside="1.0")
    reply = upload(hosted.server.url, built, hosted.token)

    assert reply.status == 400
    assert "is not a distribution's filename" in detail(reply)


def test_a_release_is_one_version(hosted: Offers) -> None:
    """Versions "MUST be unique within a given distribution": spellings make no second one."""
    hosted.add(named(hosted, "1.0.RC1", inside="1.0rc1"))
    other = wheel(hosted.name, "1.0rc1", tag="py2-none-any")
    hosted.add(other)

    assert hosted.json()["versions"] == ["1.0rc1"]
    assert len(hosted.files()) == 2
