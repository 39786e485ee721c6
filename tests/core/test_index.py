"""Indexes over indexes: what is drawn on, who may answer for a project, who comes last."""

from typing import Any

from cloche.core.index import Index, Route, Ways, behind, watched
from cloche.core.model import ProjectName
from cloche.core.patterns import names
from tests.rules.samples import clause

ACME, DEMO = ProjectName("acme-tool"), ProjectName("demo")


def routed(*sources: str, pattern: str = "acme-*") -> Route:
    return Route(projects=names([pattern]), sources=sources)


def indexes(**made: Any) -> dict[str, Index]:
    """Each index by its sources, or by all its settings."""
    settings = {
        name: said if isinstance(said, dict) else {"sources": said} for name, said in made.items()
    }
    return {name: Index(name=name, **said) for name, said in settings.items()}


def test_all_that_is_drawn_on() -> None:
    """An index comes before its sources, each of these before its own, and each once."""
    made = indexes(main=("team", "pypi"), team=("partner", "pypi"))

    assert Ways(made, "main").places == ("main", "team", "partner", "pypi")
    assert Ways(made, "pypi").places == ("pypi",)


def test_what_only_a_route_names_is_drawn_on() -> None:
    """Whoever reads an index may see what a route of it leads to."""
    made = indexes(main={"sources": ("pypi",), "routes": (routed("team"),)}, team=())

    assert Ways(made, "main").places == ("main", "pypi", "team")


def test_who_may_answer_for_a_project() -> None:
    """A route leaves only its own sources, in the index and in what it draws on."""
    made = indexes(
        main=("team", "pypi"), team={"sources": ("partner",), "routes": (routed("safe"),)}
    )

    assert Ways(made, "main").of(DEMO) == {"main", "team", "partner", "pypi"}
    assert Ways(made, "main").of(ACME) == {"main", "team", "safe", "pypi"}


def test_the_first_route_that_matches_counts() -> None:
    """A route behind another that matches is not looked at."""
    routes = (routed(pattern="acme-tool"), routed("team"))
    made = indexes(main={"sources": ("pypi",), "routes": routes}, team=())

    assert Ways(made, "main").sources(ACME) == ()
    assert Ways(made, "main").sources(ProjectName("acme-other")) == ("team",)


def test_upstreams_that_are_not_asked() -> None:
    """Without caching, upstreams answer for nothing; other indexes do."""
    for fallthrough in ("none", "redirect"):
        made = indexes(main={"sources": ("team", "pypi"), "fallthrough": fallthrough}, team=())
        assert Ways(made, "main").of(DEMO) == {"main", "team"}


def test_nothing_behind_the_last() -> None:
    """Nobody is asked after an upstream that is last wherever it is drawn on."""
    made = indexes(main=("team", "pypi"), team=("pypi",), other=("partner",))

    assert behind(made, "pypi") is None


def test_what_comes_behind() -> None:
    """An upstream or an index that is asked later is found, through other indexes too."""
    assert behind(indexes(main=("pypi", "partner")), "pypi") == ("main", "partner")
    nested = indexes(public=("pypi",), main=("public", "team"), team=())
    assert behind(nested, "pypi") == ("main", "team")
    assert behind(nested, "pypi", ["public"]) is None


def test_what_comes_behind_on_a_route() -> None:
    """A route's sources have an order of their own."""
    routes = (routed("pypi", "team"),)
    made = indexes(main={"sources": ("team", "pypi"), "routes": routes}, team=())

    assert behind(made, "pypi") == ("main", "team")


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


def test_what_rules_withhold_on_the_way() -> None:
    """A place may not answer when any index on the way to it withholds what it has."""
    made = {
        "main": Index(name="main", sources=("team", "pypi")),
        "team": Index(name="team", sources=("pypi", "own")),
        "own": Index(name="own"),
    }
    ways = Ways(made, "main").without(lambda index, _, hosted: (index, hosted) == ("team", False))

    assert ways.of(DEMO) == {"main", "team", "own", "pypi"}
    assert Ways(made, "team", ways.withholds).of(DEMO) == {"team", "own"}
    assert ways.shows(DEMO, ("main", "team", "own"))
    assert not ways.shows(DEMO, ("main", "team", "pypi"))
    assert Ways(made, "main").shows(DEMO, ("main", "team", "pypi"))


def test_who_may_answer_whatever_the_name() -> None:
    """Who answers for one project answers for all, unless routes, merging or rules go by names."""
    plain = indexes(main=("team", "pypi"), team=("partner",))
    routed_below = indexes(main=("team",), team={"sources": ("pypi",), "routes": (routed("own"),)})
    merging = indexes(main={"sources": ("pypi",), "merge": names(["demo"])})

    assert Ways(plain, "main").of_all == Ways(plain, "main").of(DEMO)
    assert "pypi" in Ways(plain, "main").of_all
    assert Ways(plain, "main").without(lambda *_: False).of_all == frozenset()
    assert Ways(routed_below, "main").of_all == frozenset()
    assert Ways(merging, "main").of_all == frozenset()
