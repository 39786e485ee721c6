"""What passes through: every fact that an upstream states is stated again, where that can be said.

Reading and writing meet here in each pair of formats, judged by plain JSON and by the standard
library's HTML parser.
"""

import string
from datetime import datetime
from html import escape
from html.parser import HTMLParser
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloche.core.beyond import MAX_DEPTH, MAX_KEYS
from cloche.core.model import project_name
from cloche.core.negotiation import Format
from cloche.core.wire import read_page, render_page

ACME = project_name("acme")
BASE = "https://index.test/simple/acme/"
JSON = "application/vnd.pypi.simple.v1+json"
HTML = "text/html"
SHA = "ab" * 32
FILE = {"filename": "acme-1.0.zip", "url": "acme-1.0.zip", "hashes": {"sha256": SHA}}


# Upstream pages of every kind, as plain JSON ---------------------------------------------------

# No control characters: HTML's parsers drop NUL and join CR and LF.
text = st.text("aZ09 \u00a0é<>&\"'#=/\\\u2028\U0001f9c0", min_size=1, max_size=8)
scalars = st.booleans() | st.integers(-(2**63), 2**63) | st.floats(-1e300, 1e300) | text
values = scalars | st.lists(scalars, max_size=2) | st.dictionaries(text, scalars, max_size=2)
new_keys = st.sampled_from(["_private", "x-new", "new_key", "newKey", "Später <neu>", 'a"b'])
unknown = st.dictionaries(new_keys, values, max_size=3)
shas = st.binary(min_size=32, max_size=32).map(bytes.hex)
times = st.builds(
    "{:%Y-%m-%dT%H:%M:%S}{}Z".format,
    st.datetimes(datetime(1990, 1, 1), datetime(2050, 1, 1)),  # noqa: DTZ001 - hypothesis' bounds
    st.just("") | st.text(string.digits, min_size=1, max_size=6).map(".{}".format),
)
FACTS: dict[str, st.SearchStrategy[Any]] = {
    "size": st.integers(0, 2**63 - 1),
    "upload-time": times,
    "requires-python": text,
    "core-metadata": st.sampled_from([True]) | shas.map(lambda sha: {"sha256": sha}),
    "yanked": st.sampled_from([True]) | text,
    "gpg-sig": st.booleans(),
    "provenance": st.just("https://x.test/provenance?a=1&b=2"),
}


@st.composite
def entries(draw: st.DrawFn, number: int) -> dict[str, Any]:
    filename = f"acme-{number}.0.zip"
    facts = draw(st.fixed_dictionaries({}, optional=FACTS))
    hashes = {"sha256": draw(shas)}
    return draw(unknown) | facts | {"filename": filename, "url": filename, "hashes": hashes}


@st.composite
def documents(draw: st.DrawFn) -> dict[str, Any]:
    files = [draw(entries(number)) for number in range(draw(st.integers(0, 3)))]
    status = {"status": draw(st.sampled_from(["active", "archived", "deprecated"]))}
    said = {
        "meta": draw(unknown) | {"api-version": "1.9"},
        "name": "acme",
        "versions": draw(st.lists(text, min_size=1, max_size=3, unique=True)),
        "files": files,
    }
    if draw(st.booleans()):
        said["project-status"] = draw(unknown) | status | {"reason": draw(text)}
    return draw(unknown) | said


def through(body: bytes, kind: str, form: Format) -> bytes:
    return render_page(read_page(ACME, body, kind, BASE, max_files=10), form, "../p/")


class Links(HTMLParser):
    """Every link's attributes, and the metas by name."""

    def __init__(self, body: bytes) -> None:
        super().__init__()
        self.links: list[dict[str, str | None]] = []
        self.metas: dict[str | None, str | None] = {}
        self.feed(body.decode())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        said = dict(attrs)
        if tag == "a":
            self.links.append(said)
        elif tag == "meta" and "name" in said:
            self.metas[said["name"]] = said["content"]


