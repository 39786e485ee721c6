"""Which of a project's files an index shows, and why: rules object, and the strongest decides.

Pure: everything that a rule may know is in the offer, and the time is an argument. A rule sees
all that a source offers, whatever other rules say of it, so that their order does not matter and
one more of them never adds a file.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from functools import cached_property
from typing import Literal, Protocol, runtime_checkable

from msgspec import Struct
from msgspec.structs import replace
from packaging.version import Version

from cloche.core.filenames import Brief, brief
from cloche.core.known import NOTHING, Known, Need
from cloche.core.marks import Part
from cloche.core.model import File, ProjectName
from cloche.core.patterns import Names, Selector

FOREVER = datetime.max.replace(tzinfo=UTC)

WhichClock = Literal["upload-time", "first-seen"]
"""By whose clock: the upstream's, or this server's."""


class Effect(StrEnum):
    HIDE = "hide"  # unlisted, yet whoever knows its address may fetch it
    DENY = "deny"  # neither listed nor served


class Objection(Struct, frozen=True, gc=False):
    """Why a rule would not have a file shown; `until` is when it will not mind any more."""

    reason: str
    until: datetime | None = None  # None: as long as the file and the rule are what they are
    clock: WhichClock | None = None  # the one that it went by


class Candidate:
    """A file that a source offers."""

    __slots__ = ("_brief", "file", "hosted", "source")

    def __init__(self, file: File, source: str, *, hosted: bool) -> None:
        self.file = file
        self.source = source  # the index or upstream that it comes from
        self.hosted = hosted  # uploaded here, as opposed to an upstream's
        self._brief: Brief | None = None

    @property
    def brief(self) -> Brief:
        """What its filename says."""
        if self._brief is None:
            self._brief = brief(self.file.filename)
        return self._brief

    @property
    def version(self) -> Version | None:
        """None where the filename does not tell."""
        return self.brief.version

    def clock(self, by: WhichClock, first_page: WhichClock) -> WhichClock:
        """Which clock counts where `by` does: both are this server's for what was uploaded here.

        `first_page`: for what was there when this server began to watch the project.
        """
        if by == "upload-time" or self.hosted:
            return "upload-time"
        seen = self.file.first_seen
        return first_page if seen is not None and seen == self.file.watched_since else by

    def came(self, clock: WhichClock) -> datetime | None:
        """When it came, by that clock."""
        return self.file.upload_time if clock == "upload-time" else self.file.first_seen


@dataclass(frozen=True)
class Offer:
    """What a source offers of one project, before the rules of `index` are asked."""

    index: str
    project: ProjectName
    candidates: Sequence[Candidate]
    known: Known = NOTHING  # of what the rules need beyond the page
    listed: Sequence[str] = ()  # versions that the page names, those without files too
    serial: int | None = None  # of the journal entry that last changed the project

    @cached_property
    def versions(self) -> Mapping[Version | None, Sequence[Candidate]]:
        """The files of each version; a rule over versions looks at each once."""
        found: dict[Version | None, list[Candidate]] = {}
        for candidate in self.candidates:
            found.setdefault(candidate.version, []).append(candidate)
        return found


class Rule(Protocol):
    """One reason to hide or deny files. It knows nothing of HTTP, storage and other rules.

    One that must know more than the page says has `needs`, a frozenset of `Need`.
    """

    def judge(self, offer: Offer, now: datetime) -> Iterable[tuple[Candidate, Objection]]:
        """Whom it objects to. It depends on nothing but its settings and these two."""


@runtime_checkable
class Timed(Protocol):
    """A rule that goes by when files came."""

    @property
    def by(self) -> str: ...


@runtime_checkable
class Shuts(Protocol):
    """A rule that knows some projects by their names alone."""

    def shuts(self, project: ProjectName, *, hosted: bool) -> str | None:
        """Why it objects to every file of the project, uploaded here or an upstream's, if so."""


class Exemption(Struct, frozen=True):
    selector: Selector
    until: datetime | None = None


class Clause(Struct, frozen=True, kw_only=True):
    """A rule as an index has it: what it is called and does, whom it concerns, how long."""

    name: str
    kind: str
    rule: Rule
    effect: Effect = Effect.DENY
    projects: Names | None = None  # None: all
    exempt: tuple[Exemption, ...] = ()
    expires: datetime | None = None

    @property
    def needs(self) -> frozenset[Need]:
        """What the rule must know beyond the page."""
        needs: frozenset[Need] = getattr(self.rule, "needs", frozenset())
        return needs

    def concerns(self, project: ProjectName, now: datetime) -> bool:
        return self.holds(now) and (self.projects is None or self.projects.match(project))

    def holds(self, now: datetime) -> bool:
        return self.expires is None or now < self.expires

    @property
    def by_name(self) -> bool:
        """Whether a project's name may be enough for it."""
        return isinstance(self.rule, Shuts)

    def judge(self, offer: Offer, now: datetime) -> Iterable[tuple[Candidate, Objection]]:
        """Whom the rule objects to, but for those exempt."""
        if not self.concerns(offer.project, now):
            return ()
        found = self.rule.judge(offer, now)
        exempt = self._exempt(offer.project, now)
        if not exempt:
            return found
        free = {
            version
            for version in offer.versions
            if any(each.match(offer.project, version) for each in exempt)
        }
        return [(candidate, said) for candidate, said in found if candidate.version not in free]

    @property
    def watches(self) -> bool:
        """Whether it asks when this server first saw a file."""
        return isinstance(self.rule, Timed) and self.rule.by == "first-seen"

    def shuts(self, project: ProjectName, now: datetime, *, hosted: bool) -> Objection | None:
        """What it says of all files of a project, by its name alone; None if that does not tell."""
        # Lists ask this of 700,000 names, and `isinstance` of a protocol takes 4 µs.
        asked = getattr(self.rule, "shuts", None)
        if asked is None or not self.concerns(project, now):
            return None
        reason: str | None = asked(project, hosted=hosted)
        if reason is None or self._exempt(project, now):
            return None
        return Objection(reason)

    def _exempt(self, project: ProjectName, now: datetime) -> list[Selector]:
        """Which of its versions it lets be."""
        return [
            each.selector
            for each in self.exempt
            if each.selector.names.match(project) and (each.until is None or now < each.until)
        ]

    def instants(self) -> Iterable[datetime]:
        """When its answers change, whatever is offered."""
        return (at for at in (self.expires, *(each.until for each in self.exempt)) if at)


