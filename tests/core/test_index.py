"""Indexes over indexes: who is asked, in which order."""

from cloche.core.index import Index, Route, asked, behind, watched
from cloche.core.patterns import names
from tests.rules.samples import clause


def indexes(**sources: tuple[str, ...]) -> dict[str, Index]:
    return {name: Index(name=name, sources=each) for name, each in sources.items()}


def test_the_order_of_asking() -> None:
    """An index comes before its sources, and each of these with all of its own."""
    made = indexes(main=("team", "pypi"), team=("partner", "pypi"))

    assert asked(made, "main") == ["main", "team", "partner", "pypi", "pypi"]


def test_nothing_behind_the_last() -> None:
    """Nobody is asked after an upstream that is last wherever it is drawn on."""
    made = indexes(main=("team", "pypi"), team=("pypi",), other=("partner",))

    assert behind(made, "pypi") is None


def test_what_comes_behind() -> None:
    """An upstream or an index that is asked later is found, through other indexes too."""
    assert behind(indexes(main=("pypi", "partner")), "pypi") == ("main", "partner")
    assert behind(indexes(public=("pypi",), main=("public", "team"), team=()), "pypi") == (
        "main",
        "team",
    )


def test_what_is_watched() -> None:
    """All that an index draws on, by routes too, if a rule of it goes by first-seen."""
    route = Route(projects=names(["acme-*"]), sources=("partner",))
    seen, stated = clause("cooldown", by="first-seen"), clause("cooldown")
    made = {
        "main": Index(name="main", sources=("team",), routes=(route,), clauses=(stated, seen)),
        "team": Index(name="team", sources=("pypi",)),
        "other": Index(name="other", sources=("main", "elsewhere"), clauses=(stated,)),
    }

    assert watched(made) == {"main", "team", "partner", "pypi"}
