import gzip

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloche.core import gzips, roots
from cloche.core.model import ProjectName
from cloche.core.negotiation import Format
from cloche.core.roots import MANY, Roll, changed, entries, parts, roll

names = st.from_regex(r"[a-z0-9]{1,3}", fullmatch=True).map(ProjectName)
serials = st.integers(1, 10**9)
lists = st.dictionaries(names, serials, max_size=40)


def anew(said: dict[ProjectName, int], serial: int) -> Roll:
    return roll(sorted(said.items()), serial)


def listed(of: Roll) -> dict[ProjectName, int]:
    return {name: serial for some in entries(of) for name, serial in some.items()}


def read(of: Roll, form: Format = Format.JSON) -> bytes:
    return gzip.decompress(gzips.joined(parts(of, form, {})))


@given(lists, serials)
def test_all_projects_are_listed(said: dict[ProjectName, int], serial: int) -> None:
    """The list names each project once, sorted, with its serial, and the newest one above."""
    page = msgspec.json.decode(read(anew(said, serial)))

    assert page == {
        "meta": {"_last-serial": serial, "api-version": "1.4"},
        "projects": [{"name": n, "_last-serial": s} for n, s in sorted(said.items())],
    }


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Parts of few projects, so that few projects make many."""
    monkeypatch.setattr(roots, "MANY", 3)


@pytest.mark.usefixtures("small")
@given(lists, st.lists(st.dictionaries(names, st.none() | serials, max_size=12), max_size=4))
def test_changes_lead_to_the_same_list(
    before: dict[ProjectName, int], steps: list[dict[ProjectName, int | None]]
) -> None:
    """Whatever comes, goes or changes, in whatever steps, the list is as if written anew."""
    mine, said = anew(before, 1), dict(before)
    for step in steps:
        mine = changed(mine, step, 7)
        said = {n: s for n, s in {**said, **step}.items() if s is not None}

    assert listed(mine) == said
    for form in Format:
        assert read(mine, form) == read(anew(said, mine.serial), form)


@given(st.sets(names, max_size=40))
def test_html_links_to_every_project(said: set[ProjectName]) -> None:
    """In HTML each project is a link to its page, with a slash (PEP 503)."""
    page = read(anew(dict.fromkeys(said, 1), 1), Format.HTML).decode()

    assert [line for line in page.splitlines() if line.startswith("<a")] == [
        f'<a href="{name}/">{name}</a><br>' for name in sorted(said)
    ]
    assert '<meta name="pypi:repository-version" content="1.4">' in page


def test_a_change_rewrites_its_own_part() -> None:
    """Of many parts, those in which nothing changed are the same objects."""
    many = {ProjectName(f"p{number:05}"): 1 for number in range(10 * MANY)}
    before = anew(many, 1)
    after = changed(before, {ProjectName("p00007"): 2, ProjectName("p09999"): 1}, 2)

    kept = set(map(id, before.stretches)) & set(map(id, after.stretches))
    assert len(before.stretches) == 10
    assert len(kept) == 9


def test_a_part_that_grows_is_split() -> None:
    """Parts stay small, so that a change stays cheap, however many projects come."""
    mine = Roll()
    for start in range(0, 20 * MANY, MANY):
        more = {ProjectName(f"p{number:05}"): 1 for number in range(start, start + MANY)}
        mine = changed(mine, more, 1)

    assert len(listed(mine)) == 20 * MANY
    assert max(len(some) for some in entries(mine)) <= 2 * MANY


def test_html_is_written_for_what_changed_alone() -> None:
    """Parts in HTML that were written once are used again."""
    many = {ProjectName(f"p{number:05}"): 1 for number in range(10 * MANY)}
    before, known = anew(many, 1), dict[bytes, gzips.Part]()
    first = parts(before, Format.HTML, known)
    second = parts(changed(before, {ProjectName("q"): 1}, 2), Format.HTML, known)

    assert len(set(map(id, first)) & set(map(id, second))) == 9
    assert len(known) == 10
