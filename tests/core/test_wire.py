"""What upstreams send becomes facts, and nothing that they can send becomes an accident."""

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from cloche.core.errors import UpstreamLies
from cloche.core.model import File, Page, project_name
from cloche.core.negotiation import Format
from cloche.core.wire import read_page, render_page

ACME = project_name("acme")
BASE = "https://index.test/simple/acme/"
SHA = "ab" * 32
FILE = {"filename": "acme-1.0.tar.gz", "url": "acme-1.0.tar.gz", "hashes": {"sha256": SHA}}
JSON = "application/vnd.pypi.simple.v1+json"
HTML = "text/html"


def read(body: str | bytes, kind: str = JSON, url: str = BASE) -> Page:
    raw = body.encode() if isinstance(body, str) else body
    return read_page(ACME, raw, kind, url, max_files=10)


def json_page(*files: dict[str, Any], **said: Any) -> bytes:
    """Write a page; underscores in a keyword stand for dashes."""
    rest = {key.replace("_", "-"): value for key, value in said.items()}
    return msgspec.json.encode({"files": files, **rest})


def json_file(**said: Any) -> File:
    """Read one file back from a page that says these facts of it."""
    facts = {key.replace("_", "-"): value for key, value in said.items()}
    return read(json_page({**FILE, **facts})).files[0]


def html_file(attributes: str = "", href: str = f"acme-1.0.tar.gz#sha256={SHA}") -> File:
    return read(f'<a href="{href}" {attributes}>any text</a>', HTML).files[0]


# Facts, PEP by PEP ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "fact", "expected"),
    [
        ({"size": 7}, "size", 7),
        ({"size": -1}, "size", None),
        ({"size": 2**63}, "size", None),
        ({"size": None}, "size", None),
        (
            {"upload_time": "2024-01-02T03:04:05.678901Z"},
            "upload_time",
            datetime(2024, 1, 2, 3, 4, 5, 678901, UTC),
        ),
        (
            {"upload_time": "2024-01-02T03:04:05"},
            "upload_time",
            datetime(2024, 1, 2, 3, 4, 5, tzinfo=UTC),
        ),
        (
            {"upload_time": "2024-01-02T03:04:05+02:00"},
            "upload_time",
            datetime(2024, 1, 2, 1, 4, 5, tzinfo=UTC),
        ),
        ({"upload_time": "0001-01-01T00:00:00+23:59"}, "upload_time", None),
        ({"upload_time": "9999-12-31T23:59:59-23:59"}, "upload_time", None),
        ({"upload_time": None}, "upload_time", None),
        ({"requires_python": ">=3.8"}, "requires_python", ">=3.8"),
        ({"yanked": True}, "yanked", True),
        ({"yanked": "false"}, "yanked", "false"),
        ({"yanked": ""}, "yanked", False),
        ({"yanked": None}, "yanked", False),
        ({"core_metadata": {"sha256": SHA}}, "core_metadata", {"sha256": SHA}),
        ({"core_metadata": {"sha256": "short"}}, "core_metadata", True),
        ({"core_metadata": {}}, "core_metadata", True),
        ({"core_metadata": None}, "core_metadata", False),
        ({"data_dist_info_metadata": {"sha256": SHA}}, "core_metadata", {"sha256": SHA}),
        ({"core_metadata": False, "data_dist_info_metadata": True}, "core_metadata", False),
        ({"hashes": {"SHA256": SHA.upper()}}, "hashes", {"sha256": SHA}),
        ({"hashes": {"sha256": SHA[:-1], "md5": "00" * 16}}, "hashes", {"md5": "00" * 16}),
        ({"hashes": {"sha256": None, "md5": "00" * 16}}, "hashes", {"md5": "00" * 16}),
        ({"hashes": {"crc32": "00000000"}}, "hashes", {}),
        ({"hashes": None}, "hashes", {}),
        ({"provenance": "https://x.test/p"}, "provenance", "https://x.test/p"),
        ({"provenance": "javascript:alert(1)"}, "provenance", None),
        ({"gpg_sig": True}, "gpg_sig", True),
        ({"gpg_sig": False}, "gpg_sig", False),
        ({"gpg_sig": None}, "gpg_sig", None),
        ({"upload_time": "yesterday"}, "upload_time", None),
        ({"upload_time": "2024-01-02T03:04:05.678901Z"}, "upload_time_text", None),
        ({"upload_time": "2024-01-02T03:04:05Z"}, "upload_time_text", None),
        ({"upload_time": "2024-01-02T03:04:05.6Z"}, "upload_time_text", "2024-01-02T03:04:05.6Z"),
        ({"upload_time": "2024-01-02T03:04:05.1234567Z"}, "upload_time_text", None),
        ({"upload_time": "2024-01-02 03:04:05Z"}, "upload_time_text", None),
        ({"dist_info_metadata": True}, "core_metadata", True),
        ({"hashes": {"sha3_256": "ab" * 32}}, "hashes", {"sha3_256": "ab" * 32}),
        ({"hashes": {"blake2b": "ab" * 64}}, "hashes", {}),
        ({"hashes": {"shake_128": "ab" * 16}}, "hashes", {}),
        ({"url": "/f/acme-1.0.tar.gz"}, "url", "https://index.test/f/acme-1.0.tar.gz"),
        ({"url": "https://o.test/a?x=1#sha256=0"}, "url", "https://o.test/a?x=1"),
        ({"_private": [1, None]}, "filename", "acme-1.0.tar.gz"),
    ],
)
def test_reads_a_json_fact(said: dict[str, Any], fact: str, expected: object) -> None:
    """Each fact of a JSON entry is kept if it makes sense, and is unknown if it does not."""
    assert getattr(json_file(**said), fact) == expected


