"""Trove classifiers, as the list that PyPI keeps names them."""

from collections.abc import Iterable

_PRIVATE = "Private ::"  # PyPI refuses these, which keeps what has one from being published there


def known() -> list[str]:
    """Every classifier that is in use, sorted."""
    # 3 ms, for what few requests ask.
    from trove_classifiers import classifiers  # noqa: PLC0415

    return sorted(classifiers)


def doubts(said: Iterable[str]) -> list[str]:
    """What is odd about classifiers, a sentence each. It keeps nothing from being published."""
    from trove_classifiers import classifiers, deprecated_classifiers  # noqa: PLC0415

    return [
        _doubt(each, deprecated_classifiers.get(each))
        for each in dict.fromkeys(said)
        if each not in classifiers and not each.startswith(_PRIVATE)
    ]


def _doubt(said: str, better: list[str] | None) -> str:
    if better is None:
        return f"the classifier {said[:100]!r} is not known; see `?:action=list_classifiers`"
    instead = f"use {' and '.join(map(repr, better))}" if better else "leave it out"
    return f"the classifier {said!r} is deprecated; {instead}"
