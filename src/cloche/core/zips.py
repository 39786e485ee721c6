"""Zip archives, read so strictly that every reader must see the same members.

Clients read a wheel from its end (pip) or from its start (a streaming unzip). An archive in
which these two disagree, or which is also something else, shows different files to different
people; so the members must fill the file from its first byte to its last, and be described
twice alike (APPNOTE.TXT 4.3). A comment may follow them, in which no reader can find an archive.
"""

import zlib
from collections.abc import Iterator
from struct import Struct as Layout

from msgspec import Struct

from cloche.core.errors import BadUpload
from cloche.core.pieces import Seekable

MAX_DIRECTORY = 32 * 2**20  # bytes: 100,000 members whose names have 280 characters
MAX_COMMENT = 0xFFFF  # bytes: its length has 16 bits

_END = Layout("<4s4H2LH")
_END64 = Layout("<4sQ2H2L4Q")
_LOCATOR64 = Layout("<4sLQL")
_CENTRAL = Layout("<4s6H3L5H2L")
_LOCAL = Layout("<4s5H3L2H")
_NEWEST = 63  # 6.3: what zipfile can read
_PATCHED = 0x20
_SLACK = 64  # bytes: deflating nothing takes two
_FULL = 0xFFFFFFFF  # "see the zip64 field"
_ENCRYPTED, _DESCRIBED_AFTER, _UTF8 = 0x2041, 0x8, 0x800  # of 0x2041 any bit
_TELLING = _ENCRYPTED | _DESCRIBED_AFTER | _UTF8  # tools differ in the other flags
_DESCRIPTORS = (12, 16, 20, 24)  # bytes: with a signature or not, of 32 or 64 bits
_STORED, _DEFLATED = 0, 8
_ENDS = b"PK\5\6"
_MARKS = (_ENDS, b"PK\1\2", b"PK\3\4", b"PK\6\6", b"PK\6\7", b"PK\7\x08")  # records' first bytes
_AGAIN = "build the archive again with an ordinary tool"


class Member(Struct, frozen=True):
    name: str
    raw_name: bytes
    flags: int
    method: int
    crc: int
    packed: int  # bytes in the archive
    size: int  # bytes unpacked, as the archive claims
    start: int  # of its local header

    @property
    def is_folder(self) -> bool:
        return self.raw_name.endswith(b"/")

    @property
    def encrypted(self) -> bool:
        return bool(self.flags & _ENCRYPTED)


def members(file: Seekable, limit: int) -> list[Member]:
    """All members, in the order of the central directory.

    Raise BadUpload when the file is not exactly one zip archive of at most `limit` members.
    """
    found, start = _listed(file, limit)
    _tile(file, found, start)
    return found


def listed(file: Seekable, limit: int) -> list[Member]:
    """All members, as the central directory lists them: what lies before it is not looked at.

    Raise BadUpload when the file does not end as a zip archive does.
    """
    return _listed(file, limit)[0]


def _listed(file: Seekable, limit: int) -> tuple[list[Member], int]:
    start, stop, promised = _directory(file)
    if stop - start > MAX_DIRECTORY or promised > limit:
        raise BadUpload([f"the archive lists over {limit} members, the most allowed; ship fewer"])
    found = list(_entries(_bytes(file, start, stop - start), limit))
    if len(found) != promised:
        raise _broken(f"the zip archive lists {len(found)} members and promises {promised}")
    return found, start


def content(file: Seekable, member: Member, limit: int) -> bytes:
    """Unpack one member of at most `limit` bytes. Raise BadUpload when that cannot be."""
    if member.encrypted:
        raise BadUpload([f"{member.name!r} is encrypted; upload an archive without a password"])
    if member.size > limit or member.packed > 2 * limit + _SLACK:
        raise BadUpload([f"{member.name!r} is larger than {limit} bytes; make it shorter"])
    at = member.start + _local_length(file, member)
    data = _unpack(member, _bytes(file, at, member.packed), limit)
    if len(data) != member.size or zlib.crc32(data) != member.crc:
        raise _broken(f"{member.name!r} is damaged: its size or CRC differs")
    return data


