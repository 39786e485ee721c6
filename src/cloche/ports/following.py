"""Being followed by another server, and following one."""

from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from typing import Protocol

from msgspec import Struct

from cloche.core.following import Position, Stretch, Told
from cloche.core.model import Digest
from cloche.ports.ledger import Deed


class Followable(Protocol):
    """The journal of an index with all that it takes to do the same elsewhere."""

    async def stretch(
        self, index: str, since: Position | None, most: int, now: datetime
    ) -> Stretch:
        """At most so many steps after a position; None: from the beginning.

        Raise OtherJournal when the position is none of this journal.
        """

    async def newest(self, since: Position | None) -> Position:
        """Where the journal is now. Raise OtherJournal when it never was at `since`."""

    async def has(self, index: str, digest: Digest) -> bool:
        """Whether the index has them: an upload's, deleted or not, or its documentation's."""


class Pursuit(Struct, frozen=True, kw_only=True):
    """How far an index follows another server. Its clock is theirs, unless said otherwise."""

    index: str
    upstream: str
    url: str
    begun_at: datetime  # here
    position: Position | None  # there, up to which all is done here; None: nothing has come yet
    newest: int  # serial there, when it was asked last
    level_at: datetime | None  # all that was acknowledged there before is here
    contact_at: datetime | None  # here
    trouble: str | None  # since the last contact
    holder: str | None  # the node that follows
    promoted_at: datetime | None  # here; from then on the index is its own master
    promoted_by: str | None

    @property
    def behind(self) -> int:
        """At most so many entries are still to come, as far as is known."""
        return max(0, self.newest - (self.position.serial if self.position else 0))


class Pursuits(Protocol):
    """The indexes here that follow another server's: nobody else changes what they have."""

    async def begin(self, index: str, upstream: str, url: str, now: datetime) -> Pursuit:
        """Follow from now on, if the index does not already. What has come before stays."""

    async def all(self) -> list[Pursuit]:
        """Every index that follows or has followed, by name."""

    async def take(self, index: str, who: str, now: datetime, until: datetime) -> Pursuit | None:
        """Be the node that follows until then; None while another is, or there is nothing to.

        Whoever is may take it again, for longer or shorter.
        """

    async def advance(
        self,
        index: str,
        since: Position | None,
        steps: Sequence[Told],
        to: Stretch,
        now: datetime,
    ) -> Position | None:
        """Do what the steps say, all or nothing, and remember to have come so far.

        With the last of the stretch's steps, that is the end of the stretch. Return None, and do
        nothing, if the index is elsewhere by now, or promoted. Raise OtherJournal when it is to
        begin, and has something of its own.
        """

    async def fail(self, index: str, trouble: str) -> None:
        """Remember what keeps it from going on."""

    async def promote(self, index: str, deed: Deed) -> Pursuit:
        """Follow no more: the index takes changes of its own. Raise BadRequest if it does not."""


class Primary(Protocol):
    """An index of another server that may be followed."""

    @property
    def url(self) -> str:
        """Where it is, without credentials."""

    async def stretch(self, since: Position | None, most: int, wait: float) -> Stretch:
        """What happened there after a position. If nothing has, wait so many seconds for it.

        Raise OtherJournal, UpstreamDown, UpstreamLies.
        """

    def fetch(self, digest: Digest, most: int) -> AsyncIterator[bytes]:
        """The bytes of that digest, which are still to be verified.

        Raise NoSuchBlob, UpstreamDown, TransferBroken; UpstreamLies if there are more than `most`.
        """

    async def close(self) -> None: ...
