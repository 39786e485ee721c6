import io
import random
import zipfile
import zlib
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cloche.core import zips
from cloche.core.errors import BadUpload

LIMIT = 1000
FILES = {"a.py": b"print()\n" * 50, "b/": b"", "b/ç.txt": b"", "b/noise": bytes(range(256))}


def zipped(
    files: dict[str, bytes] = FILES, method: int = zipfile.ZIP_DEFLATED, *, seekable: bool = True
) -> bytes:
    out = io.BytesIO()
    target = out if seekable else Unseekable(out)
    with zipfile.ZipFile(target, "w", method) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return out.getvalue()


class Unseekable(io.RawIOBase):
    """A pipe: sizes and CRCs follow the data, in descriptors."""

    def __init__(self, out: io.BytesIO) -> None:
        self._out = out

    def writable(self) -> bool:
        return True

    def write(self, data: object) -> int:
        return self._out.write(data)  # type: ignore[arg-type]  # typeshed keeps Buffer private


def unzipped(content: bytes) -> dict[str, bytes]:
    file = io.BytesIO(content)
    return {member.name: zips.content(file, member, LIMIT) for member in zips.members(file, LIMIT)}


def swapped(old: bytes, new: bytes, times: int = -1) -> bytes:
    content = zipped(method=zipfile.ZIP_STORED)
    assert old in content
    assert len(old) == len(new)
    return content.replace(old, new, times)


def prepended() -> bytes:
    """A self-extracting archive, with its offsets made right."""
    out = io.BytesIO(b"#!/bin/sh\n")
    out.seek(0, 2)
    with zipfile.ZipFile(out, "a") as archive:
        archive.writestr("a", b"")
    return out.getvalue()


def with_hole() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("a", b"first")
        archive.writestr("b", b"second")
        del archive.NameToInfo["a"]
        archive.filelist = archive.filelist[1:]
    return out.getvalue()


def commented(comment: bytes, length: int | None = None, files: dict[str, bytes] = FILES) -> bytes:
    """With a comment, which is said to be so long."""
    said = len(comment) if length is None else length
    return zipped(files)[:-2] + said.to_bytes(2, "little") + comment


def hidden() -> bytes:
    """A second archive as the comment of the first; its offsets fit."""
    out = io.BytesIO(zipped())
    with zipfile.ZipFile(out, "a") as archive:
        archive.filelist.clear()
        archive.NameToInfo.clear()
        archive.start_dir = out.seek(0, 2)
        archive.writestr("evil.py", b"evil")
    first = len(zipped())
    return commented(out.getvalue()[first:])


def renamed_by_extra_field() -> bytes:
    entry = zipfile.ZipInfo("a.py")
    payload = b"\1" + zlib.crc32(b"a.py").to_bytes(4, "little") + b"evil.py"
    entry.extra = b"\x75\x70" + len(payload).to_bytes(2, "little") + payload
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr(entry, b"")
    return out.getvalue()


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
@pytest.mark.parametrize("seekable", [True, False])
def test_reads_what_zipfile_wrote(method: int, *, seekable: bool) -> None:
    """Every member comes back as it was written, also with data descriptors."""
    assert unzipped(zipped(method=method, seekable=seekable)) == FILES


def test_reads_zip64() -> None:
    """A member written for more than 4 GiB is read by its zip64 field."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        with archive.open("a", "w", force_zip64=True) as member:
            member.write(b"wide")
        archive.writestr("b", b"narrow")

    assert unzipped(out.getvalue()) == {"a": b"wide", "b": b"narrow"}


def test_reads_more_members_than_the_narrow_end_can_count() -> None:
    """70,000 members need zip64's own end, and are all listed."""
    content = zipped({str(number): b"" for number in range(70_000)}, zipfile.ZIP_STORED)

    assert len(zips.members(io.BytesIO(content), 100_000)) == 70_000


@pytest.mark.parametrize("comment", [b"built by a tool", b"PK", b"\5\6", bytes(0xFFFF)])
def test_reads_past_a_comment(comment: bytes) -> None:
    """A comment behind the archive changes nothing of what is in it."""
    assert unzipped(commented(comment)) == FILES


def test_reads_zip64_past_a_comment() -> None:
    """The wide end is looked for before the narrow one, wherever that is."""
    content = commented(b"wide", files={str(number): b"" for number in range(70_000)})

    assert len(zips.members(io.BytesIO(content), 100_000)) == 70_000


def test_refuses_two_ends_that_disagree() -> None:
    """A zip64 end whose count differs from the narrow end's shows readers different files."""
    content = bytearray(zipped({str(number): b"" for number in range(70_000)}, zipfile.ZIP_STORED))
    content[-12:-10] = (3).to_bytes(2, "little")

    with pytest.raises(BadUpload, match="contradict"):
        zips.members(io.BytesIO(content), 100_000)


def test_says_folder() -> None:
    """A name that ends in a slash is a folder's."""
    found = zips.members(io.BytesIO(zipped()), LIMIT)

    assert [member.name for member in found if member.is_folder] == ["b/"]


def test_counts_members() -> None:
    """One member beyond the limit is refused before any is read."""
    with pytest.raises(BadUpload, match="over 3 members"):
        zips.members(io.BytesIO(zipped()), 3)


