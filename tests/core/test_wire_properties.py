"""Pages of every kind, made up: what is written is read again, here and by another reader."""

from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote, urljoin

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from packaging.utils import parse_sdist_filename
from pypi_simple import DistributionPackage, ProjectPage

from cloche.core.errors import UpstreamLies
from cloche.core.model import File, Page, project_name
from cloche.core.negotiation import Format
from cloche.core.wire import read_page, render_page, render_projects

ACME = project_name("acme")
BASE = "https://index.test/simple/acme/"
PREFIX = "../../packages/main/acme/"
SHA = "ab" * 32
JSON = "application/vnd.pypi.simple.v1+json"
HTML = "text/html"


def read(body: bytes, kind: str) -> Page:
    return read_page(ACME, body, kind, BASE, max_files=10)


text = st.text(max_size=30)
scalars: st.SearchStrategy[Any] = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), text
)
anything = st.recursive(
    scalars, lambda inner: st.lists(inner) | st.dictionaries(text, inner), max_leaves=8
)
FACTS = [
    *("filename", "url", "hashes", "size", "upload-time", "requires-python", "core-metadata"),
    *("data-dist-info-metadata", "yanked", "provenance", "gpg-sig"),
]
evil_files = st.fixed_dictionaries(
    {}, optional={**dict.fromkeys(FACTS, anything), "filename": text, "url": text}
)
evil_pages = st.fixed_dictionaries(
    {"files": st.lists(evil_files | anything, max_size=4)},
    optional=dict.fromkeys(["meta", "name", "versions", "project-status"], anything),
)


def survives(body: bytes, kind: str) -> None:
    """Reading ends in a page or in UpstreamLies, and what was read can be written."""
    try:
        page = read(body, kind)
    except UpstreamLies:
        return
    for form in Format:
        render_page(page, form, PREFIX)


@given(evil_pages | anything)
def test_any_json_is_survived(page: object) -> None:
    """Any JSON document at all is a page or refused, never an accident."""
    survives(msgspec.json.encode(page), JSON)


pieces = st.sampled_from(
    [
        *("<a", " href=", '"', "'", ">", "</a>", "<base", "<meta", " name=", " content=", "#", "&"),
        *("pypi:repository-version", "pypi:project-status", "1.0", "acme-1.0.zip", "sha256=", SHA),
        *("data-yanked=", "data-core-metadata", "http://[", "//", "&#0;", "\x00", "<!--", "\xff"),
        *("<title>", "<svg>", "<template>", "%2F", "%zz", "&quot;", "=", "\n"),
    ]
).map(lambda piece: piece.encode("latin-1"))


@given(st.lists(pieces | st.binary(max_size=8), max_size=40).map(b"".join))
def test_any_html_is_survived(body: bytes) -> None:
    """Any bytes at all that call themselves HTML are a page or refused, never an accident."""
    survives(body, HTML)


# What HTML can carry: its parsers drop NUL, join CR and LF, and trim addresses.
plain = st.text(
    st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\ufffe\uffff"), min_size=1
)
shas = st.binary(min_size=32, max_size=32).map(bytes.hex)
moments = st.integers(0, 2**32).map(lambda second: datetime.fromtimestamp(second, UTC))
filenames = st.from_regex(r"[a-zé&\"']{1,8}-[0-9](\.[0-9])?(\+[a-z0-9]{1,4})?\.zip", fullmatch=True)


@st.composite
def files(draw: st.DrawFn) -> File:
    filename = draw(filenames)
    return File(
        filename=filename,
        url=f"https://files.test/{filename}",
        hashes={"sha256": draw(shas)},
        size=draw(st.none() | st.integers(0, 2**63 - 1)),
        upload_time=draw(st.none() | moments),
        requires_python=draw(st.none() | plain),
        core_metadata=draw(st.booleans() | shas.map(lambda sha: {"sha256": sha})),
        yanked=draw(st.booleans() | plain),
        provenance=draw(st.none() | st.just("https://x.test/provenance?a=1&b=2")),
    )


pages = st.builds(
    lambda listed, versions, status, reason: Page(
        name=ACME,
        files=tuple(listed),
        versions=versions,
        status=status,
        status_reason=None if status == "active" else reason,
    ),
    st.lists(files(), max_size=4, unique_by=lambda file: file.filename),
    st.lists(plain, max_size=3, unique=True).map(tuple),
    st.sampled_from(["active", "archived", "deprecated"]),
    st.none() | plain,
)


def moved(page: Page) -> Page:
    """The page as a reader of ours sees it: its files lie here."""
    there = tuple(
        msgspec.structs.replace(
            file, url=urljoin(BASE, f"{PREFIX}{file.key}/{quote(file.filename)}")
        )
        for file in page.files
    )
    return msgspec.structs.replace(page, files=there)


@given(pages)
def test_json_round_trip(page: Page) -> None:
    """What is written as JSON is read again as the same facts, every one."""
    again = read(render_page(page, Format.JSON, PREFIX), JSON)

    versions = page.versions or again.versions
    assert again == msgspec.structs.replace(moved(page), versions=versions)


@given(pages, st.sampled_from([Format.HTML, Format.HTML_V1]))
def test_html_round_trip(page: Page, form: Format) -> None:
    """What is written as HTML is read again as the same facts, all that HTML can carry."""
    again = read(render_page(page, form, PREFIX), form)

    bare = tuple(
        msgspec.structs.replace(file, size=None, upload_time=None) for file in moved(page).files
    )
    assert again == msgspec.structs.replace(page, files=bare, versions=())