@pytest.mark.parametrize(
    ("attributes", "fact", "expected"),
    [
        ('data-requires-python="&gt;=3.8"', "requires_python", ">=3.8"),
        ("data-yanked", "yanked", True),
        ('data-yanked=""', "yanked", True),
        ('data-yanked="a &quot;reason&quot;"', "yanked", 'a "reason"'),
        (f'data-core-metadata="sha256={SHA}"', "core_metadata", {"sha256": SHA}),
        (f'data-dist-info-metadata="sha256={SHA}"', "core_metadata", {"sha256": SHA}),
        ('data-core-metadata="true"', "core_metadata", True),
        ('data-core-metadata="sha256=short"', "core_metadata", True),
        ('data-core-metadata="false"', "core_metadata", False),
        ("", "core_metadata", False),
        ('data-provenance="https://x.test/p"', "provenance", "https://x.test/p"),
        ('data-gpg-sig="true"', "gpg_sig", True),
        ('data-gpg-sig="false"', "gpg_sig", False),
        ('data-gpg-sig="maybe"', "gpg_sig", None),
        ("", "hashes", {"sha256": SHA}),
        ("", "size", None),
        ("", "url", "https://index.test/simple/acme/acme-1.0.tar.gz"),
    ],
)
def test_reads_an_html_fact(attributes: str, fact: str, expected: object) -> None:
    """Each attribute of an HTML link says what PEP 503, 592, 714 and 740 say that it does."""
    assert getattr(html_file(attributes), fact) == expected


@pytest.mark.parametrize(
    ("href", "filename"),
    [
        ("acme-1.0%2Blocal.tar.gz", "acme-1.0+local.tar.gz"),
        ("../../f/acme-1.0.tar.gz?token=1#md5=0", "acme-1.0.tar.gz"),
        (" acme-1.0.tar.gz#egg=acme&amp;x=1", "acme-1.0.tar.gz"),
    ],
)
def test_names_a_file_as_its_link_does(href: str, filename: str) -> None:
    """The filename is the last path segment, decoded once, whatever the link's text says."""
    assert html_file(href=href).filename == filename


def test_base_moves_links() -> None:
    """`<base>` is what relative links are relative to, and itself is relative to the page."""
    page = read('<base href="/files/"><a href="a/acme-1.0.tar.gz">x</a>', HTML)

    assert page.files[0].url == "https://index.test/files/a/acme-1.0.tar.gz"


@pytest.mark.parametrize("base", ["http://[::1", "", "//[", "http://[v1.x]:1/"])
def test_base_without_sense_is_ignored(base: str) -> None:
    """A `<base>` that is no address never costs more than the links that it spoils."""
    try:
        page = read(f'<base href="{base}"><a href="{BASE}acme-1.0.tar.gz">x</a>', HTML)
    except UpstreamLies:
        return
    assert [file.filename for file in page.files] == ["acme-1.0.tar.gz"]


@pytest.mark.parametrize("status", ["active", "archived", "deprecated", "quarantined"])
def test_reads_each_status(status: str) -> None:
    """A status and its reason are read from both formats (PEP 792)."""
    metas = (
        f'<meta name="pypi:repository-version" content="1.4">'
        f'<meta name="pypi:project-status" content="{status}">'
        f'<meta name="pypi:project-status-reason" content="because">'
    )
    pages = (
        read(json_page(project_status={"status": status, "reason": "because"})),
        read(metas, HTML),
    )

    assert [(page.status, page.status_reason) for page in pages] == [(status, "because")] * 2


@pytest.mark.parametrize("said", [None, {}, {"status": None}, {"status": "Wild", "reason": "x"}])
def test_status_without_sense_is_none(said: object) -> None:
    """A status that PEP 792 does not know counts as active, for clients may fail on it."""
    page = read(json_page(project_status=said))

    assert (page.status, page.status_reason) == ("active", None)


def test_quarantined_page_offers_nothing() -> None:
    """A quarantined project is rendered without its files (PEP 792)."""
    page = read(json_page(FILE, project_status={"status": "quarantined"}))

    assert page.files
    for form in Format:
        assert b"acme-1.0" not in render_page(page, form, "../p/").replace(b'["1.0"]', b"")


