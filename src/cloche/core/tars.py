"""Tar archives from whoever uploads them: streamed, bounded in memory, bytes and time.

The standard library's tarfile reads extended headers of any size into memory, and its older
releases can be kept busy for ever by one header (CVE-2024-6232, CVE-2025-8194).
"""

from collections.abc import Callable, Iterator
from typing import BinaryIO

from msgspec import Struct

from cloche.core.errors import BadUpload
from cloche.core.unpacking import Unpacked

MAX_HEADER = 2**20  # bytes of one extended header: attributes that macOS adds reach kilobytes

_BLOCK = 512
_SPACE, _SIGN, _BINARY, _NEGATIVE = 0x20, 0x80, 0x80, 0xFF
# mode, uid, gid, mtime, devmajor, devminor
_NUMBERS = ((100, 108), (108, 116), (116, 124), (136, 148), (329, 337), (337, 345))
_DIGITS = 20  # decimal digits of any size that can be
_FILES, _FOLDER, _LINKS = (b"0", b"\0", b"7"), b"5", (b"1", b"2")
_EXTENDED = (b"x", b"g", b"L", b"K")
_AGAIN = "build the archive again with an ordinary tool"


class Entry(Struct, frozen=True):
    name: str
    size: int
    is_file: bool = True
    is_folder: bool = False


def entries(
    file: BinaryIO, packing: str, limit: int, wanted: Callable[[Entry], bool]
) -> Iterator[tuple[Entry, bytes]]:
    """Every member, with its bytes when it is `wanted`, in the order of the archive.

    `packing` is a key of `unpacking.PACKINGS`. Raise BadUpload as soon as the archive is
    none, or has more than `limit` members.
    """
    stream = Unpacked(file, packing)
    extended: dict[str, str] = {}
    kind = b""
    for kind, header in _headers(stream, limit):
        if kind in _EXTENDED:
            extended |= _extended(kind, _extension(stream, header))
            continue
        entry = _entry(header, kind, extended)
        yield entry, _body(stream, entry, wanted=wanted(entry))
        extended = {}
    if kind in _EXTENDED:
        raise _broken("the tar archive ends where a member must follow")
    stream.only_zeros()


def _headers(stream: Unpacked, limit: int) -> Iterator[tuple[bytes, bytes]]:
    members = headers = 0
    while header := _header(stream):
        kind = header[156:157]
        headers += 1
        members += kind not in _EXTENDED
        # Real archives have up to three extended headers for a member.
        if members > limit or headers > 4 * limit:
            raise BadUpload([f"the archive has over {limit} members, the most allowed; ship fewer"])
        yield kind, header


def _body(stream: Unpacked, entry: Entry, *, wanted: bool) -> bytes:
    if not wanted:
        stream.skip(entry.size + -entry.size % _BLOCK)
        return b""
    data = stream.exactly(entry.size)
    stream.skip(-entry.size % _BLOCK)
    return data


def _header(stream: Unpacked) -> bytes | None:
    """The next header, or None at the end of the archive: a block of zeros, or nothing more."""
    block = stream.read(_BLOCK)
    if not block or not any(block):
        return None
    if len(block) < _BLOCK:
        raise _broken("the tar archive is cut short")
    unsigned = sum(block[:148]) + sum(block[156:]) + 8 * _SPACE
    high = sum(byte >= _SIGN for byte in block[:148] + block[156:])
    # Some old tools summed the bytes as signed ones.
    if _number(block[148:156]) not in (unsigned, unsigned - 256 * high):
        raise _broken("the tar archive is damaged: a header's checksum is wrong")
    for start, stop in _NUMBERS:
        # tarfile takes a header with any bad number for the end of the archive.
        if block[start] != _NEGATIVE:
            _number(block[start:stop])
    return block


def _entry(header: bytes, kind: bytes, extended: dict[str, str]) -> Entry:
    name = extended.get("path") or _short_name(header)
    size = int(extended.get("size", _number(header[124:136])))
    is_file = kind in _FILES and not (kind == b"\0" and name.endswith("/"))
    is_folder = kind == _FOLDER or (not is_file and kind in _FILES)
    if not is_file and not is_folder and kind not in _LINKS:
        raise BadUpload(
            [f"{name!r} is a device, a sparse or an unknown kind of member; leave it out"]
        )
    if not is_file and size:
        raise _broken(f"{name!r} is no file and yet carries data")
    return Entry(name, size, is_file, is_folder)


def _short_name(header: bytes) -> str:
    name = _text(header[:100])
    prefix = _text(header[345:500])
    if prefix and header[257:263] != b"ustar\0":
        raise _broken("the tar archive has names that readers take differently")
    return f"{prefix}/{name}" if prefix else name


def _text(field: bytes) -> str:
    """`backslashreplace` keeps different undecodable names different."""
    return field.partition(b"\0")[0].decode("utf-8", "backslashreplace")


def _number(field: bytes) -> int:
    """An octal number, or GNU's binary one for large files."""
    if field[0] == _BINARY:
        return int.from_bytes(field[1:], "big")
    digits = field.partition(b"\0")[0].strip() or b"0"
    if digits.strip(b"01234567"):
        raise _broken("the tar archive is damaged: a header's number is none")
    return int(digits, 8)


def _extension(stream: Unpacked, header: bytes) -> bytes:
    size = _number(header[124:136])
    if size > MAX_HEADER:
        raise _broken(f"an extended header of the tar archive is larger than {MAX_HEADER} bytes")
    data = stream.exactly(size)
    stream.skip(-size % _BLOCK)
    return data


def _extended(kind: bytes, data: bytes) -> dict[str, str]:
    """What an extended header says of the member that follows (POSIX pax, GNU long names)."""
    if kind == b"L":
        return {"path": _text(data)}
    if kind == b"K":
        return {}
    told = {key: value for key, value in _records(data) if key in ("path", "size")}
    if kind == b"g" and told:
        raise _broken("the tar archive names all its members at once")
    if not told.get("size", "0").isdecimal() or len(told.get("size", "")) > _DIGITS:
        raise _broken("the tar archive is damaged: an extended header's size is no number")
    return told


def _records(data: bytes) -> Iterator[tuple[str, str]]:
    at = 0
    while at < len(data):
        digits = data[at : at + _DIGITS].partition(b" ")[0]
        length = int(digits) if digits.isdigit() else 0
        record = data[at + len(digits) + 1 : at + length]
        key, equals, value = record.partition(b"=")
        if at + length > len(data) or not equals or not value.endswith(b"\n"):
            raise _broken("the tar archive is damaged: an extended header cannot be read")
        if key.startswith(b"GNU.sparse"):
            raise BadUpload(["the archive has sparse members; build it without sparse files"])
        yield (
            key.decode("utf-8", "backslashreplace"),
            value[:-1].decode("utf-8", "backslashreplace"),
        )
        at += length


def _broken(cause: str) -> BadUpload:
    return BadUpload([f"{cause}; {_AGAIN}"])
