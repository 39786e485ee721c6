import hashlib
from datetime import UTC, datetime

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.utils import canonicalize_name, is_normalized_name

from cloche.core.errors import BadName
from cloche.core.model import (
    MAX_FILENAME,
    MAX_NAME,
    File,
    Page,
    digest,
    file_key,
    project_name,
    safe_filename,
    sane_hashes,
)

SHA = hashlib.sha256(b"").hexdigest()


@pytest.mark.parametrize(
    ("raw", "normal"),
    [
        ("acme", "acme"),
        ("Acme", "acme"),
        ("zope.interface", "zope-interface"),
        ("my_acme--tool..x", "my-acme-tool-x"),
        ("A-_.b", "a-b"),
        ("2to3", "2to3"),
        ("a" * MAX_NAME, "a" * MAX_NAME),
    ],
)
def test_project_name(raw: str, normal: str) -> None:
    """Every spelling of a name has one normal form (PEP 503)."""
    assert project_name(raw) == normal


@pytest.mark.parametrize(
    "raw",
    [
        "",
        "-",
        "-a",
        "a-",
        ".a",
        "a_",
        "a b",
        "a/b",
        "a\n",
        "a\0",
        "ä",
        "../x",
        "a" * (MAX_NAME + 1),
    ],
)
def test_no_project_name(raw: str) -> None:
    """What the name format does not allow is BadName."""
    with pytest.raises(BadName, match="project name"):
        project_name(raw)


@given(st.text(max_size=30))
def test_names_are_normal_for_good(raw: str) -> None:
    """A name is in normal form, as packaging says, and normalizing again changes nothing."""
    try:
        name = project_name(raw)
    except BadName:
        return
    assert is_normalized_name(name)
    assert str(name) == canonicalize_name(raw)
    assert project_name(name) == name


def test_digest() -> None:
    """A sha256 in lower-case hexadecimal is one."""
    assert digest(SHA) == SHA


@pytest.mark.parametrize("raw", ["", SHA[:-1], SHA + "0", SHA.upper(), "g" * 64, SHA + "\n"])
def test_no_digest(raw: str) -> None:
    """Anything else is not."""
    with pytest.raises(BadName, match="sha256"):
        digest(raw)


def test_file_key() -> None:
    """A key is a sha256, or `u` and one."""
    assert (file_key(SHA), file_key("u" + SHA)) == (SHA, "u" + SHA)


@pytest.mark.parametrize(
    "raw", ["", "u", "uu" + SHA, SHA + "u", SHA.upper(), "../" + SHA, SHA + "\n"]
)
def test_no_file_key(raw: str) -> None:
    """Anything else names no file."""
    with pytest.raises(BadName, match="does not name a file"):
        file_key(raw)


@pytest.mark.parametrize(
    ("raw", "safe"),
    [
        ("acme-1.0.tar.gz", True),
        ("acme tool.txt", True),
        ("ä" * (MAX_FILENAME // 2), True),
        ("ä" * (MAX_FILENAME // 2 + 1), False),
        ("a" * MAX_FILENAME, True),
        ("a" * (MAX_FILENAME + 1), False),
        ("", False),
        (".", False),
        ("..", False),
        (".hidden", False),
        ("a/b", False),
        ("/a", False),
        ("a\\b", False),
        ("a\nb", False),
        ("a\0b", False),
        ("a\x7f", False),
        ("a\u202eb", False),
        ("a\udcff", False),
    ],
)
def test_safe_filename(raw: str, *, safe: bool) -> None:
    """A filename is one visible path segment that any file system takes."""
    assert safe_filename(raw) is safe


@given(st.text(max_size=300))
def test_safe_filenames_stay_in_their_folder(raw: str) -> None:
    """No safe filename climbs, hides or breaks a line."""
    if safe_filename(raw):
        assert not {"/", "\\", "\0", "\n", "\r"} & {*raw}
        assert raw not in (".", "..")
        assert len(raw.encode()) <= MAX_FILENAME


def test_sane_hashes() -> None:
    """Only hashes that clients can check are kept, in lower case."""
    md5 = "d41d8cd98f00b204e9800998ecf8427e"
    given_hashes = {
        "SHA256": SHA.upper(),
        "md5": md5,
        "sha1": md5,
        "sha512": "",
        "sha384": "z" * 96,
        "blake2b": "0" * 64,
        "sha224": "0" * 55 + "\n",
        "": "",
    }

    assert sane_hashes(given_hashes) == {"sha256": SHA, "md5": md5}


def test_a_file_is_known_by_its_sha256() -> None:
    """The sha256 is a file's key wherever it lies."""
    file = File(filename="acme-1.0.tar.gz", hashes={"sha256": SHA}, url="https://x/a")

    assert (file.sha256, file.key) == (SHA, SHA)


def test_a_file_without_sha256_is_known_by_its_place() -> None:
    """Without a sha256 the key follows the URL, and is one."""
    one, two = (File(filename="a-1.tar.gz", hashes={"md5": "0"}, url=url) for url in ("x", "y"))

    assert one.sha256 is None
    assert one.key != two.key
    assert one.key == file_key("u" + hashlib.sha256(b"x").hexdigest())


def test_a_page_finds_its_files() -> None:
    """A page finds a file by its whole name, and nothing else."""
    files = tuple(File(filename=name) for name in ("a-1.tar.gz", "a-2.tar.gz"))
    page = Page(name=project_name("a"), files=files)

    assert page.find("a-2.tar.gz") is files[1]
    assert page.find("a-3.tar.gz") is None
    assert page.find("A-2.tar.gz") is None


def test_files_cannot_be_changed() -> None:
    """The nouns are values."""
    file = File(filename="a-1.tar.gz", upload_time=datetime(2026, 1, 1, tzinfo=UTC))

    with pytest.raises(AttributeError, match="immutable"):
        file.filename = "b"  # type: ignore[misc]  # what is tested
    assert msgspec.structs.replace(file, size=1).size == 1