class Admission(Struct, frozen=True, kw_only=True):
    """That somebody lets a part of a project past the rules of an index, for a time."""

    part: Part
    who: str
    reason: str
    until: datetime
    rule: str | None = None  # the name of the only one that is lifted; None: all of the index's

    def lifts(self, clause: Clause, filename: str) -> bool:
        return self.rule in {None, clause.name} and self.part.has(filename)


class Ruling(Struct, frozen=True, kw_only=True, gc=False):
    """What one rule of one index says of one file."""

    effect: Effect
    index: str
    rule: str  # its name
    kind: str
    reason: str
    until: datetime | None = None
    clock: WhichClock | None = None
    lifted: Admission | None = None  # by which it does not count, for a time


Rulings = Mapping[str, tuple[Ruling, ...]]
"""By filename; a file that no rule objects to is not in it."""


class Judgement(Struct, frozen=True):
    rulings: dict[str, tuple[Ruling, ...]]
    until: datetime  # when the same question may have another answer


def needed(clauses: Iterable[Clause], project: ProjectName, now: datetime) -> frozenset[Need]:
    """What must be known of a project beyond its page, for these to judge it."""
    return frozenset(need for each in clauses if each.concerns(project, now) for need in each.needs)


def judge(
    offer: Offer, clauses: Sequence[Clause], now: datetime, admissions: Sequence[Admission] = ()
) -> Judgement:
    """What the rules of an index say of what is offered to it."""
    current = [each for each in admissions if now < each.until]
    instants = [each.until for each in current]
    instants += [offer.known.until] if offer.known.until else []
    found: defaultdict[str, list[Ruling]] = defaultdict(list)
    for clause in clauses:
        instants += [at for at in clause.instants() if at > now]
        for name, ruling in _rulings(offer, clause, now, current):
            if ruling.until is not None:
                instants.append(ruling.until)
            found[name].append(ruling)
    rulings = {name: tuple(each) for name, each in found.items()}
    return Judgement(rulings, min(instants, default=FOREVER))


def _rulings(
    offer: Offer, clause: Clause, now: datetime, current: Sequence[Admission]
) -> Iterator[tuple[str, Ruling]]:
    """Each file's, by its name. What a rule says of many files alike is one ruling."""
    last: tuple[Objection, Ruling] | None = None
    for candidate, said in clause.judge(offer, now):
        if last is None or last[0] is not said:
            last = (said, _ruling(offer.index, clause, said))
        name, ruling = candidate.file.filename, last[1]
        if current and (by := next((one for one in current if one.lifts(clause, name)), None)):
            yield name, replace(ruling, lifted=by)
        else:
            yield name, ruling


def shut(
    index: str, clauses: Iterable[Clause], project: ProjectName, now: datetime, *, hosted: bool
) -> Ruling | None:
    """What the rules of an index say of all of a project, by its name alone; the strongest."""
    found = ((each, each.shuts(project, now, hosted=hosted)) for each in clauses)
    return settled(_ruling(index, each, said) for each, said in found if said)


def settled(rulings: Iterable[Ruling]) -> Ruling | None:
    """The one that counts: to deny goes before to hide, and then what lasts longest."""
    count = [each for each in rulings if each.lifted is None]
    return max(count, key=_strength) if len(count) > 1 else next(iter(count), None)


def withheld_by(rulings: Iterable[Ruling]) -> bool:
    """Whether one of them counts."""
    return any(each.lifted is None for each in rulings)


def joined(first: Rulings, second: Rulings) -> Rulings:
    """What two indexes say of the same files."""
    if not first or not second:
        return first or second
    return {
        name: (*first.get(name, ()), *second.get(name, ()))
        for name in dict.fromkeys([*first, *second])
    }


def _strength(ruling: Ruling) -> tuple[bool, datetime]:
    return ruling.effect is Effect.DENY, ruling.until or FOREVER


def _ruling(index: str, clause: Clause, said: Objection) -> Ruling:
    return Ruling(
        effect=clause.effect,
        index=index,
        rule=clause.name,
        kind=clause.kind,
        reason=said.reason,
        until=said.until,
        clock=said.clock,
    )
