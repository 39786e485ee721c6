"""The catalog as it was: all that had been committed up to a serial."""

from collections.abc import Mapping
from datetime import datetime
from typing import Literal, Protocol

from msgspec import Struct

from cloche.core import backfill
from cloche.core.model import ProjectName
from cloche.core.moments import Moment
from cloche.ports.cache import Kept
from cloche.ports.ledger import Deed, Own

Sighting = Literal["seen", "gone", "later", "never", "lost"]
"""Of an upstream's page at a moment: seen before; seen not to be there; only seen afterwards, and
the first document is given; never seen; seen before, and not kept any more."""


class Remembered(Struct, frozen=True, kw_only=True):
    sighting: Sighting
    kept: Kept | None = None  # as it was seen last before the moment, or first after it


class Chronicle(Protocol):
    """What is answered for a serial is the same for ever, whatever is committed later."""

    async def own(self, serial: int, index: str, project: ProjectName) -> Own:
        """The uploads that an index had, and what it said of the project.

        Of the admissions of then those that nobody has ended since.
        """

    async def uploaded(self, serial: int, index: str) -> list[ProjectName]:
        """The projects of which the index had uploads, sorted."""

    async def page(self, serial: int, upstream: str, project: ProjectName) -> Remembered:
        """An upstream's page as this server had seen it."""

    async def mirrored(self, serial: int, upstream: str) -> list[ProjectName]:
        """The projects of which an upstream's page was kept, sorted."""

    async def learned(self, serial: int, upstream: str, project: ProjectName) -> backfill.Kept:
        """What had been found out about an upstream's files when they were fetched."""

    async def reached(self, serial: int) -> datetime | None:
        """When the newest entry up to the serial was made; None unless there is one as new."""


class Policies(Protocol):
    """Which rules indexes had, as settings write them; "" for none."""

    async def note(self, said: Mapping[str, str], deed: Deed) -> list[str]:
        """Record those that are others than before, and journal it; return whose they are."""

    async def note_sources(self, said: Mapping[str, str], deed: Deed) -> list[str]:
        """The same of whom indexes ask, which is no news when it is said for the first time.

        Mirrors are told of either alike: from then on an index has the rules that it had.
        """

    async def then(self, serial: int) -> dict[str, str]:
        """What they were, by index. One that never had any is not there."""


class Snapshot(Struct, frozen=True, kw_only=True):
    """A moment with a name. The bytes that were there then are kept as long as it is."""

    index: str
    name: str
    serial: int
    at: datetime  # of the moment
    made_at: datetime
    made_by: str


class Snapshots(Protocol):
    """Names of moments. Making and deleting one is one transaction with its journal entry."""

    async def create(self, index: str, name: str, moment: Moment | None, deed: Deed) -> Snapshot:
        """Name a moment; None: the deed's own. Raise BadRequest when the name is taken."""

    async def find(self, index: str, name: str) -> Snapshot:
        """Raise NoSuchMoment."""

    async def named(self, index: str | None) -> list[Snapshot]:
        """Those of one index or of all, in the order of their making."""

    async def delete(self, index: str, name: str, deed: Deed) -> None:
        """Raise NoSuchMoment. Nothing keeps the bytes any more that only it has kept."""
