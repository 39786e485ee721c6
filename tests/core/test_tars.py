import gzip
import io
import random
import tarfile
import time
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cloche.core import tars
from cloche.core.errors import BadUpload

LIMIT = 1000
LONG = "long/" * 50 + "ç.txt"
FILES = {"a.py": b"print()\n" * 100, "empty": b"", LONG: b"long", "block": bytes(512)}
FORMATS = {"ustar": tarfile.USTAR_FORMAT, "gnu": tarfile.GNU_FORMAT, "pax": tarfile.PAX_FORMAT}


def member(name: str, kind: bytes = tarfile.REGTYPE, **fields: object) -> tarfile.TarInfo:
    entry = tarfile.TarInfo(name)
    entry.type = kind
    for field, value in fields.items():
        setattr(entry, field, value)
    return entry


def tarred(files: dict[str, bytes] = FILES, kind: int = tarfile.PAX_FORMAT) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=kind) as archive:
        archive.addfile(member("folder/", tarfile.DIRTYPE))
        for name, data in files.items():
            archive.addfile(member(name, size=len(data)), io.BytesIO(data))
        archive.addfile(member("link", tarfile.SYMTYPE, linkname="a.py"))
    return out.getvalue()


def one(entry: tarfile.TarInfo, data: bytes = b"") -> bytes:
    """A single header, made right by tarfile, with data behind it, whatever their size."""
    block = entry.tobuf(tarfile.GNU_FORMAT, "utf-8", "surrogateescape")
    return block + data + bytes(-len(data) % 512) + bytes(1024)


def untarred(content: bytes, packing: str = "") -> dict[str, bytes]:
    every = tars.entries(io.BytesIO(content), packing, LIMIT, lambda entry: entry.is_file)
    return {entry.name: data for entry, data in every if entry.is_file}


def summed(block: bytes) -> bytes:
    """The header with its checksum made right."""
    blank = block[:148] + b" " * 8 + block[156:]
    return block[:148] + b"%06o\0 " % sum(blank) + block[156:]


def pax(records: bytes, kind: bytes = tarfile.XHDTYPE) -> bytes:
    extension = one(member("pax", kind, size=len(records)), records)[:-1024]
    return extension + one(member("a", size=1), b"a")


@pytest.mark.parametrize("kind", FORMATS.values(), ids=FORMATS)
def test_reads_what_tarfile_wrote(kind: int) -> None:
    """Every file comes back as it was written, in each of tarfile's formats."""
    files = FILES if kind != tarfile.USTAR_FORMAT else {"a/" * 80 + "b": b"split", **FILES}
    files = {n: d for n, d in files.items() if n != LONG or kind != tarfile.USTAR_FORMAT}

    assert untarred(tarred(files, kind)) == files


def test_says_what_is_a_file() -> None:
    """Folders and links are listed as what they are, and none of their bytes wanted."""
    found = [entry for entry, _ in tars.entries(io.BytesIO(tarred()), "", LIMIT, lambda _: False)]

    assert [each.name for each in found if each.is_folder] == ["folder/"]
    assert [each.name for each in found if not each.is_file] == ["folder/", "link"]


def test_reads_only_what_is_wanted() -> None:
    """A file that is not wanted is passed over without its bytes."""
    every = tars.entries(io.BytesIO(tarred()), "", LIMIT, lambda entry: entry.name == "a.py")

    assert {entry.name for entry, data in every if data} == {"a.py"}


def test_reads_sizes_of_gnu_for_large_files() -> None:
    """A size in GNU's binary form is understood: here the file is then too short for it."""
    huge = one(member("a", size=2**35), b"a")

    assert huge[124] == 0x80
    with pytest.raises(BadUpload, match="cut short"):
        untarred(huge)


def test_reads_signed_checksums() -> None:
    """A checksum summed over signed bytes, as some old tools did, is right too."""
    block = one(member("ç"))
    unsigned = int(block[148:154], 8)
    signed = block[:148] + b"%06o\0 " % (unsigned - 2 * 256) + block[156:]

    assert untarred(signed) == {"ç": b""}


def test_old_folders_are_no_files() -> None:
    """Before POSIX, a name that ends in a slash was a folder's."""
    old = one(member("folder/", tarfile.AREGTYPE))

    assert untarred(old) == {}


def test_an_archive_may_end_without_zeros() -> None:
    """What ends at a member's end, as tarfile reads it too, is complete."""
    assert untarred(one(member("a", size=1), b"a")[:-1024]) == {"a": b"a"}