def _unpack(member: Member, packed: bytes, limit: int) -> bytes:
    if member.method == _STORED:
        return packed
    if member.method != _DEFLATED:
        raise _broken(f"{member.name!r} is packed by method {member.method}, not deflated")
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        data = inflater.decompress(packed, limit + 1)
    except zlib.error as e:
        raise _broken(f"{member.name!r} cannot be inflated ({e})") from e
    if not inflater.eof or inflater.unused_data:
        raise _broken(f"{member.name!r} is damaged: its packed data ends elsewhere")
    return data


def _directory(file: Seekable) -> tuple[int, int, int]:
    """Where the central directory starts and stops, and how many members it promises."""
    stop, numbers = _end(file)
    if wide := _directory64(file, stop, numbers):
        stop -= _LOCATOR64.size + _END64.size
        numbers = wide
    disk, directory_disk, here, count, size, start = numbers
    if disk or directory_disk or here != count:
        raise _broken("the zip archive is one part of several")
    if start + size != stop:
        raise _broken("the zip archive does not begin where the file begins, or has gaps")
    return start, stop, count


def _end(file: Seekable) -> tuple[int, tuple[int, ...]]:
    """Where the end of the central directory is recorded, and the record's numbers.

    Readers look for it backwards (zipfile, pip), each in its own way where there is a comment: so
    nothing behind its first byte may begin a record.
    """
    length = file.seek(0, 2)
    if length < _END.size:
        raise _broken("the file is too short to be a zip archive")
    start = length - _END.size
    end = _END.unpack(_bytes(file, start, _END.size))
    if end[0] == _ENDS and end[7] == 0:
        return start, end[1:7]
    reach = max(0, start - MAX_COMMENT)
    tail = _bytes(file, reach, length - reach)
    at = tail.rfind(_ENDS, 0, len(tail) - _END.size + len(_ENDS))
    end = _END.unpack_from(tail, max(at, 0))
    if at < 0 or at + _END.size + end[7] != len(tail):
        raise _broken("the zip archive does not end where the file ends")
    if any(mark in tail[at + 1 :] for mark in _MARKS):
        raise _broken("the zip archive's comment holds parts of another archive")
    return reach + at, end[1:7]


def _directory64(file: Seekable, end: int, narrow: tuple[int, ...]) -> tuple[int, ...] | None:
    """The numbers of `narrow` in the record of a zip64 archive, which ends before `end`."""
    locator = end - _LOCATOR64.size
    record = locator - _END64.size
    if record < 0:
        return None
    signature, _, at, disks = _LOCATOR64.unpack(_bytes(file, locator, _LOCATOR64.size))
    if signature != b"PK\6\7":
        return None
    wide = _END64.unpack(_bytes(file, record, _END64.size))
    if at != record or disks > 1 or wide[:2] != (b"PK\6\6", _END64.size - 12):
        raise _broken("the zip64 archive's end is not where it says")
    for small, large, full in zip(narrow, wide[4:], (0xFFFF,) * 4 + (_FULL,) * 2, strict=True):
        if small not in (large, full):
            raise _broken("the zip64 archive's two ends contradict each other")
    return wide[4:]


def _entries(directory: bytes, limit: int) -> Iterator[Member]:
    at = seen = 0
    while at < len(directory):
        if len(directory) - at < _CENTRAL.size:
            raise _broken("the zip archive's directory is cut short")
        fields = _CENTRAL.unpack_from(directory, at)
        name_length, extra_length, comment_length = fields[10:13]
        name_at = at + _CENTRAL.size
        extra_at = name_at + name_length
        at = extra_at + extra_length + comment_length
        seen += 1
        if fields[0] != b"PK\1\2" or at > len(directory) or seen > limit:
            raise _broken("the zip archive's directory is damaged or too long")
        name, extra = directory[name_at:extra_at], directory[extra_at : extra_at + extra_length]
        yield _member(name, extra, fields)


