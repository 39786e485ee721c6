"""Misbehaviours of what lies at a URL: its bytes, its type, its validators, its coding."""

import gzip
import zlib
from functools import lru_cache

from tests.upstream.answers import Resource
from tests.upstream.misbehaviour import Misbehaviour

MIB = 1 << 20


class WrongBytes(Misbehaviour):
    """Flips every bit of one byte, the last by default: the length stays right."""

    at: int = -1

    def resource(self, resource: Resource) -> None:
        spoiled = bytearray(resource.content)
        spoiled[self.at] ^= 0xFF
        resource.content = bytes(spoiled)


class WrongLength(Misbehaviour):
    """Is longer, or for a negative number shorter, than listed, and honest about that."""

    by: int

    def resource(self, resource: Resource) -> None:
        if self.by < 0:
            resource.content = resource.content[: self.by]
        else:
            resource.content += b"\0" * self.by


class Verbatim(Misbehaviour):
    """Has these bytes of this type, whatever the tests put there."""

    content: bytes
    media_type: str | None = None

    def resource(self, resource: Resource) -> None:
        resource.content = self.content
        if self.media_type is not None:
            resource.headers["Content-Type"] = self.media_type


class InvalidJson(Misbehaviour):
    """Is the first half of itself: no parser takes it."""

    def resource(self, resource: Resource) -> None:
        resource.content = resource.content[: len(resource.content) // 2]


class MediaType(Misbehaviour):
    """Says that it is of another type; None says nothing."""

    value: str | None

    def resource(self, resource: Resource) -> None:
        del resource.headers["Content-Type"]
        if self.value is not None:
            resource.headers["Content-Type"] = self.value


class RangeIgnored(Misbehaviour):
    """Knows no ranges: a Range is answered with 200 and everything."""

    def resource(self, resource: Resource) -> None:
        resource.ranges = False


class EtagChanges(Misbehaviour):
    """Has another ETag at each request, though nothing has changed."""

    seen: int = 0

    def resource(self, resource: Resource) -> None:
        self.seen += 1
        resource.etag = f'"change-{self.seen}"'


class NoEtag(Misbehaviour):
    """Has no ETag and no Last-Modified."""

    def resource(self, resource: Resource) -> None:
        resource.etag = None
        resource.headers.pop("Last-Modified", None)


class WeakEtag(Misbehaviour):
    """Has a weak ETag, as behind a proxy that compresses."""

    def resource(self, resource: Resource) -> None:
        resource.etag = f"W/{resource.etag}" if resource.etag else None


class CacheControl(Misbehaviour):
    """Has this Cache-Control; None for none."""

    value: str | None

    def resource(self, resource: Resource) -> None:
        resource.headers.pop("Cache-Control", None)
        if self.value is not None:
            resource.headers["Cache-Control"] = self.value


class Gzipped(Misbehaviour):
    """Compresses for those who accept it, or, when `always`, for those who don't as well."""

    always: bool = False

    def resource(self, resource: Resource) -> None:
        if self.always or "gzip" in resource.asked.headers.get("Accept-Encoding", ""):
            resource.content = gzip.compress(resource.content, mtime=0)
            resource.headers["Content-Encoding"] = "gzip"
            if resource.etag:
                resource.etag = resource.etag[:-1] + '-gzip"'


class GzipBomb(Misbehaviour):
    """Is so many MiB of blanks, in a thousandth of that, compressed whatever is accepted."""

    mebibytes: int = 1024

    def resource(self, resource: Resource) -> None:
        resource.content = gzip_bomb(self.mebibytes)
        resource.headers["Content-Encoding"] = "gzip"


@lru_cache
def gzip_bomb(mebibytes: int) -> bytes:
    """Compress one MiB of blanks, and repeat that: a full flush makes a block stand alone."""
    blanks = b" " * MIB
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    block = packer.compress(blanks) + packer.flush(zlib.Z_FULL_FLUSH)
    check = 0
    for _ in range(mebibytes):
        check = zlib.crc32(blanks, check)
    head = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\xff"
    trailer = check.to_bytes(4, "little") + (mebibytes * MIB % (1 << 32)).to_bytes(4, "little")
    return head + block * mebibytes + packer.flush() + trailer
