"""PEP 643, Metadata for Package Source Distributions: whose metadata may be relied on."""

import pytest

from tests.packages import sdist
from tests.standards.offers import Offers
from tests.web.answers import detail
from tests.web.forms import upload


@pytest.mark.parametrize("version", ["2.2", "2.3", "2.4", "2.5", "2.6"])
def test_static_metadata_is_offered(hosted: Offers, version: str) -> None:
    """Of a field that is not marked Dynamic, "the value of the field in any wheel built from the
    sdist MUST match the value in the sdist": clients may read it without a build.
    """
    built = hosted.add(sdist(hosted.name, "1.0", metadata_version=version, requires=["acme"]))

    assert hosted.file()["core-metadata"] == {"sha256": built.metadata_sha256}
    for link in hosted.links():
        assert hosted.server.get(f"{link}.metadata").body == built.metadata


@pytest.mark.parametrize("version", ["1.0", "1.1", "1.2", "2.1"])
def test_older_metadata_is_not(hosted: Offers, version: str) -> None:
    """Older than 2.2, "all fields should be treated as if they were specified with Dynamic"."""
    hosted.add(sdist(hosted.name, "1.0", metadata_version=version))

    assert "core-metadata" not in hosted.file()


@pytest.mark.parametrize(
    "field", ["Requires-Dist", "requires-python", "PROVIDES-EXTRA", "Provides-Extra "]
)
def test_dynamic_needs_are_not(hosted: Offers, field: str) -> None:
    """Consumers "MUST NOT treat this value as canonical" when its field is marked Dynamic, in any
    case: what a resolver relies on must be fixed.
    """
    hosted.add(sdist(hosted.name, "1.0", fields=[("Dynamic", field)]))

    assert "core-metadata" not in hosted.file()


def test_dynamic_prose_does_not_matter(hosted: Offers) -> None:
    """A Dynamic field that no resolver reads leaves the others what they are."""
    built = hosted.add(sdist(hosted.name, "1.0", fields=[("Dynamic", "Description")]))

    assert hosted.file()["core-metadata"] == {"sha256": built.metadata_sha256}


@pytest.mark.parametrize("field", ["Name", "version", "Metadata-Version"])
def test_name_and_version_are_static(hosted: Offers, field: str) -> None:
    """The fields Name and Version, and Metadata-Version (PyPA), "MUST NOT be marked as Dynamic"."""
    built = sdist(hosted.name, "1.0", fields=[("Dynamic", field)])
    reply = upload(hosted.server.url, built, hosted.token)

    assert reply.status == 400
    assert "Dynamic" in detail(reply)


def test_claims_of_an_upstream_are_passed_on(proxied: Offers) -> None:
    """What another index vouches for is passed on as it is, for sdists too."""
    built = proxied.add(sdist(proxied.name, "1.0"))

    assert proxied.file()["core-metadata"] == {"sha256": built.metadata_sha256}
    for link in proxied.links():
        assert proxied.server.get(f"{link}.metadata").body == built.metadata
