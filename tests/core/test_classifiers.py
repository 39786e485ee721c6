from cloche.core.classifiers import doubts, known


def test_known_classifiers_raise_no_doubt() -> None:
    """Every classifier in the list is beyond doubt, and so is a private one."""
    assert doubts([*known(), "Private :: Do Not Upload"]) == []


def test_each_doubt_is_told_once() -> None:
    """What is unknown or deprecated is told once, with what to write instead."""
    said = ["Nobody :: Knows", "Natural Language :: Ukranian", "Nobody :: Knows"]

    unknown, deprecated = doubts(said)

    assert "'Nobody :: Knows' is not known" in unknown
    assert "use 'Natural Language :: Ukrainian'" in deprecated
