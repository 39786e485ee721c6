"""Advisories at an address."""

import pytest

from cloche.core.errors import UpstreamDown
from tests.feeds.conftest import Open, Site
from tests.feeds.test_conformance import fetched, validator_of
from tests.osv import document

pytestmark = pytest.mark.anyio

ONE = document("A-1")


async def test_by_its_time(site: Site, opened: Open) -> None:
    """A server that has no ETag is asked by the time that it told."""
    site.body, site.headers = ONE, {"Last-Modified": "Sat, 21 Nov 2026 12:00:00 GMT"}
    feed = opened(site.url)

    assert await fetched(feed, await validator_of(feed)) is None
    assert site.asked[-1]["If-Modified-Since"] == "Sat, 21 Nov 2026 12:00:00 GMT"


async def test_without_either(site: Site, opened: Open) -> None:
    """A server that tells neither is asked for all of it each time."""
    site.body = ONE
    feed = opened(site.url)

    assert await validator_of(feed) is None
    assert await fetched(feed, None) == [ONE]


@pytest.mark.parametrize("status", [401, 404, 500, 503])
async def test_a_server_that_is_unwell(site: Site, opened: Open, status: int) -> None:
    """Whatever is no answer is told with its status."""
    site.status = status

    with pytest.raises(UpstreamDown, match=f"advisories.osv answers {status}"):
        await fetched(opened(site.url))


async def test_nobody_there(opened: Open) -> None:
    """An address at which nobody is cannot be reached."""
    with pytest.raises(UpstreamDown, match=r"advisories.osv cannot be reached"):
        await fetched(opened("http://127.0.0.1:1/all.zip"))


async def test_its_secrets_are_not_told(opened: Open) -> None:
    """What is said of a source leaves out user, password and query."""
    feed = opened("https://me:word@host.example:8443/all.zip?key=secret")

    assert feed.source == "https://host.example:8443/all.zip"
