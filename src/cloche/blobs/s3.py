"""Blobs as objects in a bucket of anything that speaks S3: `s3://bucket/prefix`.

Every object's key is its digest, so writing one again, from any number of nodes, is harmless;
nothing here needs conditional writes, which S3 servers do differently. A put always sends the
bytes, also when the object is there: S3 refuses to copy an object onto itself, and nothing else
makes it young.
"""

import asyncio
import os
import re
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit
from uuid import uuid4

from obstore import sign_async
from obstore.exceptions import BaseError
from obstore.store import S3Store

from cloche.core.errors import BadSetting, Error, NoSuchBlob, StorageDown, StorageFull
from cloche.core.model import Digest
from cloche.core.objects import (
    BEYOND_THE_END,
    NO_BUCKET,
    NO_CREDENTIALS,
    REFUSED,
    first_line,
    is_endpoint,
    reason,
)
from cloche.ports import Blobs, Signing, Spooled, Stored

if TYPE_CHECKING:  # obstore's stubs alone have them
    from obstore.store import ClientConfig, RetryConfig

PART = 8 << 20  # bytes; S3 takes 10,000 parts
PARTS_AT_ONCE = 4  # times PART: the memory that a put may take
CHUNK = 256 << 10  # bytes that a read gives out at once, at least
HASHED = 1 << 20  # bytes that are hashed in one go, in a thread
BATCH = 1000  # keys: what S3 lists in one answer

OPTIONS = ("endpoint", "region", "access_key_id", "secret_access_key")
CLIENT: "ClientConfig" = {
    "allow_http": True,  # only where the address says http
    "connect_timeout": "5s",
    "read_timeout": "30s",  # without a byte from the server
    "timeout": "1day",  # of a whole transfer, which is as slow as the client that reads along
}
RETRY: "RetryConfig" = {
    "max_retries": 4,
    "retry_timeout": timedelta(seconds=20),
    "backoff": {"init_backoff": timedelta(milliseconds=100), "max_backoff": timedelta(seconds=2)},
}
NO_RETRY: "RetryConfig" = {"max_retries": 0}

_DIGEST = re.compile(r"[0-9a-f]{64}\Z")
_BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,62}\Z")
_FULL = ("QuotaExceeded", "InsufficientStorage", "507")
_CREDENTIALS = "correct the credentials in store.s3 or in the AWS_… variables"
_CURES = {
    NO_BUCKET: "make the bucket, or correct store.blobs",
    **dict.fromkeys(REFUSED, _CREDENTIALS),
    NO_CREDENTIALS: "give them in store.s3, or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
}


def connect(url: str, options: Mapping[str, str]) -> Blobs:
    """Open the store in the bucket that the URL names; nothing is sent yet.

    Raise BadSetting. What the options do not give comes from the usual AWS_… variables.
    """
    bucket, prefix = _parsed(url)
    _validate(options)
    return _Bucket(bucket, prefix, options)


def signing(url: str, options: Mapping[str, str], endpoint: str | None) -> Signing:
    """Ready to sign addresses of the same store's blobs; nothing is sent yet. Raise BadSetting.

    `endpoint` is where clients find the S3 server, if that is not where this one does: the
    signature covers the host, so an address cannot be changed later.
    """
    bucket, prefix = _parsed(url)
    _validate(options)
    if endpoint is not None:
        _need_endpoint("store.s3.public_endpoint", endpoint)
    seen = {**options, **({"endpoint": endpoint} if endpoint else {})}
    # Without the prefix: whether obstore's `sign` minds one depends on its release.
    store = _open(bucket, "", seen, RETRY)
    return _Signed(store, f"{prefix}/" if prefix else "", _where(bucket, seen))


