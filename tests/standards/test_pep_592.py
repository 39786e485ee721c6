"""PEP 592, Yank: what its *Specification* and *Mirrors* ask of an index."""

from functools import partial

import pytest

from tests.packages import wheel
from tests.standards.offers import Offers
from tests.upstream.kinds import HtmlOnly
from tests.waiting import until


@pytest.mark.parametrize("reason", ["broken on Windows", "false", "<b>&\"'", "zerstört"])
def test_reason_is_an_arbitrary_string(proxied: Offers, reason: str) -> None:
    """data-yanked's value "is an arbitrary string that represents the reason"; in JSON it is "a
    non empty, but otherwise arbitrary, string" (PEP 691).
    """
    proxied.upstream.add(wheel(proxied.name, "1.0"), yanked=reason)

    assert proxied.anchor().attributes["data-yanked"] == reason
    assert proxied.file()["yanked"] == reason


def test_no_reason(proxied: Offers) -> None:
    """data-yanked "may have no value"; in JSON a yank without reason is `true` (PEP 691)."""
    proxied.upstream.add(wheel(proxied.name, "1.0"), yanked=True)

    assert proxied.anchor().attributes["data-yanked"] == ""
    assert proxied.file()["yanked"] is True


def test_absence_means_not_yanked(offers: Offers) -> None:
    """The presence of data-yanked means yanked, whatever its value: other files have none."""
    offers.add(wheel(offers.name, "1.0"))

    assert "data-yanked" not in offers.anchor().attributes
    assert not offers.file().get("yanked", False)


@pytest.mark.parametrize("format_", ["json", "html"])
def test_mirrors_keep_the_marker(proxied: Offers, format_: str) -> None:
    """Mirrors "MUST NOT mirror a yanked file without also mirroring the data-yanked attribute",
    whichever format the upstream speaks; each file keeps its own.
    """
    yanked, sound = wheel(proxied.name, "1.0"), wheel(proxied.name, "2.0")
    proxied.upstream.add(yanked, yanked="no good")
    proxied.upstream.add(sound)
    if format_ == "html":
        proxied.upstream.misbehave(proxied.place, HtmlOnly())

    files = proxied.files()
    assert files[yanked.filename]["yanked"] == "no good"
    assert not files[sound.filename].get("yanked")
    marks = {a.text: a.attributes.get("data-yanked") for a in proxied.html().anchors}
    assert marks == {yanked.filename: "no good", sound.filename: None}


def test_a_yanked_file_can_be_fetched(proxied: Offers) -> None:
    """Yanking keeps a file "available for users who are explicitly asking for it"."""
    built = wheel(proxied.name, "1.0")
    proxied.upstream.add(built, yanked=True)

    for link in proxied.links():
        assert proxied.server.get(link).body == built.content


def test_a_yank_may_be_rescinded(proxied: Offers) -> None:
    """The attribute "may be rescinded in the future (and once rescinded, may be reset)"."""
    built = wheel(proxied.name, "1.0")
    proxied.upstream.project(proxied.name, max_age=0)
    for said in ("first", False, "second"):
        proxied.upstream.add(built, yanked=said)
        until(partial(is_said, proxied, said))
        assert proxied.anchor().attributes.get("data-yanked", False) == said


def is_said(proxied: Offers, yanked: bool | str) -> bool:  # noqa: FBT001 - PEP 691's own type
    return bool(proxied.file().get("yanked", False) == yanked)
