"""What an upstream answers, whichever client asked it."""

from collections.abc import AsyncIterator, Mapping
from typing import Protocol

from yarl import URL


class Body(Protocol):
    """The bytes of an answer."""

    def iter_any(self) -> AsyncIterator[bytes]:
        """Whatever has come, again and again, to the end."""


class Answer(Protocol):
    """An answer, of which the body is still to come: as aiohttp's, as far as that is used."""

    @property
    def status(self) -> int: ...
    @property
    def url(self) -> URL: ...
    @property
    def headers(self) -> Mapping[str, str]: ...
    @property
    def content_length(self) -> int | None: ...
    @property
    def content(self) -> Body: ...


async def beginning(answer: Answer, most: int) -> bytes:
    """The first `most` bytes of the body, or all when there are fewer."""
    body = bytearray()
    async for chunk in answer.content.iter_any():
        body += chunk
        if len(body) >= most:
            break
    return bytes(body[:most])
