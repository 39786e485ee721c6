"""Uploads that come with a past: made elsewhere, recorded here."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Protocol

from msgspec import Struct

from cloche.core.model import Digest, Upload
from cloche.ports.ledger import Deed


class Bearer(Struct, frozen=True, kw_only=True):
    """Whatever has a filename in an index, or had it before it was deleted."""

    digest: Digest
    size: int
    hashes: dict[str, str]
    uploaded_at: datetime
    deleted: bool


class Arrivals(Protocol):
    async def bearer(self, index: str, filename: str) -> Bearer | None:
        """Whose the name is in the index; None when nobody has or had it."""

    async def enter(self, upload: Upload, deed: Deed, detail: Mapping[str, Any]) -> bool:
        """Record an upload as `Ledger.publish` does, but brought by the deed, at its time.

        `detail` is for the journal. What comes after another file of its version that is yanked is
        yanked as well if all of them are: bring those that are not yanked first.
        """