def attributes(entry: dict[str, Any]) -> dict[str, str]:
    """What an HTML link says of an entry (PEP 503, 592, 658, 714, 740), its address apart."""
    said: dict[str, str] = {}
    if "core-metadata" in entry:
        claim = entry["core-metadata"]
        value = "true" if claim is True else f"sha256={claim['sha256']}"
        said |= {"data-core-metadata": value, "data-dist-info-metadata": value}
    if "yanked" in entry:
        said["data-yanked"] = "" if entry["yanked"] is True else entry["yanked"]
    if "gpg-sig" in entry:
        said["data-gpg-sig"] = "true" if entry["gpg-sig"] else "false"
    for name in ("requires-python", "provenance"):
        if name in entry:
            said[f"data-{name}"] = entry[name]
    return said


def as_html(document: dict[str, Any], more: dict[str, str]) -> bytes:
    """The document as an HTML upstream says it, with further attributes on every link."""
    links = [
        f'<a href="{entry["url"]}#sha256={entry["hashes"]["sha256"]}"'
        + "".join(f' {k}="{escape(v)}"' for k, v in (attributes(entry) | more).items())
        + f">{entry['filename']}</a>"
        for entry in document["files"]
    ]
    status = document.get("project-status", {})
    metas = {
        "pypi:repository-version": "1.0",
        "pypi:future": "<x>",
        **{
            f"pypi:project-status{end}": status[key]
            for key, end in (("status", ""), ("reason", "-reason"))
            if key in status
        },
    }
    head = [f'<meta name="{name}" content="{escape(said)}">' for name, said in metas.items()]
    return "\n".join([*head, *links]).encode()


# The four pairs --------------------------------------------------------------------------------


@given(documents())
def test_json_to_json(document: dict[str, Any]) -> None:
    """Every member of file, page, meta and status comes through, but for address and version."""
    again = msgspec.json.decode(through(msgspec.json.encode(document), JSON, Format.JSON))

    complete = all("size" in entry for entry in document["files"])
    for entry in (*document["files"], *again["files"]):
        del entry["url"]
    document["meta"]["api-version"] = "1.4" if complete else "1.0"
    assert again == document


@given(documents())
def test_json_to_html(document: dict[str, Any]) -> None:
    """Each link says what the entry says and HTML can, and nothing else."""
    again = Links(through(msgspec.json.encode(document), JSON, Format.HTML))

    found = [(said.pop("href") or "").partition("#")[2] for said in again.links]
    assert found == [f"sha256={entry['hashes']['sha256']}" for entry in document["files"]]
    assert again.links == [attributes(entry) for entry in document["files"]]
    status = document.get("project-status", {"status": "active"})
    assert again.metas.pop("pypi:project-status-reason", None) == status.get("reason")
    assert again.metas == {
        "pypi:repository-version": "1.4",
        "pypi:project-status": status["status"],
    }


more = st.dictionaries(
    st.sampled_from(["data-x", "data-later", "data-a.b_c-1"]),
    text,
    max_size=3,
)


@given(documents(), more)
def test_html_to_html(document: dict[str, Any], more: dict[str, str]) -> None:
    """Each link keeps its attributes, those of no standard too."""
    again = Links(through(as_html(document, more), HTML, Format.HTML))

    for said in again.links:
        del said["href"]
    assert again.links == [attributes(entry) | more for entry in document["files"]]
    assert again.metas["pypi:future"] == "<x>"


@given(documents(), more)
def test_html_to_json(document: dict[str, Any], more: dict[str, str]) -> None:
    """An entry says what the link said, and not what HTML cannot say."""
    again = msgspec.json.decode(through(as_html(document, more), HTML, Format.JSON))

    told = ("filename", "hashes", "requires-python", "core-metadata", "yanked", "gpg-sig")
    expected = [
        {key: entry[key] for key in (*told, "provenance") if key in entry}
        for entry in document["files"]
    ]
    for entry in again["files"]:
        del entry["url"]
    assert again["files"] == expected
    status = document.get("project-status", {"status": "active"})
    bare = {key: status[key] for key in ("status", "reason") if key in status}
    assert again.get("project-status", {"status": "active"}) == bare


