"""Where links lead, and which of those places may be trusted to have said it."""

import pytest

from cloche.core.addresses import absolute, secure

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


@pytest.mark.parametrize(
    ("href", "base", "leads"),
    [
        ("s3://bucket/a%20b/demo.whl?v", "s3://bucket/", True),
        ("s3://other/demo.whl", "s3://bucket/", False),
        ("gs://bucket/demo.whl", "s3://bucket/", False),
        ("s3://bucket/demo.whl", "https://host/simple/demo/", False),
        ("s3://user@bucket/demo.whl", "s3://bucket/", False),
    ],
)
def test_a_bucket_leads_to_its_own_objects(href: str, base: str, *, leads: bool) -> None:
    """What a bucket lists is in that bucket; no page of the web leads into one."""
    assert absolute(href, base) == (href if leads else None)
