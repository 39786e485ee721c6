"""A bucket of an object store, below a prefix."""

import asyncio
import re
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import UTC, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from obstore.exceptions import BaseError
from obstore.store import from_url

from cloche.core.errors import BadSetting, NoSuchFile, TransferBroken, UpstreamDown
from cloche.core.objects import NO_BUCKET, NO_CREDENTIALS, REFUSED, first_line, reason
from cloche.ports import Hashed, Left, Scratch, Way
from cloche.stocks._places import CHUNK, Entry

if TYPE_CHECKING:  # obstore's stubs alone have them
    from obstore.store import ClientConfig, ObjectStore, RetryConfig

SCHEMES = ("s3", "gs", "az")
BATCH = 1000  # objects: what S3 lists in one answer
CLIENT: "ClientConfig" = {
    "allow_http": True,  # only where the endpoint says http
    "connect_timeout": "10s",
    "read_timeout": "30s",
    "timeout": "1day",
}
RETRY: "RetryConfig" = {
    "max_retries": 4,
    "retry_timeout": timedelta(seconds=60),
    "backoff": {"init_backoff": timedelta(milliseconds=100), "max_backoff": timedelta(seconds=5)},
}
_HIDDEN = re.compile(r"(^|/)\.")


def connect(source: str, options: Mapping[str, str]) -> "Bucket":
    """Nothing is asked yet. `options` are those of the store of blobs, for s3:// alone.

    Raise BadSetting when the address is none.
    """
    scheme, bucket, _, *rest = urlsplit(source)
    if scheme not in SCHEMES or not bucket or "@" in bucket or any(rest):
        raise BadSetting("the address names no bucket; write s3://bucket/prefix, and no more")
    try:
        store = from_url(
            source.rstrip("/"),
            config=({**options} or None) if scheme == "s3" else None,  # type: ignore[arg-type]  # [store.s3] has keys of it
            client_options=CLIENT,
            retry_config=RETRY,
        )
    except (BaseError, ValueError) as e:
        raise BadSetting(f"{source} cannot be used ({first_line(e)}); correct it") from None
    return Bucket(f"{scheme}://{bucket}{unquote(urlsplit(source).path)}".rstrip("/"), store)


@dataclass
class Bucket:
    shown: str
    store: "ObjectStore"
    passed: int = 0

    async def check(self) -> None:
        try:
            async for _ in self.store.list(chunk_size=1):
                return
        except (BaseError, FileNotFoundError) as e:
            raise BadSetting(self._failed(e)) from None
        raise BadSetting(f"{self.shown} holds nothing; name another bucket or prefix")

    async def walk(self, under: str = "") -> AsyncIterator[Entry | Left]:
        with self._translated():
            async for batch in self.store.list(f"{under}/" if under else None, chunk_size=BATCH):
                for each in batch:
                    if not _HIDDEN.search(each["path"]):
                        yield _entry(each)

    async def folders(self, under: str) -> AsyncIterator[str]:
        with self._translated():
            found = await self.store.list_with_delimiter_async(f"{under}/" if under else None)
        for prefix in found["common_prefixes"]:
            name = prefix.rstrip("/").rpartition("/")[2]
            if not name.startswith("."):
                yield name

    async def find(self, path: str) -> Entry | None:
        if _leads_out(path):
            return None
        try:
            with self._translated():
                return _entry(await self.store.head_async(path))
        except NoSuchFile:
            return None

    async def read(self, path: str, most: int) -> bytes | None:
        if _leads_out(path):
            return None
        try:
            with self._translated():
                found = await self.store.get_async(path)
                if found.meta["size"] > most:
                    return None
                return bytes(await found.bytes_async())
        except NoSuchFile:
            return None

    async def said(self, path: str) -> Mapping[str, str]:
        try:
            with self._translated():
                found = await self.store.get_async(path, options={"head": True})
        except NoSuchFile:
            return {}
        return {str(key).lower(): str(value) for key, value in found.attributes.items()}

    @asynccontextmanager
    async def taken(
        self,
        path: str,
        scratch: Scratch,
        way: Way,  # noqa: ARG002 - there is but one
    ) -> AsyncIterator[Hashed]:
        with self._translated():
            found = await self.store.get_async(path)
            async for chunk in found.stream(CHUNK):
                await scratch.write(bytes(chunk))
        if scratch.size != found.meta["size"]:
            raise TransferBroken(f"{path} came in part only; try again")
        yield scratch

    async def remove(self, path: str) -> None:
        with self._translated():
            await self.store.delete_async(path)

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except asyncio.CancelledError:
            raise
        except (BaseError, FileNotFoundError) as e:
            if isinstance(e, FileNotFoundError) and reason(e) != NO_BUCKET:
                raise NoSuchFile(f"{self.shown} has no such object any more") from None
            raise UpstreamDown(self._failed(e)) from None

    def _failed(self, failure: Exception) -> str:
        said = reason(failure)
        cure = "check [store.s3] and the AWS_… variables"
        if said not in {*REFUSED, NO_BUCKET, NO_CREDENTIALS}:
            cure = "try again"
        return f"{self.shown} cannot be read ({said}); {cure}"


def _leads_out(path: str) -> bool:
    """Whether a record names what no object can be called: the store would fail at it."""
    return not path or any(part in {"", ".", ".."} for part in path.split("/"))


def _entry(found: Any) -> Entry:
    return Entry(found["path"], found["size"], found["last_modified"].astimezone(UTC))
