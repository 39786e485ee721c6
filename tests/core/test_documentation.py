import io

import pytest

from cloche.core import documentation
from cloche.core.errors import BadUpload
from tests.archives import zipped


def read(**members: str) -> dict[str, bytes]:
    file = io.BytesIO(zipped(members))
    return {each.name: documentation.content(file, each) for each in documentation.members(file)}


def test_members_are_the_files() -> None:
    """Every file of the archive is a page, folders are none."""
    found = read(**{"index.html": "<p>", "api/": "", "api/index.html": "x" * 99_999})

    assert found == {"index.html": b"<p>", "api/index.html": b"x" * 99_999}


@pytest.mark.parametrize(
    ("members", "words"),
    [
        ({}, "no index.html"),
        ({"html/index.html": ""}, "no index.html at its top"),
        ({"index.html": "", "../up.html": ""}, "would be written outside"),
        ({"index.html": "", "a/../../up.html": ""}, "would be written outside"),
        ({"index.html": "", "/etc/passwd": ""}, "would be written outside"),
        ({"index.html": "", "C:\\x.html": ""}, "would be written outside"),
        ({"index.html": "", "a\nb": ""}, "would be written outside"),
        ({"index.html": "", "./index.html": ""}, "two members are named"),
        ({"index.html": "", "a/" * 501 + "b": ""}, "longer than"),
    ],
)
def test_what_makes_no_site(members: dict[str, str], words: str) -> None:
    """An archive that would be no safe site is refused with what is wrong."""
    with pytest.raises(BadUpload, match=words):
        read(**members)


def test_no_archive() -> None:
    """What is no zip archive is refused."""
    with pytest.raises(BadUpload):
        documentation.members(io.BytesIO(b"no archive at all, though long enough for one"))


def test_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files are bounded in number, in size, and all together, before they are unpacked."""
    bomb = {"index.html": "", "zeros.bin": "\0" * 200_000}
    monkeypatch.setattr(documentation, "MAX_TOTAL", 199_999)
    with pytest.raises(BadUpload, match="unpacks to more than"):
        read(**bomb)
    monkeypatch.setattr(documentation, "MAX_TOTAL", 200_000)
    monkeypatch.setattr(documentation, "MAX_FILE", 199_999)
    with pytest.raises(BadUpload, match="larger than"):
        read(**bomb)
    monkeypatch.setattr(documentation, "MAX_FILES", 1)
    with pytest.raises(BadUpload, match="over 1 members"):
        read(**bomb)


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("index.html", "text/html"),
        ("a/style.css", "text/css; charset=utf-8"),
        ("script.js", "text/javascript; charset=utf-8"),
        ("_sources/index.rst.txt", "text/plain; charset=utf-8"),
        ("search.json", "application/json"),
        ("font.woff2", "font/woff2"),
        ("picture.PNG", "image/png"),
        ("picture.svg", "image/svg+xml"),
        ("picture.svgz", "application/octet-stream"),
        ("all.tar.gz", "application/octet-stream"),
        ("objects.inv", "application/octet-stream"),
        ("LICENSE", "application/octet-stream"),
    ],
)
def test_content_type(path: str, kind: str) -> None:
    """A file's name says what it is, the same on every machine."""
    assert documentation.content_type(path) == kind
