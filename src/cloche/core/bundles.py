"""Bundles: what an index shows at a moment, as one archive that is carried to another server.

A bundle is a tar archive of which every byte follows from its manifest: a header, a signature of
that header, the manifest, pages, files (docs/reference/bundles.md).
"""

import hashlib
import tarfile
from base64 import b64decode, b64encode
from collections.abc import Collection, Iterable, Iterator
from datetime import datetime

import msgspec
from msgspec import Struct

from cloche.core.errors import BadBundle, BadName, UpstreamLies
from cloche.core.model import (
    BESIDE,
    METADATA,
    Digest,
    FileKey,
    Page,
    ProjectName,
    digest,
    file_key,
    project_name,
    safe_filename,
)
from cloche.core.negotiation import Format
from cloche.core.wire import read_page

FORMAT = 1
HEADER, SEAL, MANIFEST = "cloche-bundle.json", "cloche-bundle.sig", "manifest.jsonl.zst"
BASE = "https://bundle.invalid/"
"""What links of pages are relative to: a name that nobody can have (RFC 6761, section 6.4)."""

BLOCK = 512
END = bytes(2 * BLOCK)
MAX_HEADER = 64 << 10  # bytes of the header, and of the signature
MAX_LINE = 64 << 20  # bytes of what the manifest says of one project
MAX_PAGE = 64 << 20  # bytes of a page, decompressed
MAX_FILES = 100_000  # of one project
_MAX_SIZE = 2**62
_SIGNED = b"cloche bundle 1\n"
_Name = tuple[str, FileKey, str | None]


class Origin(Struct, frozen=True, kw_only=True):
    """Of what index a bundle tells, and of which moment."""

    index: str
    serial: int
    at: datetime