@pytest.mark.parametrize(
    ("content", "cause"),
    [
        (b"", "too short"),
        (b"PK\5\6", "too short"),
        (b"x" * 100, "does not end"),
        (zipped() + b"\n", "does not end"),
        (zipped() + zipped(), "does not begin"),
        (b"\n" + zipped(), "does not begin"),
        (prepended(), "does not start where"),
        (commented(b"short", 6), "does not end"),
        (commented(b"longer", 5), "does not end"),
        (commented(b"longer", 0), "does not end"),
        (commented(b"PK\5\6" + bytes(18)), "does not begin"),
        (commented(b"before" + b"PK\5\6" + bytes(18) + b"behind"), "does not end"),
        (commented(b"PK\5\6" + bytes(16) + b"\6\0" + b"behind"), "does not begin"),
        (commented(b"at its end PK\5\6"), "parts of another"),
        (commented(b"\5\6" + bytes(0x4B50 - 2)), "does not end"),
        (commented(b"a directory PK\1\2"), "parts of another"),
        (commented(b"a member PK\3\4"), "parts of another"),
        (commented(b"a wide end PK\6\6"), "parts of another"),
        (commented(b"where that is PK\6\7"), "parts of another"),
        (hidden(), "does not start where"),
        (with_hole(), "does not start where"),
        (renamed_by_extra_field(), "other name"),
        (swapped(b"a.py", b"b.py", 1), "differs between"),
        (swapped(b"a.py", b"\0.py"), "cannot be a member"),
        (swapped(b"PK\3\4", b"PK\3\5"), "differs between"),
        (swapped(b"PK\1\2", b"PK\1\3"), "directory is damaged"),
    ],
)
def test_refuses_what_readers_could_see_differently(content: bytes, cause: str) -> None:
    """What is not exactly one zip archive, told twice alike, is refused with its cause."""
    with pytest.raises(BadUpload, match=cause):
        unzipped(content)


@pytest.mark.parametrize("name", list(FILES))
def test_bounds_content(name: str) -> None:
    """A member is unpacked when it fits the limit, and refused one byte below."""
    file = io.BytesIO(zipped())
    member = next(each for each in zips.members(file, LIMIT) if each.name == name)

    assert zips.content(file, member, member.size) == FILES[name]
    if member.size:
        with pytest.raises(BadUpload, match="larger than"):
            zips.content(file, member, member.size - 1)


def test_refuses_a_bomb_that_lies_about_its_size() -> None:
    """A member that inflates beyond its stated size is cut off at the limit and refused."""
    content = zipped({"bomb": b"\0" * 100_000})
    small = content.replace((100_000).to_bytes(4, "little"), (1000).to_bytes(4, "little"))
    file = io.BytesIO(small)
    [member] = zips.members(file, LIMIT)

    with pytest.raises(BadUpload, match="packed data ends elsewhere"):
        zips.content(file, member, LIMIT)


def test_refuses_damage() -> None:
    """Bytes that do not have the stated CRC are refused."""
    with pytest.raises(BadUpload, match="CRC"):
        unzipped(swapped(b"print()", b"PRINT()"))


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_refuses_rare_methods(method: int) -> None:
    """A member packed by a method that not every client has is refused."""
    with pytest.raises(BadUpload, match="not deflated"):
        unzipped(zipped({"a": b"a" * 100}, method))


def test_refuses_passwords() -> None:
    """An encrypted member is recognised and never read."""
    content = bytearray(zipped({"a": b"a"}, zipfile.ZIP_STORED))
    content[6] |= 1
    content[content.index(b"PK\1\2") + 8] |= 1
    file = io.BytesIO(content)
    [member] = zips.members(file, LIMIT)

    assert member.encrypted
    with pytest.raises(BadUpload, match="encrypted"):
        zips.content(file, member, LIMIT)


def flipped(content: bytes, chance: random.Random) -> bytes:
    at = chance.randrange(len(content))
    return content[:at] + bytes([chance.randrange(256)]) + content[at + 1 :]


def cut(content: bytes, chance: random.Random) -> bytes:
    start, stop = sorted(chance.choices(range(len(content) + 1), k=2))
    return content[:start] + content[stop:]


def doubled(content: bytes, chance: random.Random) -> bytes:
    start, stop = sorted(chance.choices(range(len(content) + 1), k=2))
    return content[:stop] + content[start:]


def filled(content: bytes, chance: random.Random) -> bytes:
    at, length = chance.randrange(len(content)), chance.choice((2, 4, 8))
    return content[:at] + chance.choice((b"\0", b"\xff")) * length + content[at + length :]


MUTATIONS: list[Callable[[bytes, random.Random], bytes]] = [flipped, cut, doubled, filled]


@settings(max_examples=1500, deadline=1000)
@given(seed=st.integers(), times=st.integers(1, 4), seekable=st.booleans(), comment=st.binary())
def test_what_passes_is_what_zipfile_sees(
    seed: int, times: int, comment: bytes, *, seekable: bool
) -> None:
    """A mutated archive is refused by BadUpload, or the standard library reads the same in it."""
    chance = random.Random(seed)  # noqa: S311  # reproducible by its seed, which hypothesis shows
    content = zipped(seekable=seekable)[:-2] + len(comment).to_bytes(2, "little") + comment
    for _ in range(times):
        content = chance.choice(MUTATIONS)(content, chance) or b"P"
    try:
        found = unzipped(content)
    except BadUpload:
        return
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert found == {name: archive.read(name) for name in archive.namelist()}


@given(st.binary(max_size=500))
def test_noise_is_refused(noise: bytes) -> None:
    """Random bytes are no archive."""
    with pytest.raises(BadUpload):
        unzipped(noise + b"PK\5\6" + bytes(18) if len(noise) % 2 else noise)