def _member(name: bytes, extra: bytes, fields: tuple[int, ...]) -> Member:
    extras = _extras(extra)
    _refuse_renaming(name, extras)
    if fields[2] & 0xFF > _NEWEST or fields[3] & _PATCHED:
        raise _broken(f"{name!r} needs features of zip that clients lack")
    packed, size, start = fields[8], fields[9], fields[16]
    size, packed, start = _wide(extras, (size, packed, start))
    flags, method, crc = fields[3] & _TELLING, fields[4], fields[7]
    return Member(_decoded(name, flags), name, flags, method, crc, packed, size, start)


def _decoded(name: bytes, flags: int) -> str:
    try:
        return name.decode("utf-8" if flags & _UTF8 else "cp437")
    except UnicodeDecodeError as e:
        raise _broken(f"{name!r} is not UTF-8, though its header says so") from e


def _extras(extra: bytes) -> dict[int, bytes]:
    """Extra fields by their number. Some old tools pad the block: what is too short is none."""
    found: dict[int, bytes] = {}
    at = 0
    while at + 4 <= len(extra):
        kind = int.from_bytes(extra[at : at + 2], "little")
        stop = at + 4 + int.from_bytes(extra[at + 2 : at + 4], "little")
        if stop > len(extra) or (kind in found and kind in (0x0001, 0x7075)):
            raise _broken("a member's extra fields are damaged")
        found[kind] = extra[at + 4 : stop]
        at = stop
    return found


def _refuse_renaming(name: bytes, extras: dict[int, bytes]) -> None:
    """Some readers take a member's name from an extra field (Info-ZIP, 0x7075), some do not."""
    renamed = extras.get(0x7075)
    if renamed is not None and renamed[5:] != name:
        raise _broken(f"{name!r} has a second, other name in an extra field")
    if b"\0" in name or not name:
        raise _broken(f"{name!r} cannot be a member's name")


def _wide(extras: dict[int, bytes], narrow: tuple[int, ...]) -> list[int]:
    """Replace each number that did not fit by the next one of the zip64 field."""
    field, at = extras.get(0x0001, b""), 0
    numbers = []
    for number in narrow:
        if number != _FULL:
            numbers.append(number)
            continue
        if at + 8 > len(field):
            raise _broken("a member's zip64 field is too short")
        numbers.append(int.from_bytes(field[at : at + 8], "little"))
        at += 8
    return numbers


def _tile(file: Seekable, found: list[Member], stop: int) -> None:
    """Check that members fill the file up to `stop`, one right behind the other."""
    ends = {0}
    for member in sorted(found, key=lambda each: each.start):
        if member.start not in ends:
            raise _broken(f"{member.name!r} does not start where the member before it ends")
        end = member.start + _local_length(file, member) + member.packed
        if end > stop:
            raise _broken(f"{member.name!r} reaches beyond the members' end")
        described_after = member.flags & _DESCRIBED_AFTER
        ends = {end + length for length in _DESCRIPTORS} if described_after else {end}
    if stop not in ends:
        raise _broken("there are bytes between the last member and the zip archive's directory")


def _local_length(file: Seekable, member: Member) -> int:
    """The length of the member's own header, which must say what the directory says."""
    fields = _LOCAL.unpack(_bytes(file, member.start, _LOCAL.size))
    name_length, extra_length = fields[9], fields[10]
    rest = _bytes(file, member.start + _LOCAL.size, name_length + extra_length)
    name, extras = rest[:name_length], _extras(rest[name_length:])
    _refuse_renaming(name, extras)
    seen = (fields[0], name, fields[2] & _TELLING, fields[3])
    if seen != (b"PK\3\4", member.raw_name, member.flags, member.method):
        raise _broken(f"{member.name!r} differs between its header and the directory")
    if not member.flags & _DESCRIBED_AFTER:
        size, packed = _wide(extras, (fields[8], fields[7]))
        if (fields[6], packed, size) != (member.crc, member.packed, member.size):
            raise _broken(f"{member.name!r} differs between its header and the directory")
    return _LOCAL.size + len(rest)


def _bytes(file: Seekable, start: int, length: int) -> bytes:
    file.seek(start)
    data = file.read(length)
    if len(data) != length:
        raise _broken("the zip archive points beyond its end")
    return data


def _broken(cause: str) -> BadUpload:
    return BadUpload([f"{cause}; {_AGAIN}"])