# What is not passed on, and why ----------------------------------------------------------------


def entry_of(**said: Any) -> dict[str, Any]:
    """One entry, read and written again."""
    body = msgspec.json.encode({"files": [FILE | said]})
    found: dict[str, Any] = msgspec.json.decode(through(body, JSON, Format.JSON))["files"][0]
    return found


@pytest.mark.parametrize("stated", ["2024-01-02T03:04:05.6Z", "2024-01-02T03:04:05.000000Z"])
def test_upload_time_keeps_its_precision(stated: str) -> None:
    """A time is stated as the upstream states it, to the digit (PEP 700)."""
    assert entry_of(**{"upload-time": stated})["upload-time"] == stated


@pytest.mark.parametrize(
    ("stated", "written"),
    [
        ("2024-01-02T03:04:05+02:00", "2024-01-02T01:04:05Z"),
        ("2024-01-02T03:04:05", "2024-01-02T03:04:05Z"),
        ("2024-01-02T03:04:05.1234567Z", "2024-01-02T03:04:05.123456Z"),
    ],
)
def test_a_time_of_another_form_is_put_right(stated: str, written: str) -> None:
    """A time that PEP 700 does not allow so is written as it wants: UTC, six digits at most."""
    assert entry_of(**{"upload-time": stated})["upload-time"] == written


def test_what_is_true_of_another_index_is_left_out() -> None:
    """What a page says of the index that it lies on would be a lie here (PEP 708, 752)."""
    page = {
        "meta": {"api-version": "1.4", "_last-serial": 7, "tracks": ["https://x.test/"], "_y": 1},
        "files": [],
        "_last-serial": 7,
        "alternate-locations": ["https://x.test/"],
        "namespaces": [{"name": "acme", "owned": True}],
        "_z": 1,
    }
    again = msgspec.json.decode(through(msgspec.json.encode(page), JSON, Format.JSON))

    assert again.pop("meta") == {"api-version": "1.4", "_y": 1}
    assert again == {"name": "acme", "versions": [], "files": [], "_z": 1}


def test_unknown_numbers_stay_as_they_were_written() -> None:
    """A value that no standard knows is not understood, and so not rewritten either."""
    body = (
        msgspec.json.encode({"files": [FILE]})[:-3] + b',"x": [1.10, 1e2, 12345678901234567890]}]}'
    )

    assert b'"x":[1.10, 1e2, 12345678901234567890]' in through(body, JSON, Format.JSON)


@pytest.mark.parametrize(
    "value",
    [
        b"null",
        b"[" * (MAX_DEPTH + 1) + b"]" * (MAX_DEPTH + 1),
        b'"\xff"',
        b"1e999",
        b"1" * 5000,
    ],
)
def test_an_unknown_value_that_could_harm_is_left_out(value: bytes) -> None:
    """What clients may choke on is not passed on; the file is."""
    body = msgspec.json.encode({"files": [FILE]})[:-3] + b',"x":' + value + b',"y":1}]}'
    (entry,) = msgspec.json.decode(through(body, JSON, Format.JSON))["files"]

    assert sorted(entry) == ["filename", "hashes", "url", "y"]


def test_unknown_keys_are_bounded() -> None:
    """An upstream cannot blow up an entry by keys without number."""
    many = {f"x{number}": 1 for number in range(2 * MAX_KEYS)}

    assert len(entry_of(**many)) == 3 + MAX_KEYS


def test_an_unknown_key_spoils_no_other_file() -> None:
    """Entries that say more and entries that make no sense lie beside ordinary ones."""
    files = [FILE, FILE | {"filename": "acme-2.0.zip", "x": 1}, FILE | {"size": "large"}]
    body = msgspec.json.encode({"files": files})
    again = msgspec.json.decode(through(body, JSON, Format.JSON))

    assert [entry.get("x") for entry in again["files"]] == [None, 1]
