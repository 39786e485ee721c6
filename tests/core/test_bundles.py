"""Manifests: what is written is read again, and nothing else is taken for one."""

from datetime import UTC

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloche.core import bundles
from cloche.core.bundles import Entry, Header, Load, Mark, Member, check_turn
from cloche.core.errors import BadBundle
from cloche.core.model import safe_filename

hexadecimal = st.text("0123456789abcdef", min_size=64, max_size=64)
names = st.from_regex(r"[a-z0-9]([a-z0-9]|-[a-z0-9]){0,20}", fullmatch=True)
filenames = st.text(min_size=1, max_size=40).filter(safe_filename)
sizes = st.integers(0, 2**40)
members = st.builds(
    Member, filename=filenames, key=hexadecimal, sha256=hexadecimal, size=sizes, here=st.booleans()
)
entries = st.builds(
    Entry,
    project=names,
    sha256=hexadecimal,
    size=st.integers(1, bundles.MAX_PAGE),
    packed=st.integers(0, bundles.MAX_PAGE),
    packed_sha256=hexadecimal,
    files=st.lists(members, max_size=4, unique_by=lambda each: each.filename).map(tuple),
)
scalars = st.none() | st.booleans() | st.integers() | st.text(max_size=9) | hexadecimal
anything = st.recursive(
    scalars, lambda inner: st.lists(inner) | st.dictionaries(st.text(max_size=9), inner)
)
keys = ["project", "sha256", "size", "packed", "files", "filename", "key", "here"]
AT = "2026-05-04T12:00:00Z"


@given(entries)
def test_lines_survive(entry: Entry) -> None:
    """A line of the manifest says what it was made of."""
    assert bundles.entry(bundles.line(entry), "") == entry


@given(st.fixed_dictionaries({}, optional=dict.fromkeys(keys, anything | names)) | anything)
def test_anything_as_a_line(said: object) -> None:
    """Reading any line ends in an entry that makes sense, or in BadBundle."""
    try:
        read = bundles.entry(msgspec.json.encode(said), "")
    except BadBundle:
        return
    assert 0 < read.size <= bundles.MAX_PAGE
    assert all(safe_filename(each.filename) and each.size >= 0 for each in read.files)


@given(st.binary(max_size=200))
def test_any_bytes(raw: bytes) -> None:
    """Whatever stands in a header's, a signature's or a mark's place is read or refused."""
    for read in (bundles.header, bundles.sealed, bundles.mark):
        with pytest.raises(BadBundle):
            read(raw)


@given(st.integers(0, 2**62), st.datetimes(timezones=st.just(UTC)), st.none() | hexadecimal)
def test_headers_survive(count: int, at: object, base: str | None) -> None:
    """A header says what it was made of, and only in the one way of writing it."""
    counts = dict.fromkeys(("projects", "pages", "files", "size", "rest", "manifest_size"), count)
    said = {"index": "main", "serial": 1, "at": at, "base": base, "manifest": "0" * 64, **counts}
    header = msgspec.convert(said, Header)

    assert bundles.header(bundles.encoded(header)) == header
    with pytest.raises(BadBundle):
        bundles.header(b" " + bundles.encoded(header))


@given(names, sizes)
def test_what_stands_before_a_member(name: str, size: int) -> None:
    """The block in front of a member tells its size, however large, and depends on nothing else."""
    head = bundles.head(name, size)

    assert head == bundles.head(name, size)
    assert len(head) % bundles.BLOCK == 0
    assert bundles.size_of(head) == size
    assert (size + bundles.padding(size)) % bundles.BLOCK == 0


def mark(bundle: str, at: str = AT, index: str = "main") -> Mark:
    said = {"bundle": bundle * 64, "index": index, "serial": 1, "at": at}
    return msgspec.convert(said, Mark)


LAST = mark("a")
LATER = "2026-05-05T12:00:00Z"
EARLIER = "2026-05-03T12:00:00Z"


@pytest.mark.parametrize(
    ("load", "last", "why"),
    [
        (Load(mark=mark("b"), base=None), None, None),
        (Load(mark=mark("b", LATER), base=None), LAST, None),
        (Load(mark=mark("b", LATER), base="a" * 64), LAST, None),
        (Load(mark=LAST, base="c" * 64), LAST, None),
        (Load(mark=mark("b"), base="a" * 64), None, "none was applied"),
        (Load(mark=mark("b"), base="c" * 64), LAST, "stands on the bundle cccc"),
        (Load(mark=mark("b"), base="c" * 64, replaces=True), LAST, "stands on the bundle cccc"),
        (Load(mark=mark("b", EARLIER), base=None), LAST, "would take carried back"),
        (Load(mark=mark("b", EARLIER), base=None, replaces=True), LAST, None),
        (Load(mark=mark("b", LATER, "team"), base=None), LAST, "would take carried back"),
        (Load(mark=mark("b", LATER, "team"), base=None, replaces=True), LAST, None),
    ],
)
def test_whose_turn_it_is(load: Load, last: Mark | None, why: str | None) -> None:
    """A bundle goes on from what is there, or replaces it by something newer, or as it is told."""
    if why is None:
        check_turn("carried", load, last)
        return
    with pytest.raises(BadBundle, match=why):
        check_turn("carried", load, last)