def _parsed(url: str) -> tuple[str, str]:
    """Bucket and prefix."""
    parts = urlsplit(url)
    if not _BUCKET.match(parts.netloc) or parts.query or parts.fragment:
        # Without the URL itself: it may hold a secret.
        raise BadSetting("store.blobs names no bucket; write s3://bucket/prefix, and no more")
    return parts.netloc, unquote(parts.path).strip("/")


def _validate(options: Mapping[str, str]) -> None:
    if unknown := sorted(set(options) - set(OPTIONS)):
        raise BadSetting(f"store.s3 has no {unknown[0]}; it has {', '.join(OPTIONS)}")
    if ("access_key_id" in options) != ("secret_access_key" in options):
        raise BadSetting(
            "store.s3 has one of access_key_id and secret_access_key; give both, or neither and "
            "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
        )
    names = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT")
    addresses = {name: os.environ[name] for name in names if name in os.environ}
    if "endpoint" in options:
        addresses = {"store.s3.endpoint": options["endpoint"]}
    # obstore panics on an address that is none.
    for name, address in addresses.items():
        _need_endpoint(name, address)


def _need_endpoint(name: str, address: str) -> None:
    if not is_endpoint(address):
        raise BadSetting(f"{name} is {address!r}; write https://host or http://host:port")


def _open(bucket: str, prefix: str, options: Mapping[str, str], retry: "RetryConfig") -> S3Store:
    try:
        return S3Store(
            bucket,
            prefix=prefix or None,
            config={**options},  # type: ignore[arg-type]  # OPTIONS are keys of it
            client_options=CLIENT,
            retry_config=retry,
        )
    except (BaseError, ValueError) as e:
        raise BadSetting(
            f"store.blobs s3://{bucket}/{prefix} cannot be used ({first_line(e)}); correct it"
        ) from None


def _where(bucket: str, options: Mapping[str, str]) -> str:
    return f"bucket {bucket} at {options.get('endpoint', 'the S3 server')}"


