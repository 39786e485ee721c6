"""What is let past the rules of an index, for a time."""

from datetime import datetime
from typing import Protocol

from msgspec import Struct

from cloche.core.policy import Admission
from cloche.ports.ledger import Deed


class Admitted(Struct, frozen=True, kw_only=True):
    """An admission as it is recorded, for ever."""

    serial: int  # of its entry in the journal, which is its number
    at: datetime
    admission: Admission
    ended_at: datetime | None = None  # before its time
    ended_by: str | None = None

    def holds(self, now: datetime) -> bool:
        return self.ended_at is None and now < self.admission.until


class Admissions(Protocol):
    """Letting something past rules, and ending that: each one transaction with its entry."""

    async def admit(self, admission: Admission, at: datetime) -> Admitted: ...

    async def end(self, index: str, serial: int, deed: Deed) -> Admitted:
        """End it before its time. Raise NoSuchAdmission if there is none that holds."""

    async def history(self, index: str | None, since: int, most: int) -> list[Admitted]:
        """At most so many after a serial, of one index or of all: those that are over, too."""
