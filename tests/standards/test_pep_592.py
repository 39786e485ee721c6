"""PEP 592, Yank: what its *Specification* and *Mirrors* ask of an index."""

import pytest

from tests.packages import wheel
from tests.standards.marking import Markable
from tests.standards.offers import Offers
from tests.upstream.kinds import HtmlOnly


@pytest.mark.parametrize("reason", ["broken on Windows", "false", "<b>&\"'", "zerstört"])
def test_reason_is_an_arbitrary_string(markable: Markable, reason: str) -> None:
    """data-yanked's value "is an arbitrary string that represents the reason"; in JSON it is "a
    non empty, but otherwise arbitrary, string" (PEP 691).
    """
    markable.yank(markable.add(wheel(markable.offers.name, "1.0")), reason)

    assert markable.offers.anchor().attributes["data-yanked"] == reason
    assert markable.offers.file()["yanked"] == reason


def test_no_reason(markable: Markable) -> None:
    """data-yanked "may have no value"; in JSON a yank without reason is `true` (PEP 691)."""
    markable.yank(markable.add(wheel(markable.offers.name, "1.0")), reason=True)

    assert markable.offers.anchor().attributes["data-yanked"] == ""
    assert markable.offers.file()["yanked"] is True


def test_absence_means_not_yanked(offers: Offers) -> None:
    """The presence of data-yanked means yanked, whatever its value: other files have none."""
    offers.add(wheel(offers.name, "1.0"))

    assert "data-yanked" not in offers.anchor().attributes
    assert not offers.file().get("yanked", False)


def test_each_file_has_its_own(markable: Markable) -> None:
    """The attribute is about "the file pointed to by this particular link", and no other."""
    yanked = markable.add(wheel(markable.offers.name, "1.0"))
    sound = markable.add(wheel(markable.offers.name, "2.0"))
    markable.yank(yanked, "no good")

    marks = {a.text: a.attributes.get("data-yanked") for a in markable.offers.html().anchors}
    assert marks == {yanked.filename: "no good", sound.filename: None}
    assert not markable.offers.files()[sound.filename].get("yanked")


@pytest.mark.parametrize("format_", ["json", "html"])
def test_mirrors_keep_the_marker(proxied: Offers, format_: str) -> None:
    """Mirrors "MUST NOT mirror a yanked file without also mirroring the data-yanked attribute",
    whichever format the upstream speaks.
    """
    proxied.upstream.add(wheel(proxied.name, "1.0"), yanked="no good")
    if format_ == "html":
        proxied.upstream.misbehave(proxied.place, HtmlOnly())

    assert proxied.file()["yanked"] == "no good"
    assert proxied.anchor().attributes["data-yanked"] == "no good"


def test_a_yanked_file_can_be_fetched(markable: Markable) -> None:
    """Yanking keeps a file "available for users who are explicitly asking for it"."""
    built = markable.add(wheel(markable.offers.name, "1.0"))
    markable.yank(built, reason=True)

    for link in markable.offers.links():
        assert markable.offers.server.get(link).body == built.content


def test_a_yank_may_be_rescinded(markable: Markable) -> None:
    """The attribute "may be rescinded in the future (and once rescinded, may be reset)"."""
    built = markable.add(wheel(markable.offers.name, "1.0"))
    for said in ("first", False, "second"):
        markable.yank(built, said)

        assert markable.offers.file().get("yanked", False) == said
        assert markable.offers.anchor().attributes.get("data-yanked", False) == said
