"""What clients ask for, and what they get."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloche.core.negotiation import Encoding, Format, page_encoding, page_format, wants_html

PIP = (
    "application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html; q=0.1, "
    "text/html; q=0.01"
)
UV = PIP.replace("+html; q=0.1", "+html;q=0.2").replace("; q=0.01", ";q=0.01")
POETRY = "application/vnd.pypi.simple.v1+json, */*;q=0.1"
BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8"


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        (PIP, Format.JSON),
        (UV, Format.JSON),
        (POETRY, Format.JSON),
        (BROWSER, Format.HTML),
        ("", Format.HTML),
        ("*/*", Format.HTML),
        ("text/*", Format.HTML),
        ("application/json", Format.HTML),
        ("image/png", Format.HTML),
        ("application/vnd.pypi.simple.v2+json", Format.HTML),
        ("application/vnd.pypi.simple.latest+json", Format.JSON),
        ("application/vnd.pypi.simple.latest+html", Format.HTML_V1),
        ("application/vnd.pypi.simple.v1+html", Format.HTML_V1),
        ("APPLICATION/VND.PYPI.SIMPLE.V1+JSON", Format.JSON),
        ("text/html, application/vnd.pypi.simple.v1+json", Format.JSON),
        ("text/html, application/vnd.pypi.simple.v1+json;q=0.9", Format.HTML),
        ("application/vnd.pypi.simple.v1+json;q=0, text/html;q=0.1", Format.HTML),
        ("application/vnd.pypi.simple.v1+json;q=0", Format.HTML),
        ("application/vnd.pypi.simple.v1+json;charset=utf-8;q=0.5, text/html;q=0.4", Format.JSON),
        ("application/vnd.pypi.simple.v1+json;q=nan, text/html;q=0.1", Format.HTML),
        ("application/vnd.pypi.simple.v1+json;q=wrong, text/html;q=0.1", Format.HTML),
        ("application/vnd.pypi.simple.v1+json ; Q=0.5 , text/html ; q=0.6", Format.HTML),
        (",,;;q=1,", Format.HTML),
    ],
)
def test_format_by_accept(accept: str, expected: Format) -> None:
    """The heaviest format that is offered wins, JSON among equals, text/html when none is."""
    assert page_format(accept) is expected


@pytest.mark.parametrize(
    ("wish", "expected"),
    [
        ("application/vnd.pypi.simple.v1+json", Format.JSON),
        ("application/vnd.pypi.simple.latest+html", Format.HTML_V1),
        ("text/html", Format.HTML),
        ("json", Format.JSON),  # not a type: the header decides
        ("", Format.JSON),
    ],
)
def test_format_by_wish(wish: str, expected: Format) -> None:
    """`?format=` beats the Accept header, if it names a type (PEP 691)."""
    assert page_format(PIP, wish) is expected


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        ("", Encoding.IDENTITY),
        ("identity", Encoding.IDENTITY),
        ("gzip, deflate", Encoding.GZIP),
        ("gzip, deflate, zstd", Encoding.ZSTD),
        ("gzip, deflate, br, zstd", Encoding.ZSTD),
        ("GZIP", Encoding.GZIP),
        ("*", Encoding.ZSTD),
        ("*;q=0", Encoding.IDENTITY),
        ("*;q=0, gzip", Encoding.GZIP),
        ("gzip;q=1.0, zstd;q=0.5", Encoding.GZIP),
        ("gzip;q=0", Encoding.IDENTITY),
        ("gzip;q=0, zstd;q=0", Encoding.IDENTITY),
        ("identity, gzip;q=0.5", Encoding.IDENTITY),
        ("identity;q=0.5, gzip", Encoding.GZIP),
        ("identity, gzip", Encoding.GZIP),
        ("gzip, zstd;q=nan", Encoding.GZIP),
        ("gzip;q=-1, zstd;q=-2", Encoding.IDENTITY),
        ("br", Encoding.IDENTITY),
    ],
)
def test_encoding(accept: str, expected: Encoding) -> None:
    """An encoding is used if the client takes it, and does not like the bare bytes better."""
    assert page_encoding(accept) is expected


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        (BROWSER, True),
        ("text/html", True),
        (PIP, False),
        (UV, False),
        (POETRY, False),
        ("*/*", False),
        ("", False),
        ("application/json, text/html;q=0.9", False),
    ],
)
def test_people(accept: str, expected: bool) -> None:  # noqa: FBT001 - a table's column
    """Only a browser wants pages for people; a client's last resort does not count."""
    assert wants_html(accept) is expected


headers = st.lists(
    st.sampled_from(["gzip", "zstd", "identity", "*", "text/html", "*/*", *Format]) | st.text(),
    max_size=6,
).flatmap(
    lambda names: st.lists(
        st.sampled_from(["", ";q=0", ";q=1", ";q=0.5", ";q=inf", ";q=nan", ";q="]),
        min_size=len(names),
        max_size=len(names),
    ).map(lambda weights: ",".join(map("".join, zip(names, weights, strict=True))))
)


@given(headers)
def test_any_header_is_answered(header: str) -> None:
    """Whatever a header says, there is one answer, and it is among what is offered."""
    assert page_format(header) in Format
    assert page_encoding(header) in Encoding
    assert wants_html(header) in {True, False}


TYPES = [*Format, "text/*", "application/*", "*/*", "image/png"]
qualities = st.integers(0, 1000).map(lambda thousandths: thousandths / 1000)


@given(st.dictionaries(st.sampled_from(TYPES), qualities, min_size=1), st.randoms())
def test_nothing_is_wanted_more(wanted: dict[str, float], order: Random) -> None:
    """What is chosen has the highest quality by RFC 9110, section 12.5.1, in whatever order."""

    def quality(form: str) -> float:
        ranges = (form, f"{form.partition('/')[0]}/*", "*/*")
        return next((wanted[each] for each in ranges if each in wanted), 0.0)

    items = [f"{name};q={weight:.3f}" for name, weight in wanted.items()]
    order.shuffle(items)
    chosen = page_format(", ".join(items))

    best = max(map(quality, Format))
    assert quality(chosen) == best
    assert best > 0 or chosen is Format.HTML
