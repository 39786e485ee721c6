"""Why an index shows of a project what it shows: who was asked, and what is said of each file."""

from datetime import datetime
from enum import StrEnum

from msgspec import Struct

from cloche.core.model import Digest, FileKey, ProjectName
from cloche.core.policy import Effect, Ruling, WhichClock


class Answer(StrEnum):
    """What asking for the project's page comes to."""

    PAGE = "page"
    DENIED = "denied"  # rules withhold every file
    QUARANTINED = "quarantined"  # by its status (PEP 792)
    ABSENT = "absent"
    DELETED = "deleted"  # all uploads were, and the name is nobody else's
    ELSEWHERE = "elsewhere"  # clients are sent to an upstream
    UNKNOWN = "unknown"  # a source could not be asked, or answered nonsense


class State(StrEnum):
    LISTED = "listed"
    HIDDEN = "hidden"  # on no page, yet whoever knows its address may fetch it
    DENIED = "denied"


class Outcome(StrEnum):
    """What came of a source."""

    OWNS = "owns"
    ABSENT = "absent"
    DELETED = "deleted"
    ELSEWHERE = "elsewhere"
    REFUSED = "refused"  # it has the project in quarantine, or rules deny it by its name
    UNKNOWN = "unknown"  # it could not be asked, or answered nonsense
    NOT_ASKED = "not asked"


class Step(Struct, frozen=True, kw_only=True):
    """What an index did about one of its sources; of its own uploads where that is itself.

    The times are those of an upstream's page that is kept.
    """

    index: str
    source: str
    depth: int  # how many indexes it lies below the one that was asked
    outcome: Outcome
    says: str
    kept_since: datetime | None = None
    checked_at: datetime | None = None
    fresh_until: datetime | None = None


class Reason(Struct, frozen=True, kw_only=True):
    """What one rule says of a file. `lifted`: why that does not count, until `lifted_until`."""

    index: str
    rule: str
    kind: str
    effect: Effect
    reason: str
    clock: WhichClock | None = None
    until: datetime | None = None
    lifted: str | None = None
    lifted_until: datetime | None = None


class Account(Struct, frozen=True, kw_only=True):
    """One file: whether it is to be had, and why. `note` is what no rule says."""

    filename: str
    key: FileKey
    version: str | None
    source: str
    hosted: bool
    state: State
    sha256: Digest | None = None
    upload_time: datetime | None = None
    first_seen: datetime | None = None
    note: str | None = None
    reasons: tuple[Reason, ...] = ()


class Explanation(Struct, frozen=True, kw_only=True):
    index: str
    project: ProjectName
    version: str | None  # the only one whose files are told of
    answer: Answer
    says: str
    until: datetime | None = None  # when it may be another, if nothing is changed before
    steps: tuple[Step, ...] = ()
    files: tuple[Account, ...] = ()

    def count(self, state: State) -> int:
        return sum(each.state is state for each in self.files)


def reason(ruling: Ruling) -> Reason:
    """Who has lifted it is not told: readers are told this."""
    lifted = ruling.lifted
    return Reason(
        index=ruling.index,
        rule=ruling.rule,
        kind=ruling.kind,
        effect=ruling.effect,
        reason=ruling.reason,
        clock=ruling.clock,
        until=ruling.until,
        lifted=None if lifted is None else f"{lifted.part} is admitted: {lifted.reason}",
        lifted_until=None if lifted is None else lifted.until,
    )
