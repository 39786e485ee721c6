import re
from base64 import b64encode
from datetime import UTC, datetime, timedelta, timezone
from hashlib import sha256
from pathlib import Path

import pytest
from selectolax.lexbor import LexborHTMLParser

from cloche.web.ui import layout
from cloche.web.ui.layout import CONTENT_SECURITY_POLICY, day, human_size
from cloche.web.ui.pages import problem

STYLE = Path(layout.__file__).with_name("style.css").read_text("utf-8")


@pytest.mark.parametrize("tag", ["style", "script"])
def test_the_policy_allows_the_style_and_the_script_of_the_page(tag: str) -> None:
    """A browser that holds the page to the policy finds both of them named in it."""
    (element,) = LexborHTMLParser(problem(404, "Gone", "It is gone.")).css(tag)

    name = b64encode(sha256(element.text().encode()).digest()).decode()
    assert f"{tag}-src 'sha256-{name}'" in CONTENT_SECURITY_POLICY


def test_the_policy_allows_nothing_that_it_does_not_name() -> None:
    """Inline and foreign code, frames and foreign forms are all forbidden."""
    assert CONTENT_SECURITY_POLICY.startswith("default-src 'none'; ")
    assert "unsafe" not in CONTENT_SECURITY_POLICY
    assert "form-action 'self'" in CONTENT_SECURITY_POLICY
    assert "frame-ancestors 'none'" in CONTENT_SECURITY_POLICY


def test_a_problem_is_told_with_a_way_on() -> None:
    """The page for people's errors has the status, the sentence and a link."""
    tree = LexborHTMLParser(problem(503, "Could not look", "Try again.", home="/team/"))

    assert [each.text() for each in tree.css("main p, main h1")] == [
        "503",
        "Could not look",
        "Try again.",
        "To the start page",
    ]
    assert [each.attributes["href"] for each in tree.css("main a")] == ["/team/"]


@pytest.mark.parametrize(
    ("size", "said"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 kB"),
        (12_345, "12.3 kB"),
        (999_400, "999 kB"),
        (999_999, "1.0 MB"),
        (123_456_789, "123 MB"),
        (5 * 10**12, "5.0 TB"),
        (5 * 10**16, "50000 TB"),
    ],
)
def test_sizes_are_said_in_units_that_fit(size: int, said: str) -> None:
    """A size has two or three digits and the unit that goes with them."""
    assert human_size(size) == said


def test_days_are_utc() -> None:
    """A day is the same one for everybody, wherever the clock that stated it hangs."""
    east = timezone(timedelta(hours=9))

    assert day(datetime(2026, 3, 2, 1, tzinfo=east)) == "2026-03-01"
    assert day(datetime(2026, 3, 1, 1, tzinfo=UTC)) == "2026-03-01"


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
@pytest.mark.parametrize(
    ("text", "grounds"),
    [
        ("text", ("ground", "surface", "sunk", "bad-ground")),
        ("dim", ("ground", "surface", "sunk")),
        ("link", ("ground", "surface")),
        ("accent", ("ground",)),
        ("good", ("good-ground",)),
        ("bad", ("bad-ground",)),
        ("code-word", ("sunk",)),
        ("code-text", ("sunk",)),
        ("code-note", ("sunk",)),
        ("code-name", ("sunk",)),
    ],
)
def test_text_can_be_read(theme: int, text: str, grounds: tuple[str, ...]) -> None:
    """Every text's contrast with what lies behind it is at least 4.5 (WCAG 2.2, 1.4.3)."""
    colours = dict(re.findall(r"--([a-z-]+): (#[0-9a-f]+);", STYLE.split("@media")[theme]))

    for ground in grounds:
        assert contrast(colours[text], colours[ground]) >= 4.5, (text, ground)


def contrast(one: str, other: str) -> float:
    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def luminance(colour: str) -> float:
    digits = colour[1:] if len(colour) == 7 else "".join(c * 2 for c in colour[1:])
    shares = [int(digits[at : at + 2], 16) / 255 for at in (0, 2, 4)]
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in shares)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
