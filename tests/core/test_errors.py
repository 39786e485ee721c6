import re

import pytest

from cloche.core import errors
from cloche.core.errors import BadUpload, Error, UpstreamDown

DRAWN = re.compile(
    r"(?P<branch>(?:[│ ]   )*(?:[├└]── )?)(?P<name>[A-Z]\w+)(?:  +(?P<said>\S.*))?\Z"
)


def drawn() -> list[tuple[int, str, str | None]]:
    """Every class in the drawing, with its depth and what is said of it."""
    lines = (errors.__doc__ or "").splitlines()
    tree = lines[lines.index("Error") :]
    found = [DRAWN.match(line) for line in tree if line]
    assert all(found)
    return [(len(m["branch"]) // 4, m["name"], m["said"]) for m in found if m]


def derived(kind: type[Error], depth: int = 0) -> list[tuple[int, str]]:
    """Every class of the code, in the order of its definition."""
    children = [child for child in kind.__subclasses__() if child.__module__ == errors.__name__]
    below = [each for child in children for each in derived(child, depth + 1)]
    return [(depth, kind.__name__), *below]


def test_the_drawing_is_the_code() -> None:
    """The tree in the module's docstring has the classes that are there, in their order."""
    assert [(depth, name) for depth, name, _ in drawn()] == derived(Error)


def test_the_drawing_is_well_formed() -> None:
    """A branch ends with a corner, and only there."""
    lines = [line for line in (errors.__doc__ or "").splitlines() if "──" in line]
    depths = [len(line.partition("── ")[0]) // 4 for line in lines]

    for at, (line, depth) in enumerate(zip(lines, depths, strict=True)):
        later = next((each for each in depths[at + 1 :] if each <= depth), -1)
        assert ("└" in line) == (later != depth), line


def test_leaves_are_explained() -> None:
    """Every kind without kinds below it is explained, unless its name says it all."""
    plain = {"NoSuchIndex", "NoSuchFile", "NoSuchBlob"}
    rows = drawn()
    following = [depth for depth, _, _ in rows[1:]] + [0]
    leaves = [
        (name, said)
        for (depth, name, said), after in zip(rows, following, strict=True)
        if after <= depth
    ]

    assert {name for name, said in leaves if said is None} == plain


def test_detail_is_the_sentence() -> None:
    """An error's text is what the user reads."""
    assert Error("the disk is full; make room").detail == "the disk is full; make room"


def test_bad_upload_tells_all_problems() -> None:
    """All problems are there to be listed, and in one sentence for who shows only that."""
    found = BadUpload(["no name; give one", "no version; give one"])

    assert found.problems == ["no name; give one", "no version; give one"]
    assert found.detail == "no name; give one; no version; give one"


@pytest.mark.parametrize("kind", [UpstreamDown, *UpstreamDown.__subclasses__()])
def test_upstream_down_says_when_to_try_again(kind: type[UpstreamDown]) -> None:
    """Clients are told to wait: as long as the upstream said, or a little."""
    assert kind("down").retry_after == 5
    assert kind("down", retry_after=60).retry_after == 60
