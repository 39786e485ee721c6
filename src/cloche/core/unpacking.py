"""Compressed bytes from whoever uploads them, unpacked a chunk at a time and never too many."""

import bz2
import lzma
import zlib
from collections.abc import Callable
from typing import BinaryIO, Protocol

from cloche.core.errors import BadUpload

MAX_UNPACKED = 4 * 2**30  # bytes: ten times the largest source releases there are
MAX_RATIO = 100  # source code packs 3 to 10 times; long zeros 1,000 times
FREE = 64 * 2**20  # bytes that are unpacked at any ratio: small archives with test data
MAX_STREAMS = 2**16  # what MAX_UNPACKED takes in bgzip's blocks of 64 KiB

_CHUNK = 2**16
_LZMA_MEMORY = 128 * 2**20  # `xz -9` needs 65 MiB
_AGAIN = "build the archive again with an ordinary tool"


class _Unpacker(Protocol):
    """What the standard library's decompressors have in common."""

    @property
    def eof(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, max_length: int, /) -> bytes: ...


class _Gzip:
    def __init__(self) -> None:
        self._inflater = zlib.decompressobj(16 + zlib.MAX_WBITS)

    @property
    def eof(self) -> bool:
        return self._inflater.eof

    @property
    def unused_data(self) -> bytes:
        return self._inflater.unused_data

    def decompress(self, data: bytes, max_length: int, /) -> bytes:
        return self._inflater.decompress(self._inflater.unconsumed_tail + data, max_length)


def _xz() -> _Unpacker:
    return lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=_LZMA_MEMORY)


PACKINGS: dict[str, Callable[[], _Unpacker] | None] = {
    "gz": _Gzip,
    "bz2": bz2.BZ2Decompressor,
    "xz": _xz,
    "": None,
}


class Unpacked:
    """The unpacked bytes of `file`, in order. Every method may raise BadUpload.

    `packing` is a key of PACKINGS.
    """

    def __init__(self, file: BinaryIO, packing: str) -> None:
        file.seek(0)
        make = PACKINGS[packing]
        self._file = file
        self._make = make
        self._unpacker = make() if make else None
        self._streams = 1
        self._packed = 0
        self._unpacked = 0
        self._chunk = b""
        self._at = 0

    def read(self, length: int) -> bytes:
        """Return fewer bytes only at the end."""
        pieces = []
        while length and self._ahead():
            piece = self._chunk[self._at : self._at + length]
            self._at += len(piece)
            length -= len(piece)
            pieces.append(piece)
        return b"".join(pieces)

    def exactly(self, length: int) -> bytes:
        data = self.read(length)
        if len(data) != length:
            raise _broken("the archive is cut short")
        return data

    def skip(self, length: int) -> None:
        while length and self._ahead():
            step = min(length, len(self._chunk) - self._at)
            self._at += step
            length -= step
        if length:
            raise _broken("the archive is cut short")

    def only_zeros(self) -> None:
        """Refuse what some readers would show behind the end, and others not."""
        while self._ahead():
            if self._chunk[self._at :].strip(b"\0"):
                raise _broken("the archive goes on behind its end")
            self._at = len(self._chunk)

    def _ahead(self) -> bool:
        """Have a byte to give, if there is one more."""
        if self._at == len(self._chunk):
            self._chunk, self._at = self._next(), 0
            self._unpacked += len(self._chunk)
            allowed = min(MAX_UNPACKED, FREE + MAX_RATIO * self._packed)
            if self._unpacked > allowed:
                raise BadUpload(
                    [f"the archive unpacks to more than {allowed} bytes; ship less in it"]
                )
        return bool(self._chunk)

    def _next(self) -> bytes:
        if self._unpacker is None:
            return self._more()
        given = b""
        while True:
            chunk = self._unpack(given)
            if chunk:
                return chunk
            if self._unpacker.eof:
                given = self._unpacker.unused_data or self._more()
                if not given:
                    return b""
                self._restart()
            elif not (given := self._more()):
                raise _broken("the archive is cut short")

    def _more(self) -> bytes:
        data = self._file.read(_CHUNK)
        self._packed += len(data)
        return data

    def _unpack(self, given: bytes) -> bytes:
        unpacker = self._unpacker
        if unpacker is None or unpacker.eof:
            return b""
        try:
            return unpacker.decompress(given, _CHUNK)
        # bz2 raises OSError for bad data.
        except (zlib.error, lzma.LZMAError, OSError) as e:
            raise _broken(f"the archive cannot be unpacked ({e})") from e

    def _restart(self) -> None:
        """Compressed streams may be joined, as parallel compressors do."""
        self._streams += 1
        if self._streams > MAX_STREAMS or self._make is None:
            raise _broken("the archive consists of too many compressed streams")
        self._unpacker = self._make()


def _broken(cause: str) -> BadUpload:
    return BadUpload([f"{cause}; {_AGAIN}"])
