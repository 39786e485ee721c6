"""A bundle, read: each byte is where its manifest wants it, or the bundle is refused.

Nothing is taken from a name in the archive: what stands in front of a member is compared with what
must stand there. All is streamed; every method blocks.
"""

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, NamedTuple, cast

import zstandard

from cloche.bundles.parts import CHUNK, Parts
from cloche.core import bundles
from cloche.core.bundles import (
    BLOCK,
    END,
    HEADER,
    MANIFEST,
    MAX_HEADER,
    MAX_LINE,
    SEAL,
    Entry,
    Mark,
    Member,
    broken,
)
from cloche.core.model import Digest

_WINDOW = 1 << 27  # bytes that unpacking may need: what zstandard itself needs at its best


class Amount(NamedTuple):
    """So much was read."""

    projects: int = 0
    files: int = 0
    size: int = 0


class Archive:
    """Opened for its head; each walk through it opens it anew."""

    def __init__(self, paths: Sequence[Path]) -> None:
        """Raise BadSetting when it cannot be read, BadBundle when it is none."""
        self._paths = paths
        with Parts(paths) as parts:
            self.raw = _small(parts, HEADER)
            self.header = bundles.header(self.raw)
            self.sealed = bundles.sealed(_small(parts, SEAL))
            _expect(parts, MANIFEST, self.header.manifest_size)
            self._manifest = bundles.taken(HEADER, len(self.raw))
            self._manifest += bundles.taken(SEAL, len(bundles.encoded(self.sealed)))
            self._manifest += len(bundles.head(MANIFEST, self.header.manifest_size))
            self.head_size = self._manifest + self.header.manifest_size
            self._rest = self.head_size + bundles.padding(self.header.manifest_size)
            self.size = parts.size

    @property
    def identity(self) -> Digest:
        return bundles.identity(self.raw)

    @property
    def mark(self) -> Mark:
        origin = self.header.origin
        return Mark(index=origin.index, serial=origin.serial, at=origin.at, bundle=self.identity)

    def entries(self) -> Iterator[Entry]:
        """What the manifest says, project by project, in their order. Raise BadBundle."""
        with self._at(self._manifest) as parts:
            packed = _Packed(parts, self.header.manifest_size)
            before = ""
            for raw in _lines(_plain(packed)):
                entry = bundles.entry(raw, before)
                before = entry.project
                yield entry
            if packed.seen.hexdigest() != self.header.manifest:
                raise broken("its manifest is not the one that its header names")

    def pages(self) -> Iterator[tuple[Entry, bytes | None]]:
        """Each project, with its page if that is in here. Raise BadBundle."""
        with self._at(self._rest) as parts:
            for entry in self.entries():
                body = None
                if entry.packed:
                    _expect(parts, bundles.page_name(entry), entry.packed)
                    body = _unpacked(parts.exactly(entry.packed), entry)
                    _pad(parts, entry.packed)
                yield entry, body

    def files(self) -> Iterator[tuple[Entry, Member, Iterator[bytes]]]:
        """Each file that is in here; what is not read of one is passed over.

        Chunks raise BadBundle at the end of a file that is another one.
        """
        with self._at(self._rest + self._pages()) as parts:
            at = self._rest + self._pages()
            for entry in self.entries():
                for member in bundles.here(entry):
                    name = bundles.file_name(entry, member)
                    parts.seek(at)
                    _expect(parts, name, member.size)
                    yield entry, member, _chunks(parts, entry, member)
                    at += bundles.taken(name, member.size)

    def check(self) -> Iterator[Amount]:
        """Read all of it, and tell what was. Raise BadBundle unless every byte is as it must be."""
        self._check_size()
        pages = files = projects = size = 0
        for entry, body in self.pages():
            projects += 1
            if body is not None:
                pages += 1
                bundles.page(entry, body)
            yield Amount(projects=1)
        for _, member, chunks in self.files():
            files += 1
            size += member.size
            for chunk in chunks:
                yield Amount(size=len(chunk))
            yield Amount(files=1)
        said = self.header
        if (projects, pages, files, size) != (said.projects, said.pages, said.files, said.size):
            raise broken("its header counts otherwise than its manifest")
        self._check_end()

    def _check_size(self) -> None:
        rest = sum(bundles.weight(entry) for entry in self.entries())
        whole = self._rest + self.header.rest + len(END)
        if rest != self.header.rest:
            raise broken("its header measures otherwise than its manifest")
        if self.size != whole:
            raise broken(
                f"{self.size} of its {whole} bytes are here; of one that is in parts name all"
            )

    def _check_end(self) -> None:
        with self._at(self.head_size) as parts:
            _pad(parts, self.header.manifest_size)
        with self._at(self._rest + self.header.rest) as parts:
            if parts.exactly(len(END)) != END:
                raise broken("something stands where it must end")

    def _pages(self) -> int:
        """Bytes that all pages take."""
        return sum(
            bundles.taken(bundles.page_name(each), each.packed)
            for each in self.entries()
            if each.packed
        )

    @contextmanager
    def _at(self, position: int) -> Iterator[Parts]:
        with Parts(self._paths) as parts:
            parts.seek(position)
            yield parts


