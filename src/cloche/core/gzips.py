"""One gzip member out of parts that were compressed apart, so that a change costs its part alone.

Members could be concatenated too (RFC 1952, section 2.2), but aiohttp before 3.13 and httpx read
the first one only, and take that for the whole.
"""

import zlib
from collections.abc import Iterable
from hashlib import blake2b

from msgspec import Struct

LEVEL = 6

_HEAD = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"  # no name, no time, no system
_END = b"\x03\x00"  # the last block of a deflate stream, with nothing in it
_POLYNOMIAL = 0xEDB88320  # CRC-32's, its bits in reverse, as all here


class Part(Struct, frozen=True, gc=False):
    """Some bytes, compressed with nothing before them presumed."""

    data: bytes  # deflate blocks, none of them the last
    size: int  # before compression
    crc: int
    shift: int  # what moves the check sum of anything by `size` bytes
    digest: bytes


def part(text: bytes) -> Part:
    packer = zlib.compressobj(LEVEL, zlib.DEFLATED, -zlib.MAX_WBITS)
    data = packer.compress(text) + packer.flush(zlib.Z_FULL_FLUSH)
    digest = blake2b(text, digest_size=16).digest()
    return Part(data, len(text), zlib.crc32(text), _shift(len(text)), digest)


def text(of: Part) -> bytes:
    """The bytes that were compressed."""
    return zlib.decompressobj(-zlib.MAX_WBITS).decompress(of.data)


def joined(parts: Iterable[Part]) -> bytes:
    """All parts, one behind the other, as one gzip member (RFC 1952)."""
    found = list(parts)
    crc = size = 0
    for each in found:
        crc = _product(each.shift, crc) ^ each.crc
        size += each.size
    trailer = crc.to_bytes(4, "little") + (size & 0xFFFFFFFF).to_bytes(4, "little")
    return b"".join([_HEAD, *(each.data for each in found), _END, trailer])


def _shift(size: int) -> int:
    """The power of x by which `size` zero bytes multiply a check sum."""
    power, square = 1 << 31, 1 << 23  # x to the 0th, and to the 8th: one byte
    while size:
        if size & 1:
            power = _product(square, power)
        square = _product(square, square)
        size >>= 1
    return power


def _product(a: int, b: int) -> int:
    """Multiply modulo CRC-32's polynomial, over the field of two elements."""
    product = 0
    while a:
        if a & 0x80000000:
            product ^= b
        a = (a << 1) & 0xFFFFFFFF
        b = (b >> 1) ^ (_POLYNOMIAL if b & 1 else 0)
    return product
