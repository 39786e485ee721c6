"""Advisories in a bucket of anything that speaks S3: one object, a zip archive or JSON."""

from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from obstore.exceptions import BaseError, NotModifiedError
from obstore.store import S3Store

from cloche.core.errors import BadSetting, UpstreamDown, UpstreamLies
from cloche.feeds._documents import documents
from cloche.ports import Delivery, Feed, Scratch, Spool


def connect(
    name: str,
    address: str,
    max_bytes: int,
    spool: Spool,
    options: Mapping[str, str],
) -> Feed:
    parts = urlsplit(address)
    key = unquote(parts.path).strip("/")
    if not parts.netloc or not key or parts.query or parts.fragment:
        raise BadSetting(
            f"advisories.{name}.address names no object; write s3://bucket/key, and no more"
        )
    try:
        store = S3Store(
            parts.netloc,
            config={**options},  # type: ignore[arg-type]  # [store.s3] has keys of it
            client_options={
                "allow_http": True,  # only where the endpoint says http
                "connect_timeout": "10s",
                "read_timeout": "30s",
                "timeout": "1800s",
            },
        )
    except (BaseError, ValueError) as e:
        raise BadSetting(f"advisories.{name}.address cannot be used ({_said(e)})") from None
    return Bucket(name, f"s3://{parts.netloc}/{key}", key, store, max_bytes, spool)


@dataclass(frozen=True, slots=True)
class Bucket:
    name: str
    source: str
    key: str
    store: S3Store
    max_bytes: int
    spool: Spool

    @property
    def is_local(self) -> bool:
        return False

    @asynccontextmanager
    async def fetch(self, validator: str | None) -> AsyncIterator[Delivery | None]:
        with self.spool.scratch() as scratch:
            try:
                with self._translated():
                    etag = await self._fetch(validator, scratch)
            except NotModifiedError:
                yield None
                return
            yield Delivery(documents(scratch.spooled.path, self.name), etag)

    async def _fetch(self, validator: str | None, scratch: Scratch) -> str | None:
        options = {"if_none_match": validator} if validator else {}
        found = await self.store.get_async(self.key, options=options)  # type: ignore[arg-type]  # a key of it
        if found.meta["size"] > self.max_bytes:
            raise UpstreamLies(
                f"advisories.{self.name}: {self.source} has {found.meta['size']} bytes, more than "
                "max_bytes"
            )
        async for chunk in found.stream():
            await scratch.write(bytes(chunk))
        return found.meta["e_tag"]

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except NotModifiedError:
            raise
        except FileNotFoundError:
            raise UpstreamDown(
                f"advisories.{self.name}: there is no {self.source}; correct its address"
            ) from None
        except BaseError as e:
            raise UpstreamDown(
                f"advisories.{self.name}: {self.source} cannot be read ({_said(e)}); check "
                "[store.s3] and the AWS_… variables"
            ) from None


def _said(failure: Exception) -> str:
    return str(failure).partition("\n")[0][:200]
