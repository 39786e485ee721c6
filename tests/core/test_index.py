"""Indexes over indexes: who is asked, in which order."""

from cloche.core.index import Index, asked, behind


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
