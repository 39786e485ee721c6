"""Reading bundles: the sound ones, and every kind that is not."""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import zstandard
from msgspec.structs import replace

from cloche.bundles.archive import Archive
from cloche.bundles.keys import Signer, check
from cloche.bundles.parts import found
from cloche.core import bundles
from cloche.core.bundles import Entry
from cloche.core.errors import BadBundle, BadSetting
from tests.bundles.making import (
    EGGS,
    ONE,
    SALT,
    TWO,
    bundle,
    contents,
    drain,
    entry,
    every,
    forge,
    members,
    page,
)


@pytest.fixture
def signer(tmp_path: Path) -> Signer:
    return Signer.create(tmp_path / "key")


def read(path: Path, trusted: Signer) -> None:
    """All that stands between a bundle and its being applied."""
    archive = Archive([path])
    check(archive.raw, archive.sealed, {trusted.public}, unsigned=False)
    drain(archive)


def test_what_was_put_in(tmp_path: Path, signer: Signer) -> None:
    """Pages and files come out as they went in, in the order of their names."""
    archive = bundle(tmp_path / "one", signer=signer)
    read(tmp_path / "one", signer)

    assert [(each.project, body) for each, body in archive.pages()] == [
        ("eggs", page("eggs", [EGGS])),
        ("salt", page("salt", [SALT])),
    ]
    files = [(member.filename, b"".join(chunks)) for _, member, chunks in archive.files()]
    assert files == [
        (EGGS.filename, EGGS.content),
        (f"{EGGS.filename}.metadata", EGGS.metadata),
        (SALT.filename, SALT.content),
        (f"{SALT.filename}.metadata", SALT.metadata),
    ]


def test_the_same_again(tmp_path: Path, signer: Signer) -> None:
    """The same contents and key make the same bytes."""
    bundle(tmp_path / "one", signer=signer)
    bundle(tmp_path / "two", signer=signer)

    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


def test_what_the_other_side_has(tmp_path: Path, signer: Signer) -> None:
    """A delta names all that the index shows, and has the bytes of what is new alone."""
    base = bundle(tmp_path / "one", signer=signer)
    delta = bundle(tmp_path / "two", {**ONE, **TWO}, ONE, signer=signer, base=base)
    read(tmp_path / "two", signer)

    assert [(each.project, body is not None) for each, body in delta.pages()] == [
        ("eggs", False),
        ("pepper", True),
        ("salt", True),
    ]
    assert {member.filename for _, member, _ in delta.files()} == {
        f"{name}{end}"
        for name in ("pepper-1.0-py3-none-any.whl", "salt-2.0-py3-none-any.whl")
        for end in ("", ".metadata")
    }
    assert delta.header.base == base.identity


def test_any_bit(tmp_path: Path, signer: Signer) -> None:
    """A bundle of which any byte is another one is refused."""
    bundle(tmp_path / "one", {"salt": [SALT]}, signer=signer)
    whole = (tmp_path / "one").read_bytes()
    bad = tmp_path / "bad"

    for at in range(0, len(whole), 5):
        bad.write_bytes(whole[:at] + bytes([whole[at] ^ 1 << at % 8]) + whole[at + 1 :])
        with pytest.raises(BadBundle):
            read(bad, signer)


def test_cut_short_or_longer(tmp_path: Path, signer: Signer) -> None:
    """A bundle that ends too early or too late is refused, wherever that is."""
    bundle(tmp_path / "one", signer=signer)
    whole = (tmp_path / "one").read_bytes()
    bad = tmp_path / "bad"

    for stop in [*range(0, len(whole), 256), len(whole) - 1]:
        bad.write_bytes(whole[:stop])
        with pytest.raises(BadBundle):
            read(bad, signer)
    for more in (b"\0", bytes(512), b"more"):
        bad.write_bytes(whole + more)
        with pytest.raises(BadBundle):
            read(bad, signer)


def test_members_that_changed_places(tmp_path: Path, signer: Signer) -> None:
    """Two members that stand in each other's place are refused, though each is whole."""
    archive = bundle(tmp_path / "one", signer=signer)
    whole = (tmp_path / "one").read_bytes()
    sizes = [
        bundles.taken(bundles.file_name(each, member), member.size)
        for each in archive.entries()
        for member in bundles.here(each)
    ]
    start = len(whole) - len(bundles.END) - sum(sizes)
    first, second = whole[start:][: sizes[0]], whole[start + sizes[0] :][: sizes[1]]
    swapped = whole[:start] + second + first + whole[start + sizes[0] + sizes[1] :]
    (tmp_path / "bad").write_bytes(swapped)

    with pytest.raises(BadBundle, match="must be"):
        read(tmp_path / "bad", signer)


def test_signatures(tmp_path: Path, signer: Signer) -> None:
    """Who signed must be trusted; nobody, or a stranger, only where that is said aloud."""
    stranger = Signer.create(tmp_path / "stranger")
    theirs = bundle(tmp_path / "theirs", TWO, signer=stranger)
    nobodys = bundle(tmp_path / "nobodys")

    for archive, why in ((theirs, "not trusted"), (nobodys, "not signed")):
        with pytest.raises(BadBundle, match=why):
            check(archive.raw, archive.sealed, {signer.public}, unsigned=False)
        check(archive.raw, archive.sealed, {signer.public}, unsigned=True)
    ours = bundle(tmp_path / "ours", signer=signer)
    for sealed in (theirs.sealed, replace(theirs.sealed, key=signer.public)):
        with pytest.raises(BadBundle, match="not over this header"):
            check(ours.raw, sealed, {signer.public, stranger.public}, unsigned=True)