class _Bucket:
    def __init__(self, bucket: str, prefix: str, options: Mapping[str, str]) -> None:
        self._where = _where(bucket, options)
        self._store = _open(bucket, prefix, options, RETRY)
        self._impatient = _open(bucket, prefix, options, NO_RETRY)

    async def put(self, spooled: Spooled, *, lasting: bool = True) -> None:  # noqa: ARG002 - S3 knows no less
        key = _key(spooled.digest)
        with self._translated():
            await self._store.put_async(
                key, spooled.path, chunk_size=PART, max_concurrency=PARTS_AT_ONCE
            )
        await asyncio.to_thread(spooled.path.unlink, missing_ok=True)

    async def keep(self, contents: Mapping[Digest, bytes], *, lasting: bool = True) -> None:  # noqa: ARG002 - S3 knows no less
        puts = [self._store.put_async(_key(digest), data) for digest, data in contents.items()]
        with self._translated():
            await asyncio.gather(*puts)

    async def size(self, digest: Digest) -> int | None:
        with self._translated():
            try:
                return (await self._store.head_async(_key(digest)))["size"]
            except FileNotFoundError:
                pass
            # The answer to HEAD cannot tell a missing bucket from a missing object.
            try:
                return (await self._store.get_async(_key(digest))).meta["size"]
            except FileNotFoundError as e:
                _need_bucket(e)
                return None

    async def read(self, digest: Digest, start: int, stop: int) -> AsyncGenerator[bytes, None]:
        if start >= stop:
            if await self.size(digest) is None:
                raise _missing(digest)
            return
        with self._translated():
            try:
                found = await self._store.get_async(_key(digest), options={"range": (start, stop)})
            except FileNotFoundError as e:
                _need_bucket(e)
                raise _missing(digest) from None
            except BaseError as e:
                if reason(e) in BEYOND_THE_END:
                    return
                raise
        stream = aiter(found.stream(CHUNK))
        while (chunk := await self._next(stream)) is not None:
            if chunk:
                yield chunk

    async def _next(self, stream: AsyncIterator[bytes]) -> bytes | None:
        with self._translated():
            return await anext(stream, None)

    async def delete(self, digest: Digest, *, before: datetime | None = None) -> bool:
        if before is not None and await self._is_younger(digest, before):
            return False
        with self._translated():
            try:
                await self._store.delete_async(_key(digest))
            except FileNotFoundError as e:
                _need_bucket(e)
        return True

    async def _is_younger(self, digest: Digest, than: datetime) -> bool:
        """Asked just before: obstore has no conditional delete, nor have most S3 servers."""
        with self._translated():
            try:
                found = await self._store.head_async(_key(digest))
            except FileNotFoundError:
                return False
        return found["last_modified"] > than

    async def hashed(self, digests: Sequence[Digest]) -> Sequence[Digest | None]:
        return [await self._hash(digest) for digest in digests]

    async def list(self) -> AsyncIterator[Stored]:
        async for stored in self._listed("sha256"):
            yield stored

    async def _listed(self, prefix: str) -> AsyncIterator[Stored]:
        pages = aiter(self._store.list(prefix, chunk_size=BATCH))
        while True:
            with self._translated():
                page = await anext(pages, None)
            if page is None:
                return
            for found in page:
                name = found["path"].rpartition("/")[2]
                if _DIGEST.match(name):
                    yield Stored(Digest(name), found["size"], found["last_modified"])

    async def stored(self, shard: str) -> AsyncIterator[Stored]:
        async for stored in self._listed(f"sha256/{shard}"):
            yield stored

    async def _hash(self, digest: Digest) -> Digest | None:
        with self._translated():
            try:
                found = await self._store.get_async(_key(digest))
            except FileNotFoundError as e:
                _need_bucket(e)
                return None
        seen = sha256()
        stream = aiter(found.stream(HASHED))
        while (chunk := await self._next(stream)) is not None:
            await asyncio.to_thread(seen.update, memoryview(chunk))
        return Digest(seen.hexdigest())

    async def set_aside(self, digest: Digest) -> str:
        place = f"aside/{digest}.{uuid4().hex}"
        with self._translated():
            await self._store.copy_async(_key(digest), place)
            await self._store.delete_async(_key(digest))
        return place

    async def check(self) -> None:
        """Ask for what is not there: that takes the server, the bucket and the right to look."""
        with self._translated(setting=BadSetting):
            try:
                await self._impatient.get_async("sha256/check")
            except FileNotFoundError as e:
                _need_bucket(e)

    def _translated(self, setting: type[Error] = StorageDown) -> AbstractContextManager[None]:
        return _translated(self._where, setting)


@dataclass(frozen=True, slots=True)
class _Signed:
    store: S3Store
    prefix: str
    where: str

    async def address(self, digest: Digest, life: timedelta) -> str:
        with _translated(self.where):
            return await sign_async(self.store, "GET", self.prefix + _key(digest), life)


@contextmanager
def _translated(where: str, setting: type[Error] = StorageDown) -> Iterator[None]:
    """Raise errors of the tree in place of obstore's, `setting` for what settings cure."""
    try:
        yield
    except (BaseError, FileNotFoundError) as e:
        said = reason(e)
        if said in _FULL:
            raise StorageFull(
                f"{where} has no room for the file ({said}); "
                "ask the server's operator for a larger quota"
            ) from None
        if cure := _CURES.get(said):
            raise setting(f"{where} cannot be used ({said}); {cure}") from None
        raise StorageDown(
            f"{where} cannot be used now ({said}); try again, or ask the server's operator"
        ) from e


def _need_bucket(missing: FileNotFoundError) -> None:
    """Never take a missing bucket for a missing blob."""
    if reason(missing) == NO_BUCKET:
        raise missing


def _key(digest: Digest) -> str:
    return f"sha256/{digest[:2]}/{digest}"


def _missing(digest: Digest) -> NoSuchBlob:
    return NoSuchBlob(f"no file with the sha256 {digest} is kept")
