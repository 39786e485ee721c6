"""A bucket of anything that speaks S3: `s3://bucket/prefix`.

An object is there whole or not at all. Each has the content type and encoding with which a bucket
that is a web site must answer: servers that only hand out files look at nothing else.
"""

import asyncio
import hashlib
import os
import tempfile
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, BinaryIO
from urllib.parse import unquote, urlsplit

from obstore.exceptions import BaseError
from obstore.store import S3Store

from cloche.core.errors import BadName, BadSetting, DigestMismatch, StorageDown, StorageFull
from cloche.core.model import Digest
from cloche.core.objects import NO_BUCKET, NO_CREDENTIALS, REFUSED, first_line, is_endpoint, reason
from cloche.core.static import headers_of
from cloche.ports.sites import Chunks, Site

if TYPE_CHECKING:  # obstore's stubs alone have them
    from obstore.store import ClientConfig

PART = 8 << 20  # bytes; S3 takes 10,000 parts
AT_ONCE = 16  # questions
CLIENT: "ClientConfig" = {
    "allow_http": True,  # only where the address says http
    "connect_timeout": "5s",
    "timeout": "1day",  # of a whole transfer
}

_OPTIONS = {"endpoint", "region", "access_key_id", "secret_access_key"}
_FULL = ("QuotaExceeded", "InsufficientStorage", "507")


def connect(url: str, options: Mapping[str, str], locate: object) -> Site:
    """The bucket that the URL names; nothing is sent yet. Raise BadSetting.

    `options` are those of store.s3; what they do not give comes from the usual AWS_… variables.
    Nothing can be linked to.
    """
    del locate
    parts = urlsplit(url)
    if not parts.netloc or parts.query or parts.fragment or parts.username is not None:
        raise BadSetting("the target names no bucket; write s3://bucket/prefix, and no more")
    if unknown := sorted(set(options) - _OPTIONS):
        raise BadSetting(f"store.s3 has no {unknown[0]}; it has {', '.join(sorted(_OPTIONS))}")
    address = options.get("endpoint") or os.environ.get("AWS_ENDPOINT_URL")
    if address is not None and not is_endpoint(address):  # obstore panics on one that is none
        raise BadSetting(
            f"store.s3.endpoint is {address!r}; write https://host or http://host:port"
        )
    try:
        store = S3Store(
            parts.netloc,
            prefix=unquote(parts.path).strip("/") or None,
            config={**options},  # type: ignore[arg-type]  # _OPTIONS are keys of it
            client_options=CLIENT,
        )
    except (BaseError, ValueError) as e:
        raise BadSetting(f"the target {url} cannot be used ({first_line(e)}); correct it") from None
    return _Bucket(store, f"bucket {parts.netloc}")


class _Bucket:
    lasting = True

    def __init__(self, store: S3Store, where: str) -> None:
        self._store = store
        self._where = where
        self._slots = asyncio.Semaphore(AT_ONCE)

    async def begin(self) -> None:
        await self.sizes([".cloche/export.json"])  # so that a wrong key is told before any work

    async def read(self, path: str) -> bytes | None:
        with self._translated():
            try:
                found = await self._store.get_async(_key(path))
                return bytes(await found.bytes_async())
            except FileNotFoundError as e:
                _need_bucket(e)
                return None

    async def sizes(self, paths: Sequence[str]) -> list[int | None]:
        return await asyncio.gather(*map(self._size, paths))

    async def _size(self, path: str) -> int | None:
        with self._translated():
            try:
                async with self._slots:
                    return (await self._store.head_async(_key(path)))["size"]
            except FileNotFoundError:
                return None

    async def write(self, path: str, data: bytes) -> None:
        with self._translated():
            await self._store.put_async(_key(path), data, attributes=_attributes(path))

    async def put(self, path: str, digest: Digest, chunks: Chunks) -> None:
        """By way of a file on this machine, so that nothing is sent whose digest is wrong."""
        key = _key(path)
        with tempfile.TemporaryFile() as scratch:
            await _fill(scratch, digest, chunks, path)
            with self._translated():
                await self._store.put_async(
                    key, scratch, attributes=_attributes(path), chunk_size=PART
                )

    async def remove(self, paths: Sequence[str]) -> None:
        keys = [_key(path) for path in paths]
        with self._translated():
            for key in keys:
                try:
                    await self._store.delete_async(key)
                except FileNotFoundError as e:
                    _need_bucket(e)

    async def names(self, folder: str) -> AsyncIterator[str]:
        # Both kinds in one answer, which obstore does not page: a folder of many is listed flat.
        seen = ""
        above = f"{_key(folder)}/" if folder else ""
        pages = aiter(self._store.list(above or None, chunk_size=1000))
        while True:
            with self._translated():
                page = await anext(pages, None)
            if page is None:
                return
            for found in page:
                name = found["path"].removeprefix(above).partition("/")[0]
                if name != seen:  # S3 lists in the order of keys
                    seen = name
                    yield name

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except (BaseError, FileNotFoundError) as e:
            said = reason(e)
            if said in _FULL:
                raise StorageFull(f"{self._where} has no room for more ({said})") from None
            if said in {NO_BUCKET, NO_CREDENTIALS, *REFUSED}:
                raise BadSetting(
                    f"{self._where} cannot be used ({said}); see to the bucket, and to the "
                    "credentials in store.s3 or in the AWS_… variables"
                ) from None
            raise StorageDown(f"{self._where} cannot be used now ({said}); try again") from e


async def _fill(scratch: BinaryIO, digest: Digest, chunks: Chunks, path: str) -> None:
    seen = hashlib.sha256()
    async for chunk in chunks():
        seen.update(chunk)
        await asyncio.to_thread(scratch.write, chunk)
    if seen.hexdigest() != digest:
        raise DigestMismatch(
            f"the bytes of {path.rpartition('/')[2]} are not those with the sha256 {digest}; "
            "what is kept of it is damaged, so have it fetched or uploaded again"
        )
    scratch.seek(0)


def _attributes(path: str) -> dict[str, str]:
    kind, encoding = headers_of(path)
    return {"Content-Type": kind, **({"Content-Encoding": encoding} if encoding else {})}


def _need_bucket(missing: FileNotFoundError) -> None:
    """Never take a missing bucket for a missing object."""
    if reason(missing) == NO_BUCKET:
        raise missing


def _key(path: str) -> str:
    if not {"", ".", ".."}.isdisjoint(path.split("/")):
        raise BadName(f"{path!r} cannot be the path of a file in an export")
    return path