def forged(entry: Entry, **other: Any) -> Callable[[], list[tuple[Entry, bytes | None]]]:
    return lambda: [(replace(entry, **other), page("salt", [SALT]))]


SOUND = entry("salt", page("salt", [SALT]), members([SALT]))
FILE, METADATA = SOUND.files
FORGED: dict[str, Callable[[], list[tuple[Entry, bytes | None]]]] = {
    "a path as project": forged(SOUND, project="../salt"),
    "a project that is not normal": forged(SOUND, project="Salt"),
    "a path as filename": forged(
        SOUND, files=(replace(FILE, filename="../../salt-1.0.zip"), METADATA)
    ),
    "an absolute path": forged(SOUND, files=(replace(FILE, filename="/etc/passwd"), METADATA)),
    "a hidden file": forged(SOUND, files=(replace(FILE, filename=".salt"), METADATA)),
    "a path as digest": forged(SOUND, files=(replace(FILE, sha256="../" * 20), METADATA)),
    "a path as key": forged(SOUND, files=(replace(FILE, key="../x"), METADATA)),
    "a wrong size": forged(SOUND, files=(replace(FILE, size=FILE.size + 1), METADATA)),
    "a size below nothing": forged(SOUND, files=(replace(FILE, size=-1, here=False), METADATA)),
    "two files of one name": forged(SOUND, files=(FILE, METADATA, replace(FILE, here=False))),
    "another page": forged(SOUND, sha256="0" * 64),
    "a page of another size": forged(SOUND, size=SOUND.size + 1),
    "a page without its file": forged(SOUND, files=(METADATA,)),
    "a page without its metadata": forged(SOUND, files=(FILE,)),
    "a file of no page": forged(
        SOUND, files=(FILE, METADATA, replace(FILE, filename="salt-3.0.zip", here=False))
    ),
    "a file under another's key": forged(SOUND, files=(replace(FILE, key="0" * 64), METADATA)),
    "a page of another project": lambda: [(replace(SOUND, project="eggs"), page("salt", [SALT]))],
    "projects out of order": lambda: [*contents(ONE)][::-1],
    "a project twice": lambda: [*contents({"salt": [SALT]})] * 2,
    "what is no page": lambda: [(entry("salt", b"[1, 2]", ()), b"[1, 2]")],
    "a page that unpacks to more": lambda: [
        (replace(SOUND, size=100), bytes(64 << 20)),
    ],
}


@pytest.mark.parametrize("forgery", FORGED)
def test_forgeries(tmp_path: Path, forgery: str, signer: Signer) -> None:
    """What is signed and yet makes no sense is refused, before anything of it is used."""
    given = FORGED[forgery]()

    forge(tmp_path / "bad", given, every(ONE), signer)
    with pytest.raises(BadBundle):
        read(tmp_path / "bad", signer)


def test_the_forger_is_good(tmp_path: Path, signer: Signer) -> None:
    """What is forged of true words is taken: it is the words for which the others are refused."""
    forge(tmp_path / "good", forged(SOUND)(), every(ONE), signer)

    read(tmp_path / "good", signer)


def test_a_manifest_that_unpacks_to_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A line without an end is refused as soon as it is too long, whatever it was packed from."""
    monkeypatch.setattr("cloche.bundles.archive.MAX_LINE", 1 << 20)
    archive = bundle(tmp_path / "one")
    whole = (tmp_path / "one").read_bytes()
    bomb = zstandard.ZstdCompressor().compress(bytes(256 << 20))
    header = bundles.encoded(
        replace(archive.header, manifest=hashlib.sha256(bomb).hexdigest(), manifest_size=len(bomb))
    )
    seal = bundles.encoded(archive.sealed)
    parts = [(bundles.HEADER, header), (bundles.SEAL, seal), (bundles.MANIFEST, bomb)]
    packed = [bundles.head(n, len(d)) + d + bytes(bundles.padding(len(d))) for n, d in parts]
    (tmp_path / "bad").write_bytes(b"".join(packed) + whole[-1024:])

    with pytest.raises(BadBundle, match="too long"):
        drain(Archive([tmp_path / "bad"]))


def test_another_format(tmp_path: Path) -> None:
    """A bundle of a later release is refused by its number, and what helps is said."""
    archive = bundle(tmp_path / "one")
    header = bundles.encoded(replace(archive.header, format=2))

    with pytest.raises(BadBundle, match="upgrade"):
        bundles.header(header)


def test_parts(tmp_path: Path) -> None:
    """Parts are one bundle again, by its name or by theirs; one that is missing is missed."""
    bundle(tmp_path / "one")
    parts = bundle(tmp_path / "cut", split=1000)
    assert parts.header == Archive([tmp_path / "one"]).header
    names = found([tmp_path / "cut"])
    assert b"".join(each.read_bytes() for each in names) == (tmp_path / "one").read_bytes()
    assert {each.stat().st_size for each in names[:-1]} == {1000}
    drain(Archive(found(names[::-1])))

    with pytest.raises(BadBundle, match="name all"):
        drain(Archive(found(names[:-1])))
    for wrong in (names[1:], [*names, names[0]], [*names, tmp_path / "one"]):
        with pytest.raises(BadSetting, match="all parts"):
            found(wrong)
    with pytest.raises(BadSetting, match="nowhere"):
        found([tmp_path / "nowhere"])


def test_what_is_no_bundle(tmp_path: Path) -> None:
    """Any other file is refused."""
    for data in (b"", b"PK\3\4" + bytes(600), bytes(2000), b"{}" * 400):
        (tmp_path / "file").write_bytes(data)
        with pytest.raises(BadBundle):
            Archive([tmp_path / "file"])
