"""Everything that a mirror serves, held against what it should have: page by page, file by file."""

import asyncio
import hashlib
from collections.abc import Collection, Iterable
from typing import Any
from urllib.parse import urljoin

import aiohttp

from tests.mirror.world import Expected, Fact
from tests.upstream.answers import JSON

AT_ONCE = 32
SECONDS = aiohttp.ClientTimeout(total=120)


def differences(url: str, expected: Expected, *, only: Collection[str] | None = None) -> list[str]:
    """What the server at the URL has otherwise than expected, each in a line; none is a proof.

    With `only` the list of projects is not looked at, and of the projects these alone, also such
    as should not be there.
    """
    return sorted(asyncio.run(_Comparison(url, expected).all(only)))


class _Comparison:
    def __init__(self, url: str, expected: Expected) -> None:
        self._url = url
        self._expected = expected
        self._found: list[str] = []

    async def all(self, only: Collection[str] | None) -> list[str]:
        connector = aiohttp.TCPConnector(limit=AT_ONCE)
        async with aiohttp.ClientSession(connector=connector, timeout=SECONDS) as self._client:
            if only is None:
                await self._roll()
            names = self._expected if only is None else only
            await asyncio.gather(*map(self._project, names))
        return self._found

    async def _roll(self) -> None:
        _, said = await self._json("/simple/")
        listed = {each["name"] for each in said["projects"]}
        self._differ("the list of projects", set(self._expected), listed)

    async def _project(self, name: str) -> None:
        status, said = await self._json(f"/simple/{name}/")
        should = self._expected.get(name)
        if (status == 200) != (should is not None) or status not in {200, 404, 503}:
            self._found.append(f"{name}: its page is {status}")
        if should is None or status != 200:
            return
        listed = {file["filename"]: file for file in said["files"]}
        self._differ(f"the page of {name}", set(should), set(listed))
        both = should.keys() & listed.keys()
        await asyncio.gather(*(self._file(name, should[one], listed[one]) for one in both))

    async def _file(self, project: str, should: Fact, listed: dict[str, Any]) -> None:
        name = listed["filename"]
        beside = listed.get("core-metadata") or {}
        yanked = listed.get("yanked", False)
        claims = (listed["hashes"]["sha256"], yanked, beside.get("sha256"))
        right = yanked is not False if should.gone else yanked == should.yanked
        if not right or claims[::2] != (should.sha256, should.metadata_sha256):
            self._found.append(f"{name}: it is listed with {claims}")
        where = urljoin(f"{self._url}/simple/{project}/", listed["url"])
        await self._bytes(where, should.sha256, had=should.had)
        if should.metadata_sha256 is not None and should.had:
            await self._bytes(f"{where}.metadata", should.metadata_sha256, had=True)

    async def _bytes(self, where: str, sha256: str, *, had: bool) -> None:
        async with self._client.get(where) as answer:
            body = await answer.read()
            right = answer.status == 200 and hashlib.sha256(body).hexdigest() == sha256
            if right != had or (answer.status == 200 and not right):
                self._found.append(f"{where}: {answer.status}, {len(body)} bytes")

    async def _json(self, path: str) -> tuple[int, Any]:
        async with self._client.get(self._url + path, headers={"Accept": JSON}) as answer:
            is_page = answer.status == 200
            return answer.status, await answer.json(content_type=None) if is_page else None

    def _differ(self, where: str, should: Iterable[str], has: Iterable[str]) -> None:
        self._found += [f"{where} lacks {name}" for name in set(should) - set(has)]
        self._found += [f"{where} has {name}" for name in set(has) - set(should)]
