"""What of the upstreams' files is used, and what may go."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from msgspec import Struct

from cloche.core.model import Digest, Held


class Idle(Struct, frozen=True, kw_only=True):
    """An upstream's bytes, and when they were last used: fetched by a client, or from there."""

    digest: Digest
    size: int
    used: datetime
    beside: bool  # whether they are only what lies beside distributions


class Usage(Protocol):
    """The cache, as its keeper sees it: each blob once, however many upstreams' files it is.

    Bytes that an upload needs as well are nobody's cache.
    """

    async def total(self) -> int:
        """Bytes of all upstreams' files."""

    async def oldest(
        self, after: Idle | None, before: datetime, most: int, spared: Collection[str]
    ) -> Sequence[Idle]:
        """The least recently used, and used before then; what lies beside distributions last.

        None of what any of the `spared` upstreams keeps, or of what its upstream has taken back:
        that cannot be fetched again.
        """

    async def files(self, digest: Digest) -> Sequence[Held]:
        """The upstreams' files that these bytes are."""

    async def evict(
        self, files: Sequence[Held], before: datetime, now: datetime, why: str
    ) -> list[Held]:
        """Forget that these are kept, unless they were used since `before`; return which it was.

        Journaled where a page told of them what its upstream does not.
        """

    async def read(self) -> int:
        """The number of the last entry of the access journal that `used` has heard of."""

    async def used(self, last: Mapping[Digest, datetime], read: int) -> None:
        """These were used at these times, as told by the access journal up to that entry."""


class Uses(Protocol):
    async def last(self, digests: Sequence[Digest]) -> dict[Digest, datetime]:
        """When each was last fetched by a client, as far as `Usage.used` was told."""
