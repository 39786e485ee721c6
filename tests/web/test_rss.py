"""The feeds, read as XML."""

from email.utils import parsedate_to_datetime
from xml.etree import ElementTree as ET

import pytest

from tests.packages import wheel
from tests.server import Cloche
from tests.upstream.controller import UPLOADED, Upstream
from tests.waiting import until
from tests.web.forms import upload
from tests.web.tokens import basic


def items(server: Cloche, path: str, headers: dict[str, str] | None = None) -> list[dict[str, str]]:
    reply = server.get(path, headers)
    assert (reply.status, reply.headers["content-type"]) == (200, "application/rss+xml")
    root = ET.fromstring(reply.body)  # noqa: S314 - our own
    assert (root.tag, root.attrib) == ("rss", {"version": "2.0"})
    return [{each.tag: each.text or "" for each in item} for item in root.iter("item")]


def published(server: Cloche, token: str, name: str, version: str, path: str = "/legacy/") -> None:
    assert upload(server.url, wheel(name, version), token, path).status == 200


def test_newest_projects(server: Cloche, token: str) -> None:
    """A project is told of once, when its first file is there."""
    published(server, token, "rs-first", "1.0")
    published(server, token, "rs-second", "1.0")
    published(server, token, "rs-first", "2.0")
    second, first, *_ = items(server, "/rss/packages.xml")

    assert (first["title"], second["title"]) == ("rs-first added", "rs-second added")
    assert first["link"] == f"{server.url}/project/rs-first/"


def test_newest_releases(server: Cloche, token: str) -> None:
    """Each version is told of, the newest first, with a date."""
    published(server, token, "rs-up", "1.0")
    published(server, token, "rs-up", "2.0")
    second, first, *_ = items(server, "/rss/updates.xml")

    assert (first["title"], second["title"]) == ("rs-up 1.0", "rs-up 2.0")
    assert parsedate_to_datetime(second["pubDate"]) >= parsedate_to_datetime(first["pubDate"])
    assert len(items(server, "/rss/updates.xml")) <= 40


def test_kept_projects_are_new_too(server: Cloche, upstream: Upstream) -> None:
    """A project that is kept of an upstream for the first time is a new one here."""
    upstream.add(wheel("rs-kept", "1.0"))
    server.get("/simple/rs-kept/")

    until(lambda: items(server, "/rss/packages.xml")[0]["title"] == "rs-kept added")


def test_releases_of_a_project(server: Cloche, upstream: Upstream) -> None:
    """An upstream's releases are dated as it says, the newest first."""
    upstream.add(wheel("rs-project", "1.0"))
    upstream.add(wheel("rs-project", "0.9"), upload_time="2025-02-03T00:00:00Z")
    newest, oldest = items(server, "/team/dev/rss/project/rs-project/releases.xml")

    assert (newest["title"], oldest["title"]) == ("0.9", "1.0")
    assert newest["pubDate"] == "Mon, 03 Feb 2025 00:00:00 GMT"
    assert parsedate_to_datetime(oldest["pubDate"]).isoformat()[:19] == UPLOADED[:19]
    assert newest["link"] == f"{server.url}/team/dev/project/rs-project/"


def test_other_spellings_redirect(server: Cloche) -> None:
    """A name that is not in normal form redirects to the feed of the one that is."""
    reply = server.get("/rss/project/Rs_Moved/releases.xml")

    assert (reply.status, reply.headers["location"]) == (301, "../rs-moved/releases.xml")
    assert server.get("/rss/project/rs-moved/releases.xml").status == 404


@pytest.mark.parametrize("feed", ["packages", "updates", "project/rs-closed/releases"])
def test_closed_indexes_stay_closed(server: Cloche, token: str, feed: str) -> None:
    """What is private is in no feed but those of whoever may read it."""
    published(server, token, "rs-closed", "1.0", "/closed/legacy/")

    assert server.get(f"/closed/rss/{feed}.xml").status == 401
    assert items(server, f"/closed/rss/{feed}.xml", basic(token)) != []
    open_ones = server.get(f"/rss/{feed}.xml")
    assert open_ones.status == 404 or b"rs-closed" not in open_ones.body


def test_a_feed_is_revalidated(server: Cloche, token: str) -> None:
    """Readers that ask every minute get 304 until there is something new."""
    published(server, token, "rs-etag", "1.0")
    etag = server.get("/rss/updates.xml").headers["etag"]
    assert server.get("/rss/updates.xml", {"If-None-Match": etag}).status == 304
    published(server, token, "rs-etag", "2.0")

    assert server.get("/rss/updates.xml", {"If-None-Match": etag}).status == 200
