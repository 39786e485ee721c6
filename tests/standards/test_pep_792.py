"""PEP 792, Project status markers in the simple index."""

import pytest

from tests.packages import wheel
from tests.standards.offers import Offers
from tests.upstream.kinds import HtmlOnly

OFFERED = ["active", "archived", "deprecated"]


def marked(proxied: Offers, status: str, reason: str | None = "why <not>") -> None:
    said = {"status": status} | ({"reason": reason} if reason else {})
    proxied.upstream.project(proxied.name, extra={"project-status": said})


def test_unmarked_is_active(offers: Offers) -> None:
    """Where no status is noted, a project "is considered to be in the active state"; indices "MAY
    choose to omit" that marker.
    """
    offers.add(wheel(offers.name, "1.0"))

    assert offers.json().get("project-status", {}).get("status", "active") == "active"
    assert offers.html().metas.get("pypi:project-status", "active") == "active"


@pytest.mark.parametrize("status", [*OFFERED, "quarantined"])
@pytest.mark.parametrize("format_", ["json", "html"])
def test_marker_and_reason(proxied: Offers, status: str, format_: str) -> None:
    """`project-status` has the marker, and "free-form text contextualizing" it as `reason`; HTML
    has meta tags pypi:project-status and pypi:project-status-reason.
    """
    marked(proxied, status)
    proxied.add(wheel(proxied.name, "1.0"))
    if format_ == "html":
        proxied.upstream.misbehave(proxied.place, HtmlOnly())

    assert proxied.json()["project-status"] == {"status": status, "reason": "why <not>"}
    metas = proxied.html().metas
    assert metas["pypi:project-status"] == status
    assert metas["pypi:project-status-reason"] == "why <not>"


@pytest.mark.parametrize("status", ["archived", "quarantined"])
def test_reason_may_be_missing(proxied: Offers, status: str) -> None:
    """The index "MAY choose to omit" the reason "if no reason is provided"."""
    marked(proxied, status, reason=None)
    proxied.add(wheel(proxied.name, "1.0"))

    assert "reason" not in proxied.json()["project-status"]
    assert "pypi:project-status-reason" not in proxied.html().metas


@pytest.mark.parametrize("status", [*OFFERED, "quarantined"])
def test_version(proxied: Offers, status: str) -> None:
    """The per-project index "MUST define" the version "as 1.4", in HTML and JSON."""
    marked(proxied, status)
    proxied.add(wheel(proxied.name, "1.0"))

    assert proxied.json()["meta"]["api-version"] == "1.4"
    assert proxied.html().metas["pypi:repository-version"] == "1.4"


@pytest.mark.parametrize("status", OFFERED)
def test_existing_files_are_offered(proxied: Offers, status: str) -> None:
    """The index "MUST offer existing distributions of the project for download"."""
    marked(proxied, status)
    built = proxied.add(wheel(proxied.name, "1.0"))

    for link in proxied.links():
        assert proxied.server.get(link).body == built.content


def test_quarantined_files_are_not_offered(proxied: Offers) -> None:
    """The index "MUST NOT offer any distributions of the project for download"; its versions may
    still be named.
    """
    marked(proxied, "quarantined")
    proxied.add(wheel(proxied.name, "1.0"))
    said = proxied.json()

    assert (said["files"], said["versions"]) == ([], ["1.0"])
    assert proxied.html().anchors == []


def test_unknown_status_is_none(proxied: Offers) -> None:
    """`status`, "if present, MUST be a valid project status marker": others are not passed on."""
    marked(proxied, "haunted")
    proxied.add(wheel(proxied.name, "1.0"))

    assert proxied.json().get("project-status", {}).get("status", "active") == "active"
    assert len(proxied.html().anchors) == 1