def test_nulls_count_as_unknown() -> None:
    """A page whose every optional value is null reads like one that says nothing."""
    nulls = dict.fromkeys(
        ["size", "upload-time", "requires-python", "core-metadata", "yanked", "provenance"]
    )
    page = json_page(
        {"filename": "a-1.zip", "url": "a-1.zip", "hashes": None, **nulls},
        meta=None,
        name=None,
        versions=None,
        project_status=None,
    )

    assert read(page) == read(json_page({"filename": "a-1.zip", "url": "a-1.zip"}))
    assert read(json_page(meta={"api-version": None}, versions=["1", None])).versions == ("1",)


# What is refused ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"", JSON),
        (b"null", JSON),
        (b"[]", JSON),
        (b"{}", JSON),
        (b'{"files": null}', JSON),
        (b'{"files": {}}', JSON),
        (b'{"files": []', JSON),
        (b"[" * 100_000, JSON),
        (b'{"files": [' + b"[" * 100_000 + b"]" * 100_000 + b"]}", JSON),
        (b'{"x": ' + b'{"x":' * 100_000 + b"1" + b"}" * 100_000 + b', "files": []}', JSON),
        (b'\xff{"files": []}', JSON),
        (json_page(name="other"), JSON),
        (json_page(name="../acme"), JSON),
        (json_page(meta={"api-version": "2.0"}), JSON),
        (json_page({"filename": "../evil", "url": "x"}), JSON),
        (json_page({"filename": "a-1.zip"}), JSON),
        (json_page(*[FILE] * 11), JSON),
        (b"", HTML),
        (b"<h1>Please log in</h1>", HTML),
        (b'<meta name="pypi:repository-version" content="2.0"><a href="a-1.zip">a</a>', HTML),
        (b'<a href="javascript:alert(1)">a</a>', HTML),
        (b"<a href='a-1.zip'>a</a>" * 11, HTML),
        (json_page(FILE), "image/png"),
        (json_page(FILE), ""),
        (json_page(FILE), "text/plain; charset=utf-8"),
    ],
)
def test_refuses_what_is_no_page(body: bytes, kind: str) -> None:
    """What cannot be understood as a whole is refused, and never passes for an empty project."""
    with pytest.raises(UpstreamLies, match="acme"):
        read(body, kind)


@pytest.mark.parametrize("kind", [JSON, "application/json", JSON.upper(), f"{JSON}; charset=utf-8"])
def test_takes_json_types(kind: str) -> None:
    """JSON may call itself by any of its names, with parameters, in any case."""
    assert read(json_page(FILE), kind).files


def test_empty_page_is_believed_when_it_is_marked() -> None:
    """An HTML page without files is a page when it says of which version of the API it is."""
    assert read('<meta name="pypi:repository-version" content="1.0">', HTML).files == ()


@pytest.mark.parametrize(
    "url",
    [
        "ftp://x.test/acme-1.0.zip",
        "http://index.test/acme-1.0.zip",
        "file:///etc/passwd",
        "javascript:alert(1)",
        "https://user:secret@x.test/acme-1.0.zip",
        "https://[::1/acme-1.0.zip",
        "https://x.test:0/acme-1.0.zip",
        "https://x.test:99999/acme-1.0.zip",
        "https://x.test/acme\x07-1.0.zip",
        "https://x.test/" + "a" * 5000,
    ],
)
def test_unacceptable_address_drops_the_file(url: str) -> None:
    """A file whose address is not plain http(s), or is less safe than the page's, is left out."""
    page = read(json_page({"filename": "acme-1.0.zip", "url": url}, {**FILE}))

    assert [file.filename for file in page.files] == ["acme-1.0.tar.gz"]


@pytest.mark.parametrize(
    "filename",
    ["", ".", "..", ".hidden-1.0.zip", "a/b", "a\\b", "a\x00b", "a\nb", "é" * 128, "a" * 256, None],
)
def test_unsafe_filename_drops_the_file(filename: str | None) -> None:
    """A file whose name is no plain path segment is left out."""
    page = read(json_page({"filename": filename, "url": "x"}, FILE))

    assert [file.filename for file in page.files] == ["acme-1.0.tar.gz"]


def test_first_of_a_name_stays() -> None:
    """Of two files of one name the first is listed, as a client would choose."""
    other = {**FILE, "hashes": {"sha256": "cd" * 32}}

    assert [file.sha256 for file in read(json_page(FILE, other)).files] == [SHA]


@pytest.mark.parametrize("tag", [b"div", b"b", b"svg", b"a", b"table", b"template"])
def test_depth_costs_no_time(tag: bytes) -> None:
    """A page nested without end is read like any other (within the suite's time limit)."""
    body = b"<%b>" % tag * 1_000_000 + b'<a href="demo-1.0.tar.gz">demo-1.0.tar.gz</a>'

    page = read_page(
        project_name("demo"), body, HTML, "http://127.0.0.1/simple/demo/", max_files=10
    )

    assert [file.filename for file in page.files] == ["demo-1.0.tar.gz"]
