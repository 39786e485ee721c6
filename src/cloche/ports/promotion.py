"""Files that go on: to another index of this server, or to somewhere else that takes uploads."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from msgspec import Struct

from cloche.core.model import Upload
from cloche.ports.blobs import Spooled
from cloche.ports.ledger import Deed


class Copy(Struct, frozen=True, kw_only=True):
    """An upload as another index is to have it."""

    upload: Upload
    source: str  # the index or upstream that offers it
    hosted: bool  # an upload of that index, which must be there still


class Promotion(Protocol):
    async def push(self, copies: Sequence[Copy], deed: Deed, *, dry: bool) -> list[str]:
        """Record all of them with their entries, or none; return the names of those new here.

        `dry`: say what would be, and leave all as it is. Raise as `Ledger.publish` does, and
        NoSuchFile when an upload that is copied was deleted meanwhile.
        """


class Outside(Protocol):
    """An index elsewhere that takes uploads."""

    async def upload(
        self, form: Mapping[str, Sequence[str]], filename: str, content: Spooled
    ) -> bool:
        """Send one file with the fields of the legacy upload API.

        Return False when it says that it has the file. Raise BadUpload or Forbidden when it
        refuses, UpstreamDown when it cannot be reached, UpstreamLies when it answers otherwise.
        """

    async def close(self) -> None: ...
