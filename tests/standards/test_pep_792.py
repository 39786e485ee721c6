"""PEP 792, Project status markers in the simple index."""

import pytest

from tests.packages import wheel
from tests.standards.marking import Markable
from tests.standards.offers import Offers
from tests.upstream.kinds import HtmlOnly
from tests.waiting import until
from tests.web.answers import detail
from tests.web.forms import upload

REASON = 'why <not> & "how"'
OFFERED = ["active", "archived", "deprecated"]
CLOSED = ["archived", "quarantined"]
HOSTING = pytest.mark.parametrize("markable", ["managed upload"], indirect=True)


def test_unmarked_is_active(offers: Offers) -> None:
    """Where no status is noted, a project "is considered to be in the active state"; indices "MAY
    choose to omit" that marker.
    """
    offers.add(wheel(offers.name, "1.0"))

    assert offers.json().get("project-status", {}).get("status", "active") == "active"
    assert offers.html().metas.get("pypi:project-status", "active") == "active"


@pytest.mark.parametrize("status", [*OFFERED, "quarantined"])
def test_marker_and_reason(markable: Markable, status: str) -> None:
    """`project-status` has the marker, and "free-form text contextualizing" it as `reason`; HTML
    has meta tags pypi:project-status and pypi:project-status-reason.
    """
    markable.add(wheel(markable.offers.name, "1.0"))
    markable.declare(status, REASON)

    assert markable.offers.json()["project-status"] == {"status": status, "reason": REASON}
    metas = markable.offers.html().metas
    assert metas["pypi:project-status"] == status
    assert metas["pypi:project-status-reason"] == REASON


@pytest.mark.parametrize("status", CLOSED)
def test_an_html_upstream_says_it_too(proxied: Offers, status: str) -> None:
    """The meta tags say of an HTML page what `project-status` says of a JSON page."""
    said = {"status": status, "reason": REASON}
    proxied.upstream.project(proxied.name, extra={"project-status": said})
    proxied.add(wheel(proxied.name, "1.0"))
    proxied.upstream.misbehave(proxied.place, HtmlOnly())

    assert proxied.json()["project-status"] == said


@pytest.mark.parametrize("status", CLOSED)
def test_reason_may_be_missing(markable: Markable, status: str) -> None:
    """The index "MAY choose to omit" the reason "if no reason is provided"."""
    markable.add(wheel(markable.offers.name, "1.0"))
    markable.declare(status)

    assert "reason" not in markable.offers.json()["project-status"]
    assert "pypi:project-status-reason" not in markable.offers.html().metas


@pytest.mark.parametrize("status", ["archived", "quarantined"])
def test_version(markable: Markable, status: str) -> None:
    """The per-project index "MUST define" the version "as 1.4", in HTML and JSON."""
    markable.add(wheel(markable.offers.name, "1.0"))
    markable.declare(status)

    assert markable.offers.json()["meta"]["api-version"] == "1.4"
    assert markable.offers.html().metas["pypi:repository-version"] == "1.4"


@pytest.mark.parametrize("status", ["archived", "deprecated"])
def test_existing_files_are_offered(markable: Markable, status: str) -> None:
    """The index "MUST offer existing distributions of the project for download"."""
    built = markable.add(wheel(markable.offers.name, "1.0"))
    markable.declare(status)

    for link in markable.offers.links():
        assert markable.offers.server.get(link).body == built.content


def test_quarantined_files_are_not_offered(markable: Markable) -> None:
    """The index "MUST NOT offer any distributions of the project for download"; its versions may
    still be named.
    """
    markable.add(wheel(markable.offers.name, "1.0"))
    markable.declare("quarantined")
    said = markable.offers.json()

    assert (said["files"], said["versions"]) == ([], ["1.0"])
    assert markable.offers.html().anchors == []


@pytest.mark.parametrize("fetched", [True, False])
def test_quarantined_files_are_not_served(markable: Markable, *, fetched: bool) -> None:
    """Not on the page means not by an old link either, whether the file is kept or not."""
    built = markable.add(wheel(markable.offers.name, "1.0"))
    [link, _] = markable.offers.links()
    if fetched:
        assert markable.offers.server.get(link).status == 200
    markable.declare("quarantined", REASON)

    for path in (link, f"{link}.metadata"):
        reply = markable.offers.server.get(path)
        assert reply.status == 403
        assert built.content not in reply.body
        assert REASON in detail(reply)


@pytest.mark.parametrize("fetched", [True, False])
def test_an_upstream_that_lists_none(proxied: Offers, *, fetched: bool) -> None:
    """An upstream in its turn offers no files of a quarantined project: what was kept of it is
    not offered for that.
    """
    proxied.upstream.project(proxied.name, max_age=0)
    built = proxied.add(wheel(proxied.name, "1.0"))
    [link, _] = proxied.links()
    if fetched:
        assert proxied.server.get(link).status == 200
    proxied.upstream.remove(built)
    said = {"status": "quarantined"}
    proxied.upstream.project(proxied.name, max_age=0, extra={"project-status": said})

    until(lambda: proxied.json()["files"] == [])
    assert proxied.server.get(link).status == 403
    with proxied.upstream.down():
        assert proxied.server.get(link).status == 403


@HOSTING
@pytest.mark.parametrize("status", CLOSED)
def test_closed_projects_take_no_uploads(markable: Markable, status: str) -> None:
    """The index hosting the project "MUST NOT allow uploads of new distributions"."""
    markable.add(wheel(markable.offers.name, "1.0"))
    markable.declare(status, REASON)
    reply = upload(
        markable.offers.server.url, wheel(markable.offers.name, "2.0"), markable.offers.token
    )

    assert reply.status == 403
    assert status in detail(reply)
    markable.declare("active")
    assert (
        upload(
            markable.offers.server.url, wheel(markable.offers.name, "2.0"), markable.offers.token
        ).status
        == 200
    )


@HOSTING
@pytest.mark.parametrize("status", ["active", "deprecated"])
def test_others_take_uploads(markable: Markable, status: str) -> None:
    """The index hosting the project "MUST allow uploads of new distributions to the project"."""
    markable.add(wheel(markable.offers.name, "1.0"))
    markable.declare(status)

    assert (
        upload(
            markable.offers.server.url, wheel(markable.offers.name, "2.0"), markable.offers.token
        ).status
        == 200
    )


def test_unknown_status_is_none(proxied: Offers) -> None:
    """`status`, "if present, MUST be a valid project status marker": others are not passed on."""
    said = {"status": "haunted", "reason": REASON}
    proxied.upstream.project(proxied.name, extra={"project-status": said})
    proxied.add(wheel(proxied.name, "1.0"))

    assert proxied.json().get("project-status", {}).get("status", "active") == "active"
    assert len(proxied.html().anchors) == 1
