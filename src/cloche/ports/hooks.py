"""Telling the outside what the journal says."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol

from cloche.core.hooks import Told


class Cursors(Protocol):
    """How far each webhook has been told; one process at a time tells it."""

    async def cursor(self, name: str) -> int:
        """The serial up to which it was told. One that is new begins at the journal's end."""

    async def told(self, actions: Sequence[str], since: int, most: int) -> list[Told]:
        """The first so many entries of these actions after a serial."""

    async def take(self, name: str, who: str, now: datetime, until: datetime) -> int | None:
        """Be the one who tells it until then, and return the cursor; None while another is.

        Whoever is may take it again, for longer or shorter.
        """

    async def move(self, name: str, who: str, serial: int, until: datetime) -> bool:
        """Remember what was told, and go on until then. False when another has taken over."""


class Courier(Protocol):
    async def post(self, url: str, content: bytes, headers: Mapping[str, str]) -> None:
        """Bring it there. Raise UpstreamDown unless it was taken (2xx)."""

    async def close(self) -> None: ...
