"""PEP 629, Versioning PyPI's Simple API."""

import re

import pytest

from tests.packages import wheel
from tests.standards.offers import HTML, JSON, Offers, root
from tests.upstream.kinds import Without

VERSION = re.compile(r"[1-9][0-9]*\.[0-9]+")


def test_every_page_says_its_version(offers: Offers) -> None:
    """There is "a meta tag on the responses of every successful request to a simple API page,
    which contains a name attribute of pypi:repository-version", and its content is "ONLY
    Major.Minor"; in JSON it is meta.api-version (PEP 691).
    """
    offers.add(wheel(offers.name, "1.0"))
    projects, page = root(offers.server)

    for metas in (offers.html().metas, page.metas):
        assert VERSION.fullmatch(metas["pypi:repository-version"])
    for said in (offers.json(), projects):
        assert VERSION.fullmatch(said["meta"]["api-version"])


def test_major_version_is_one(offers: Offers) -> None:
    """The major version "will never be incremented": clients "hard fail" at another."""
    offers.add(wheel(offers.name, "1.0"))

    assert offers.html().metas["pypi:repository-version"].partition(".")[0] == "1"
    assert offers.json()["meta"]["api-version"].partition(".")[0] == "1"


@pytest.mark.parametrize("accept", [JSON, HTML])
@pytest.mark.parametrize("version", ["2.0", "10.0"])
def test_a_greater_major_version_fails(proxied: Offers, version: str, accept: str) -> None:
    """A client, which a cache is, "MUST hard fail with an appropriate error message"."""
    proxied.upstream.project(proxied.name, api_version=version)
    proxied.upstream.add(wheel(proxied.name, "1.0"))
    reply = proxied.ask(accept)

    assert reply.status == 502
    assert f"API version {version}" in reply.body.decode()


def test_a_greater_minor_version_is_used(proxied: Offers) -> None:
    """A minor version more is "a backwards compatible change": clients go on."""
    proxied.upstream.project(proxied.name, api_version="1.99")
    built = proxied.add(wheel(proxied.name, "1.0"))

    assert proxied.file()["filename"] == built.filename


def test_no_version_means_the_first(proxied: Offers) -> None:
    """If that data does not exist, clients "MUST assume that it is version 1.0"."""
    built = proxied.add(wheel(proxied.name, "1.0"))
    proxied.upstream.misbehave(proxied.place, Without(fields=("meta",)))

    assert proxied.file()["filename"] == built.filename


def test_what_is_announced_is_what_is_spoken(offers: Offers) -> None:
    """Minor versions announce features: this index speaks those up to 1.4, in both formats."""
    offers.add(wheel(offers.name, "1.0"))

    assert offers.html().metas["pypi:repository-version"] == "1.4"
    assert offers.json()["meta"]["api-version"] == "1.4"
