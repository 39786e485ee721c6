"""Advisories at an address: a zip archive of JSON files, as OSV publishes it, or JSON."""

import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import aiohttp

from cloche import __version__
from cloche.core.errors import BadSetting, UpstreamDown, UpstreamLies
from cloche.feeds._documents import documents
from cloche.ports import Delivery, Feed, Scratch, Spool

TIMEOUT = aiohttp.ClientTimeout(total=1800, sock_connect=10, sock_read=30)  # seconds
MAX_REDIRECTS = 5
MAX_VALIDATOR = 500  # characters

_PLAIN = re.compile(r"[\x20-\x7e]+\Z")


def connect(
    name: str,
    address: str,
    max_bytes: int,
    spool: Spool,
    options: Mapping[str, str],  # noqa: ARG001  # every kind's signature
) -> Feed:
    try:
        sound = bool(urlsplit(address).hostname) and urlsplit(address).port != 0
    except ValueError:
        sound = False
    if not sound:
        raise BadSetting(
            f"advisories.{name}.address is {address!r}; give the address of a zip archive or of "
            "JSON, such as https://host/all.zip"
        )
    return Web(name, address, max_bytes, spool)


@dataclass(frozen=True, slots=True)
class Web:
    name: str
    url: str
    max_bytes: int
    spool: Spool

    @property
    def source(self) -> str:
        parts = urlsplit(self.url)
        return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"

    @property
    def is_local(self) -> bool:
        return False

    @asynccontextmanager
    async def fetch(self, validator: str | None) -> AsyncIterator[Delivery | None]:
        with self.spool.scratch() as scratch:
            try:
                fetched = await self._fetch(validator, scratch)
            except TimeoutError:
                raise UpstreamDown(f"advisories.{self.name} takes too long to answer") from None
            except (aiohttp.ClientError, OSError, ValueError) as e:
                said = (str(e) or type(e).__name__).partition("\n")[0][:200]
                raise UpstreamDown(f"advisories.{self.name} cannot be reached: {said}") from None
            if fetched is None:
                yield None
            else:
                path = scratch.spooled.path
                yield Delivery(documents(path, self.name), fetched or None)

    async def _fetch(self, validator: str | None, scratch: Scratch) -> str | None:
        """Write all of it, and return its validator, empty if it has none; None: as before."""
        headers = {"User-Agent": f"cloche/{__version__}", **_condition(validator)}
        async with (
            aiohttp.ClientSession(timeout=TIMEOUT, cookie_jar=aiohttp.DummyCookieJar()) as session,
            session.get(
                self.url, headers=headers, max_redirects=MAX_REDIRECTS, proxy=_proxy(self.url)
            ) as answer,
        ):
            self._check_way(answer)
            if answer.status == HTTPStatus.NOT_MODIFIED and validator:
                return None
            if answer.status != HTTPStatus.OK:
                raise UpstreamDown(f"advisories.{self.name} answers {answer.status}")
            async for chunk in answer.content.iter_any():
                if scratch.size + len(chunk) > self.max_bytes:
                    raise UpstreamLies(
                        f"advisories.{self.name} sends more than {self.max_bytes} bytes (max_bytes)"
                    )
                await scratch.write(chunk)
            return _validator(answer)

    def _check_way(self, answer: aiohttp.ClientResponse) -> None:
        """Raise UpstreamLies when a redirect on the way gave up what https protects."""
        ways = [*(each.url.scheme for each in answer.history), answer.url.scheme]
        if "https" in ways and "http" in ways[ways.index("https") :]:
            raise UpstreamLies(f"advisories.{self.name} redirects from https to http")


def _condition(validator: str | None) -> dict[str, str]:
    kind, _, value = (validator or "").partition(" ")
    names = {"etag": "If-None-Match", "date": "If-Modified-Since"}
    return {names[kind]: value} if kind in names else {}


def _validator(answer: aiohttp.ClientResponse) -> str:
    for kind, name in (("etag", "ETag"), ("date", "Last-Modified")):
        value = answer.headers.get(name, "")
        if len(value) <= MAX_VALIDATOR and _PLAIN.match(value):
            return f"{kind} {value}"
    return ""


def _proxy(url: str) -> str | None:
    """As the environment says. aiohttp would read .netrc with it, whose `default` is anybody."""
    parts = urlsplit(url)
    return None if proxy_bypass(parts.hostname or "") else getproxies().get(parts.scheme)