def _small(parts: Parts, name: str) -> bytes:
    """A member of the head, whose size only it knows."""
    first = parts.exactly(BLOCK)
    size = bundles.size_of(first)
    if not 0 < size <= MAX_HEADER or first != bundles.head(name, size):
        raise broken(f"it has no {name} where that must be")
    data = parts.exactly(size)
    _pad(parts, size)
    return data


def _expect(parts: Parts, name: str, size: int) -> None:
    head = bundles.head(name, size)
    if parts.exactly(len(head)) != head:
        raise broken(f"it has something else where {name} must be")


def _pad(parts: Parts, size: int) -> None:
    if any(parts.exactly(bundles.padding(size))):
        raise broken("something stands between its members")


def _chunks(parts: Parts, entry: Entry, member: Member) -> Iterator[bytes]:
    seen = hashlib.sha256()
    left = member.size
    while left:
        chunk = parts.exactly(min(CHUNK, left))
        left -= len(chunk)
        seen.update(chunk)
        if not left:
            # The last bytes go out only when the whole is what it is to be.
            _same(seen.hexdigest(), entry, member)
            _pad(parts, member.size)
        yield chunk
    if not member.size:
        _same(seen.hexdigest(), entry, member)


def _same(sha256: str, entry: Entry, member: Member) -> None:
    if sha256 != member.sha256:
        raise broken(f"{member.filename} of {entry.project} is another one (sha256 differs)")


def _unpacked(packed: bytes, entry: Entry) -> bytes:
    """A page, of exactly the size that the manifest says: no bomb gets further."""
    if hashlib.sha256(packed).hexdigest() != entry.packed_sha256:
        raise broken(f"the page of {entry.project} is another one (sha256 differs)")
    try:
        with zstandard.ZstdDecompressor(max_window_size=_WINDOW).stream_reader(packed) as stream:
            body = stream.read(entry.size + 1)
    except zstandard.ZstdError as e:
        raise broken(f"the page of {entry.project} cannot be unpacked ({e})") from None
    if len(body) != entry.size:
        raise broken(f"the page of {entry.project} has another size than its manifest says")
    return body


class _Packed:
    """So many of the next bytes, seen as they are read: a file, as far as zstandard needs one."""

    def __init__(self, parts: Parts, size: int) -> None:
        self._parts = parts
        self._left = size
        self.seen = hashlib.sha256()

    def read(self, most: int = -1) -> bytes:
        data = self._parts.exactly(self._left if most < 0 else min(most, self._left))
        self._left -= len(data)
        self.seen.update(data)
        return data


def _plain(packed: _Packed) -> Iterator[bytes]:
    """What is packed, a piece at a time."""
    source = cast("IO[bytes]", packed)  # zstandard calls `read` alone
    try:
        with zstandard.ZstdDecompressor(max_window_size=_WINDOW).stream_reader(source) as stream:
            while piece := stream.read(CHUNK):
                yield piece
    except zstandard.ZstdError as e:
        raise broken(f"its manifest cannot be unpacked ({e})") from None
    if packed.read(1):
        raise broken("something stands behind its manifest")


def _lines(pieces: Iterator[bytes]) -> Iterator[bytes]:
    left = b""
    for piece in pieces:
        *whole, left = (left + piece).split(b"\n")
        if len(left) > MAX_LINE:
            raise broken("its manifest has a line that is too long")
        yield from whole
    if left:
        raise broken("its manifest is cut short")
