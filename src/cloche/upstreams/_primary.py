"""An index of another cloche, as whoever follows it asks: for its journal, and for bytes."""

import asyncio
from collections.abc import AsyncIterator
from http import HTTPStatus
from urllib.parse import urlencode

import msgspec
from msgspec import Struct

from cloche.core.errors import (
    NoSuchBlob,
    OtherJournal,
    TransferBroken,
    UpstreamDown,
    UpstreamLies,
)
from cloche.core.following import HERE, Position, Stretch
from cloche.core.model import Digest
from cloche.upstreams._answer import Answer, beginning
from cloche.upstreams._simple import Simple
from cloche.upstreams.cloche import MAX_PROBLEM, PROBLEM, Settings, with_user

REFUSALS = frozenset(
    {
        HTTPStatus.BAD_REQUEST,
        HTTPStatus.UNAUTHORIZED,
        HTTPStatus.FORBIDDEN,
        HTTPStatus.NOT_FOUND,
        HTTPStatus.CONFLICT,
    }
)
MAX_SAID = 1000  # characters of a refusal

_stretch = msgspec.json.Decoder(Stretch).decode


class _Problem(Struct, frozen=True):
    detail: str = ""


_problem = msgspec.json.Decoder(_Problem).decode


class ClochePrimary(Simple):
    def __init__(self, name: str, settings: Settings) -> None:
        """`name` is the upstream's; nothing is sent yet."""
        super().__init__(name, settings.url, with_user(settings))
        self._there = f"{self._base}-/api/v1/indexes/{HERE}"

    @property
    def url(self) -> str:
        return self._base

    async def stretch(self, since: Position | None, most: int, wait: float) -> Stretch:
        wait = min(wait, self._settings.read_timeout / 2)
        asked: dict[str, object] = {"limit": most, "wait": wait}
        if since is not None:
            asked |= {"since": since.serial, "store": since.store, "mark": since.mark}
        url = f"{self._there}/changes?{urlencode(asked)}"
        with self._client.translated(UpstreamDown):
            async with (
                asyncio.timeout(self._settings.page_timeout + wait),
                self._client.get("pages", url, {"Accept": "application/json"}) as answer,
            ):
                await self._heed(answer)
                self._check(answer, {HTTPStatus.OK}, UpstreamDown)
                body = await self._body(answer, self._settings.max_page_bytes)
        try:
            return await asyncio.to_thread(_stretch, body)
        except (msgspec.DecodeError, UnicodeDecodeError) as e:
            raise UpstreamLies(f"{self.url} tells its journal in words unknown here: {e}") from None

    async def fetch(self, digest: Digest, most: int) -> AsyncIterator[bytes]:
        clock = asyncio.get_running_loop().time
        deadline = clock() + self._settings.file_timeout
        url, headers = f"{self._there}/blobs/{digest}", {"Accept-Encoding": "identity"}
        with self._client.translated(TransferBroken):
            async with self._client.get("files", url, headers) as answer:
                if answer.status == HTTPStatus.NOT_FOUND:
                    raise NoSuchBlob(f"{self.url} has no bytes of the digest {digest}")
                await self._heed(answer)
                self._check(answer, {HTTPStatus.OK}, TransferBroken)
                async for chunk in answer.content.iter_any():
                    most -= len(chunk)
                    if most < 0:
                        raise UpstreamLies(f"{self.url} sends more of {digest} than it lists")
                    if clock() > deadline:
                        raise TransferBroken(f"{self.url} takes too long over {digest}")
                    yield chunk

    async def _heed(self, answer: Answer) -> None:
        """Raise what a refusal says."""
        kind = answer.headers.get("Content-Type", "").partition(";")[0].strip()
        if answer.status not in REFUSALS:
            return
        if kind != PROBLEM:
            raise UpstreamDown(
                f"{self.url} answers {answer.status}: give [upstream.{self.name}] the address of "
                "an index of another cloche, of this release or a newer one"
            )
        body = await beginning(answer, MAX_PROBLEM)
        try:
            said = " ".join(_problem(body).detail.split())[:MAX_SAID]
        except (msgspec.DecodeError, UnicodeDecodeError):
            said = f"status {answer.status}"
        kinds = {HTTPStatus.CONFLICT: OtherJournal}
        failure = kinds.get(HTTPStatus(answer.status), UpstreamDown)
        raise failure(f"{self.url} says: {said}")