# A second implementation as the judge ---------------------------------------------------------

COMPLETE = Page(
    name=ACME,
    files=(
        File(
            filename="acme-1.0+local.1.tar.gz",
            url="https://files.test/acme-1.0+local.1.tar.gz",
            hashes={"sha256": SHA, "md5": "cd" * 16},
            size=123,
            upload_time=datetime(2024, 1, 2, 3, 4, 5, 678901, UTC),
            requires_python=">=3.8,<4",
            core_metadata={"sha256": "ef" * 32},
            yanked='a "reason" <b>',
            provenance="https://x.test/p?a=1&b=2",
        ),
        File(filename="acme-2.0-py3-none-any.whl", url="https://x.test/w", size=0, yanked=True),
    ),
    status="deprecated",
    status_reason="use <other> & better",
)


def judged(page: Page, form: Format) -> ProjectPage:
    """The page as pypi-simple reads it."""
    body = render_page(page, form, PREFIX)
    if form is Format.JSON:
        return ProjectPage.from_json_data(msgspec.json.decode(body), BASE)
    return ProjectPage.from_html(page.name, body, BASE)


def told(found: DistributionPackage, *facts: str) -> list[object]:
    return [getattr(found, fact) for fact in facts]


@pytest.mark.parametrize("form", Format)
def test_another_reader_sees_the_same(form: Format) -> None:
    """pypi-simple reads every fact out of our pages as it was meant, in each format."""
    found = judged(COMPLETE, form)
    first, second = found.packages

    assert (found.project, found.repository_version) == ("acme", "1.4")
    assert (found.status, found.status_reason) == ("deprecated", "use <other> & better")
    assert told(first, "filename", "version", "package_type", "requires_python") == [
        *("acme-1.0+local.1.tar.gz", "1.0+local.1", "sdist", ">=3.8,<4"),
    ]
    assert first.url == f"https://index.test/packages/main/acme/{SHA}/acme-1.0%2Blocal.1.tar.gz"
    assert first.digests["sha256"] == SHA
    assert told(first, "has_metadata", "metadata_digests", "provenance_url") == [
        *(True, {"sha256": "ef" * 32}, "https://x.test/p?a=1&b=2"),
    ]
    assert told(first, "is_yanked", "yanked_reason") == [True, 'a "reason" <b>']
    assert (second.is_yanked, bool(second.yanked_reason), second.digests) == (True, False, {})
    assert not second.has_metadata


def test_another_reader_sees_what_only_json_has() -> None:
    """Sizes, upload times and versions are in the JSON page (PEP 700)."""
    found = judged(COMPLETE, Format.JSON)

    assert found.versions == ["1.0+local.1", "2.0"]
    assert told(found.packages[0], "size", "upload_time", "digests") == [
        *(123, COMPLETE.files[0].upload_time, COMPLETE.files[0].hashes),
    ]


def test_json_says_no_null() -> None:
    """What is unknown is left out of the JSON page: uv fails the whole project on a null."""
    bare = Page(name=ACME, files=(File(filename="acme-1.0.zip", url="https://x.test/a"),))
    body = render_page(bare, Format.JSON, PREFIX)

    said = msgspec.json.decode(body)
    assert b"null" not in body
    assert said["meta"] == {"api-version": "1.0"}  # without sizes it is not 1.1 (PEP 700)
    assert sorted(said["files"][0]) == ["filename", "hashes", "url"]
    assert "project-status" not in said
    assert b"dist-info-metadata" not in render_page(COMPLETE, Format.JSON, PREFIX)


@settings(max_examples=50, deadline=None)  # pypi-simple takes its time
@given(pages, st.sampled_from(Format))
def test_another_reader_agrees(page: Page, form: Format) -> None:
    """pypi-simple finds the files, digests and yanks of any page that we can write."""
    found = judged(page, form)

    assert [(p.filename, p.digests, p.is_yanked) for p in found.packages] == [
        (file.filename, file.hashes, bool(file.yanked)) for file in page.files
    ]
    assert found.status == page.status or (found.status, page.status) == (None, "active")


@given(st.lists(filenames, max_size=4, unique=True))
def test_versions_are_those_of_the_filenames(names: list[str]) -> None:
    """A page that states no versions lists those that its filenames tell (PEP 700)."""
    said = Page(name=ACME, files=tuple(File(filename=n, url=f"https://x.test/{n}") for n in names))
    body = msgspec.json.decode(render_page(said, Format.JSON, PREFIX))

    plain_ones = [n for n in names if n.rpartition("-")[0].isalnum() and n.isascii()]
    assert {str(parse_sdist_filename(n)[1]) for n in plain_ones} <= set(body["versions"])


@pytest.mark.parametrize("form", Format)
def test_list_of_projects(form: Format) -> None:
    """The list of projects names each once, and links to its page with a slash (PEP 503, 691)."""
    body = render_projects([ACME, project_name("b-c")], form)

    if form is Format.JSON:
        assert msgspec.json.decode(body) == {
            "meta": {"api-version": "1.4"},
            "projects": [{"name": "acme"}, {"name": "b-c"}],
        }
    else:
        assert body.count(b"<a ") == 2
        assert b'<a href="b-c/">b-c</a>' in body
        assert b'content="1.4"' in body