@pytest.mark.parametrize(
    ("content", "cause"),
    [
        (b"x" * 100, "cut short"),
        (b"x" * 512, "number is none|checksum"),
        (tarred()[:700], "cut short"),
        (tarred() + b"x", "behind its end"),
        (tarred() + tarred(), "behind its end"),
        (b"b" + tarred()[1:], "checksum"),
        (one(member("a", tarfile.CHRTYPE)), "device"),
        (one(member("a", tarfile.FIFOTYPE)), "device"),
        (one(member("a", tarfile.GNUTYPE_SPARSE)), "sparse"),
        (one(member("a", b"?")), "unknown"),
        (summed(one(member("a"))[:345] + b"prefix" + one(member("a"))[351:512]), "differently"),
        (summed(one(member("a"))[:100] + b"mode" + one(member("a"))[104:512]), "number is none"),
        (one(member("a", tarfile.LNKTYPE, size=3), b"abc"), "carries data"),
        (one(member("a", tarfile.GNUTYPE_LONGNAME, size=2**30)), "larger than"),
        (one(member("a", tarfile.XHDTYPE, size=2**20 + 1)), "larger than"),
        (pax(b"17 GNU.sparse=1\n\n"), "sparse"),
        (pax(b"9 size=-\n"), "no number"),
        (pax(b"28 size=" + b"9" * 19 + b"\n"), "cut short"),
        (pax(b"30 size=" + b"9" * 21 + b"\n"), "no number"),
        (pax(b"9 path=a\n", tarfile.XGLTYPE), "all its members at once"),
        (pax(b"99999 path=a\n"), "cannot be read"),
        (pax(b"0 path=a\n"), "cannot be read"),
        (pax(b"path=a\n"), "cannot be read"),
        (pax(b"9 path=ab"), "cannot be read"),
        (summed(one(member("a"))[:124] + b"-0000000001\0" + one(member("a"))[136:512]), "number"),
        (summed(one(member("a"))[:124] + b"0_0\0        " + one(member("a"))[136:512]), "number"),
    ],
)
def test_refuses_what_is_no_plain_archive(content: bytes, cause: str) -> None:
    """What is damaged, or what readers could take differently, is refused with its cause."""
    with pytest.raises(BadUpload, match=cause):
        untarred(content)


def test_counts_members() -> None:
    """One member beyond the limit is refused."""
    content = tarred({str(number): b"" for number in range(LIMIT - 2)})
    more = tarred({str(number): b"" for number in range(LIMIT - 1)})

    assert len(untarred(content)) == LIMIT - 2
    with pytest.raises(BadUpload, match="over 1000 members"):
        untarred(more)


def test_counts_headers_without_members() -> None:
    """Headers for ever, and never a member, are refused too."""
    extension = one(member("pax", tarfile.XHDTYPE, size=0))[:512]

    with pytest.raises(BadUpload, match="over 1000 members"):
        untarred(gzip.compress(extension * (4 * LIMIT + 1), 1), "gz")


def test_a_header_full_of_digits_takes_no_time() -> None:
    """The header that keeps older tarfiles busy (CVE-2024-6232) is refused at once."""
    started = time.thread_time()

    with pytest.raises(BadUpload, match="cannot be read"):
        untarred(pax(b"1" * 2**20))

    assert time.thread_time() - started < 1


def flipped(content: bytes, chance: random.Random) -> bytes:
    at = chance.randrange(len(content))
    return content[:at] + bytes([chance.randrange(256)]) + content[at + 1 :]


def resummed(content: bytes, chance: random.Random) -> bytes:
    """A changed header whose checksum agrees."""
    start = 512 * chance.randrange(len(content) // 512 or 1)
    block = flipped(content[start : start + 512] or b"x", chance)
    return content[:start] + summed(block) + content[start + 512 :]


def cut(content: bytes, chance: random.Random) -> bytes:
    start, stop = sorted(512 * at for at in chance.choices(range(len(content) // 512 + 1), k=2))
    return content[:start] + content[stop:]


MUTATIONS: list[Callable[[bytes, random.Random], bytes]] = [flipped, resummed, resummed, cut]


@settings(max_examples=1500, deadline=1000)
@given(
    seed=st.integers(), times=st.integers(1, 3), kind=st.sampled_from(sorted(FORMATS.values())[1:])
)
def test_what_passes_is_what_tarfile_sees(seed: int, times: int, kind: int) -> None:
    """A mutated archive is refused by BadUpload, or the standard library reads the same in it."""
    chance = random.Random(seed)  # noqa: S311  # reproducible by its seed, which hypothesis shows
    content = tarred(kind=kind)
    for _ in range(times):
        content = chance.choice(MUTATIONS)(content, chance) or b"P"
    try:
        found = untarred(content)
    except BadUpload:
        return
    with tarfile.open(fileobj=io.BytesIO(content)) as archive:
        seen = [each for each in archive.getmembers() if each.isfile()]
        assert found == {spelt(each.name): data(archive, each) for each in seen}


def spelt(name: str) -> str:
    """Show undecodable bytes as `tars` does."""
    return name.encode(errors="surrogateescape").decode(errors="backslashreplace")


def data(archive: tarfile.TarFile, entry: tarfile.TarInfo) -> bytes:
    file = archive.extractfile(entry)
    assert file is not None
    return file.read()


@given(st.binary(min_size=1, max_size=2000).filter(lambda noise: any(noise[:512])))
def test_noise_is_refused(noise: bytes) -> None:
    """Random bytes are no archive."""
    with pytest.raises(BadUpload):
        untarred(noise)