class Header(Origin, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The first member. `base` is the bundle on which this one stands, if it is not whole."""

    format: int = FORMAT
    base: str | None = None
    projects: int  # that the index shows
    pages: int  # of which the page is in here
    files: int  # in here
    size: int  # their bytes
    rest: int  # bytes of the archive behind the manifest, without its end
    manifest: str  # sha256
    manifest_size: int

    @property
    def origin(self) -> Origin:
        return Origin(index=self.index, serial=self.serial, at=self.at)


class Member(Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """A file, or what lies beside one. `here`: its bytes are in this bundle."""

    filename: str
    key: FileKey  # of the distribution
    sha256: Digest
    size: int
    here: bool = False


class Entry(Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """A line of the manifest: a project that the index shows, with all that belongs to it."""

    project: ProjectName
    sha256: Digest  # of the page
    size: int
    packed: int = 0  # bytes that the page takes in here; none: the other side has it
    packed_sha256: str = ""
    files: tuple[Member, ...] = ()


class Sealed(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The second member. Without a key nobody has signed."""

    key: str = ""
    signature: str = ""  # base64


class Mark(Origin, frozen=True, kw_only=True):
    """What a server has, as it is carried back: the bundle that was applied last."""

    bundle: Digest


class Load(Struct, frozen=True, kw_only=True):
    """A bundle that was read to its end, and found good."""

    mark: Mark
    base: str | None  # the bundle that must have been applied before
    replaces: bool = False  # whatever was applied before


_read_header = msgspec.json.Decoder(Header).decode
_read_entry = msgspec.json.Decoder(Entry).decode
_read_sealed = msgspec.json.Decoder(Sealed).decode
_read_mark = msgspec.json.Decoder(Mark).decode


def encoded(what: Header | Sealed | Mark) -> bytes:
    return msgspec.json.encode(what) + b"\n"


def line(entry: Entry) -> bytes:
    return msgspec.json.encode(entry) + b"\n"


def to_sign(header: bytes) -> bytes:
    """What a signature is over: nothing else that is signed begins so."""
    return _SIGNED + header


def identity(header: bytes) -> Digest:
    """What a bundle is called by the one that stands on it. It covers every byte."""
    return Digest(hashlib.sha256(header).hexdigest())


# What is read ------------------------------------------------------------------------------------


def header(raw: bytes) -> Header:
    """Raise BadBundle."""
    try:
        read = _read_header(raw)
    except (msgspec.DecodeError, UnicodeDecodeError) as e:
        raise broken(f"its header cannot be read ({e})") from None
    if read.format != FORMAT:
        raise BadBundle(
            f"the bundle is of format {read.format}, and {FORMAT} is known; upgrade cloche here"
        )
    counts = (read.projects, read.pages, read.files, read.size, read.rest, read.manifest_size)
    if min(counts) < 0 or max(counts) > _MAX_SIZE or read.at.tzinfo is None or encoded(read) != raw:
        raise broken("its header contradicts itself")
    return read


def sealed(raw: bytes) -> Sealed:
    """Raise BadBundle."""
    try:
        read = _read_sealed(raw)
        said = b64encode(b64decode(read.signature, validate=True)).decode()
    except (msgspec.DecodeError, UnicodeDecodeError, ValueError) as e:
        raise broken(f"its signature cannot be read ({e})") from None
    if encoded(read) != raw or said != read.signature:  # what is unused in it could be anything
        raise broken("its signature is written as nobody writes it")
    return read


def mark(raw: bytes) -> Mark:
    """Raise BadBundle when it is none."""
    try:
        read = _read_mark(raw)
        digest(read.bundle)
    except (msgspec.DecodeError, UnicodeDecodeError, BadName):
        raise BadBundle(
            "this is neither a bundle nor a mark; take what `cloche bundle mark` prints"
        ) from None
    return read


def entry(raw: bytes, after: str) -> Entry:
    """Read a line of the manifest, which comes after that of another project, in their order.

    Raise BadBundle unless all that it names can be what it is named for.
    """
    try:
        read = _read_entry(raw)
        digest(read.sha256)
        sound = project_name(read.project) == read.project > after
        sound = sound and 0 < read.size <= MAX_PAGE and 0 <= read.packed <= MAX_PAGE
        names = [_named(each) for each in read.files]
    except (msgspec.DecodeError, UnicodeDecodeError, BadName) as e:
        raise broken(f"its manifest cannot be read ({e})") from None
    if not sound or len(set(names)) < len(names) or len(names) > MAX_FILES * (1 + len(BESIDE)):
        raise broken(f"its manifest makes no sense at {read.project!r}")
    return read


def _named(member: Member) -> str:
    """The name, if all is well with it. Raise BadName."""
    digest(member.sha256)
    file_key(member.key)
    if not safe_filename(member.filename) or not 0 <= member.size <= _MAX_SIZE:
        raise BadName(f"{member.filename!r} can be no file")
    return member.filename


def page(entry: Entry, body: bytes) -> Page:
    """Read a project's page, and hold it against what the manifest says.

    Raise BadBundle unless both name the same files.
    """
    if len(body) != entry.size or hashlib.sha256(body).hexdigest() != entry.sha256:
        raise broken(f"the page of {entry.project} is not the one that its manifest names")
    address = f"{BASE}{entry.project}/"
    try:
        read = read_page(entry.project, body, Format.JSON, address, max_files=MAX_FILES)
    except UpstreamLies as e:
        raise broken(f"the page of {entry.project} cannot be read ({e})") from None
    said = {(each.filename, each.key, each.sha256) for each in entry.files}
    named = set(_named_by(read))
    listed = {(file.filename, file.key) for file in read.files}
    if not named <= said or not all(_lies_beside(each, listed) for each in said - named):
        raise broken(f"page and manifest differ in the files of {entry.project}")
    return read


def _named_by(page: Page) -> Iterator[_Name]:
    """Files and their metadata, as the page names them."""
    for file in page.files:
        yield file.filename, file.key, file.sha256
        if file.core_metadata:
            claims = file.core_metadata if isinstance(file.core_metadata, dict) else {}
            yield file.filename + METADATA, file.key, claims.get("sha256")


def _lies_beside(name: _Name, listed: Collection[tuple[str, FileKey]]) -> bool:
    """Whether it is a signature or provenance of a file that is listed."""
    return any((name[0].removesuffix(end), name[1]) in listed for end in BESIDE[1:])


def check_turn(upstream: str, load: Load, last: Mark | None) -> None:
    """Raise BadBundle unless the bundle goes on from what was applied last, or is that one."""
    mark = load.mark
    if last is not None and last.bundle == mark.bundle:
        return
    if load.base is not None and (last is None or last.bundle != load.base):
        has = f"what was applied last is {_shown(last)}" if last else "none was applied"
        raise BadBundle(
            f"the bundle stands on the bundle {load.base[:12]}, and to {upstream} {has}; apply "
            "those that come before it, in their order, or make one with --since and what "
            "`cloche bundle mark` prints here"
        )
    if last is None or load.replaces or (last.index == mark.index and last.at <= mark.at):
        return
    raise BadBundle(
        f"the bundle {_shown(mark)} would take {upstream} back from {_shown(last)}; if that is "
        "meant, say --replace, else apply a newer one, or name another upstream with --to"
    )


def _shown(mark: Mark) -> str:
    return f"{mark.bundle[:12]} of index {mark.index} at {mark.at:%Y-%m-%d %H:%M:%S} UTC"


# The archive -------------------------------------------------------------------------------------


def page_name(entry: Entry) -> str:
    return f"pages/{entry.project}.json.zst"


def file_name(entry: Entry, member: Member) -> str:
    return f"files/{entry.project}/{member.sha256}"


def head(name: str, size: int) -> bytes:
    """What stands in front of a member. It is the same for the same name and size."""
    about = tarfile.TarInfo(name)
    about.size, about.mode = size, 0o644
    return about.tobuf(tarfile.GNU_FORMAT, "utf-8", "strict")


def padding(size: int) -> int:
    """Bytes of zeros behind a member."""
    return -size % BLOCK


def taken(name: str, size: int) -> int:
    """Bytes that a member takes in the archive, with all around it."""
    return len(head(name, size)) + size + padding(size)


def size_of(head: bytes) -> int:
    """What a member's first block says of its size. Raise BadBundle."""
    try:
        return tarfile.TarInfo.frombuf(head, "utf-8", "strict").size
    except tarfile.HeaderError as e:
        raise broken(f"it is no tar archive ({e})") from None


def weight(entry: Entry) -> int:
    """Bytes that all of a project takes in the archive, behind the manifest."""
    page = taken(page_name(entry), entry.packed) if entry.packed else 0
    return page + sum(taken(file_name(entry, each), each.size) for each in here(entry))


def here(entry: Entry) -> Iterable[Member]:
    return (each for each in entry.files if each.here)


def broken(cause: str) -> BadBundle:
    return BadBundle(f"the bundle is damaged or forged: {cause}; carry it over again")
