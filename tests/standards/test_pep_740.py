"""PEP 740, Index support for digital attestations: what it asks of the pages."""

from urllib.parse import urlsplit

import msgspec
import pytest

from tests.packages import wheel
from tests.standards.offers import Offers
from tests.upstream.kinds import HtmlOnly

PROVENANCE = "https://index.test/integrity/x/1.0/x.whl/provenance?a=1&b=2"


def is_secure(url: str) -> bool:
    """Whether the URL is fully qualified, and of https or of this very machine."""
    parts = urlsplit(url)
    return parts.scheme == "https" or (parts.scheme, parts.hostname) == ("http", "127.0.0.1")


@pytest.mark.parametrize("format_", ["json", "html"])
def test_provenance_is_a_url(proxied: Offers, format_: str) -> None:
    """`provenance` "SHALL be a URL to the associated provenance file", and data-provenance "a
    fully qualified URL" (*Index changes*).
    """
    proxied.upstream.add(wheel(proxied.name, "1.0"), provenance=PROVENANCE)
    if format_ == "html":
        proxied.upstream.misbehave(proxied.place, HtmlOnly())
    said = proxied.file()["provenance"]

    assert is_secure(said)
    assert proxied.anchor().attributes["data-provenance"] == said


@pytest.mark.parametrize("host", ["index.test", "index.test:8080", "10.0.0.1", "[2001:db8::1]"])
def test_provenance_is_secure_wherever_it_is_asked_for(proxied: Offers, host: str) -> None:
    """The URL "MUST represent a secure origin", by whatever name the server is asked for over
    plain HTTP: it is of another place then, or not stated.
    """
    proxied.upstream.add(wheel(proxied.name, "1.0"), provenance=PROVENANCE)
    [file] = msgspec.json.decode(proxied.ask(headers={"Host": host}).body)["files"]

    assert file.get("provenance") is None or is_secure(file["provenance"])


@pytest.mark.parametrize("said", ["http://index.test/provenance", "ftp://index.test/x", ""])
def test_provenance_is_of_a_secure_origin(proxied: Offers, said: str) -> None:
    """This URL "MUST represent a secure origin": any other is not passed on."""
    proxied.upstream.add(wheel(proxied.name, "1.0"), provenance=said)

    assert not proxied.file().get("provenance")
    assert "data-provenance" not in proxied.anchor().attributes


def test_no_provenance_is_absent_or_null(offers: Offers) -> None:
    """`provenance` "SHALL be either a JSON string or null"; without, there is no attribute."""
    built = wheel(offers.name, "1.0")
    if offers.hosted:
        offers.add(built)
    else:
        offers.upstream.add(built, provenance=None)

    assert offers.file().get("provenance") is None
    assert "data-provenance" not in offers.anchor().attributes


def test_api_version(proxied: Offers) -> None:
    """The api-version "SHALL specify version 1.3 or later"."""
    proxied.upstream.add(wheel(proxied.name, "1.0"), provenance=PROVENANCE)

    assert int(proxied.json()["meta"]["api-version"].partition(".")[2]) >= 3
