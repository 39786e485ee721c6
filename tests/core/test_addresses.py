"""Where links lead, and which of those places may be trusted to have said it."""

import pytest

from cloche.core.addresses import secure

BASE = "https://index.test/simple/acme/"


@pytest.mark.parametrize(
    ("href", "base", "url"),
    [
        ("https://x.test/p?a=1&b=2#c", BASE, "https://x.test/p?a=1&b=2"),
        ("../p", BASE, "https://index.test/simple/p"),
        ("http://127.0.0.1:8080/p", "http://127.0.0.1/", "http://127.0.0.1:8080/p"),
        ("http://localhost/p", "http://index.test/", "http://localhost/p"),
        ("http://[::1]/p", "http://index.test/", "http://[::1]/p"),
    ],
)
def test_secure(href: str, base: str, url: str) -> None:
    """HTTPS is a secure origin, and so is whatever runs on this very machine."""
    assert secure(href, base) == url


@pytest.mark.parametrize(
    "href",
    [
        *("http://x.test/p", "../p", "ftp://localhost/p", "http://localhost.x.test/p"),
        *("http://https:x@x.test/p", "http://[", "javascript:https://x.test/", "http://0/p"),
    ],
)
def test_not_secure(href: str) -> None:
    """Everything else is not, and is no address at all then."""
    assert secure(href, "http://index.test/simple/acme/") is None
