"""Names that may be taken for others."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from cloche.core.likeness import LONG, SHORT, Likeness, edits

NAMES = st.text("abcr-15", min_size=1, max_size=14).filter(lambda name: name.strip("-") != "")


@pytest.mark.parametrize(
    ("name", "of"),
    [
        ("reqests", "requests"),  # left out
        ("requestss", "requests"),
        ("reqeusts", "requests"),  # swapped
        ("requezts", "requests"),
        ("re-quests", "requests"),
        ("scikitlearn", "scikit-learn"),
        ("f1ask", "flask"),
        ("pillovv", "pillow"),
        ("pillllow", "pillow"),
        ("rnatplotlib", "matplotlib"),
        ("matplatlab", "matplotlib"),  # two letters of a long name
        ("python-requests", "requests"),
        ("pyrequests", "requests"),
        ("requests-python3", "requests"),
        ("pysix", "six"),
    ],
)
def test_what_is_taken_for_another(name: str, of: str) -> None:
    """Each way of making a name that resembles another is seen."""
    assert Likeness([of, "zzzzzz"]).find(name) == of


@pytest.mark.parametrize(
    ("name", "of"),
    [
        ("sax", "six"),  # three letters: too many names are one apart
        ("requezzs", "requests"),
        ("flask-login", "flask"),
        ("py", "six"),
        ("matplatlabs", "matplotlib"),
    ],
)
def test_what_is_not(name: str, of: str) -> None:
    """Names that are further apart are nobody's business."""
    assert Likeness([of]).find(name) is None


@given(st.lists(NAMES, min_size=1, max_size=5), NAMES)
@example(["abcabcabcabc"], "rrabcabcabcabc")
@example(["abcabcabcabc"], "bacacbabcabc")
def test_every_name_within_reach_is_found(names: list[str], name: str) -> None:
    """The short way finds one exactly when comparing each does, but for looks and affixes."""
    plain = name.replace("-", "")

    def is_near(other: str) -> bool:
        other = other.replace("-", "")
        return edits(plain, other) <= (len(other) >= SHORT) + (len(other) >= LONG)

    found = Likeness(names).find(name)
    if any(map(is_near, names)):
        assert found is not None
    assert found is None or found in names


def slowly(one: str, other: str) -> int:
    """The definition, as a recursion."""
    if not one or not other:
        return len(one) + len(other)
    options = [
        slowly(one[1:], other) + 1,
        slowly(one, other[1:]) + 1,
        slowly(one[1:], other[1:]) + (one[0] != other[0]),
    ]
    if one[:2] == other[:2][::-1] and len(one) > 1 and len(other) > 1:
        options.append(slowly(one[2:], other[2:]) + 1)
    return min(options)


@given(st.text("abc", max_size=5), st.text("abc", max_size=5))
def test_edits_are_counted(one: str, other: str) -> None:
    """As many as the definition says, the same both ways."""
    assert edits(one, other) == edits(other, one) == slowly(one, other)
