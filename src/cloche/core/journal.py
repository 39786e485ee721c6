"""The journal's words: what each kind of change is called, here and by PyPI's changelog."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from enum import StrEnum
from functools import partial

from msgspec import Struct

from cloche.core.errors import BadName
from cloche.core.filenames import parse
from cloche.core.index import Plan, Way, Ways
from cloche.core.model import ProjectName


class Change(StrEnum):
    FILE_UPLOADED = "file uploaded"
    FILE_DELETED = "file deleted"
    FILE_YANKED = "file yanked"
    FILE_UNYANKED = "file unyanked"
    VERSION_YANKED = "version yanked"
    VERSION_UNYANKED = "version unyanked"
    STATUS_CHANGED = "status changed"
    STATUS_REMOVED = "status removed"
    ADMITTED = "admitted"  # past the rules of an index, for a time
    ADMISSION_ENDED = "admission ended"  # before its time
    DOCUMENTED = "documentation uploaded"
    PAGE_CHANGED = "page changed"
    PAGE_GONE = "page gone"
    FILE_LEARNED = "file learned"  # digest or size, which its upstream does not list
    FILE_EVICTED = "file evicted"  # with what had been learned of it
    PAGE_EXPIRED = "page expired"
    ABSENCES_FORGOTTEN = "absences forgotten"  # those that processes remember of an upstream
    FILE_RECALLED = "file recalled"  # deleted, quarantined or yanked upstream, or flagged
    ADVISORIES_CHANGED = "advisories changed"
    RULING_ENDED = "ruling ended"  # by time: what was withheld of the project, or was not
    RULES_CHANGED = "rules changed"  # those that the settings give an index
    SOURCES_CHANGED = "sources changed"  # whom the settings have an index ask
    SNAPSHOT_CREATED = "snapshot created"
    SNAPSHOT_DELETED = "snapshot deleted"
    PROMOTED = "promoted"  # an index that followed another server's is its own master
    BUNDLE_APPLIED = "bundle applied"
    TOKEN_CREATED = "token created"  # noqa: S105  # a name for an event
    TOKEN_REVOKED = "token revoked"  # noqa: S105  # a name for an event


PAGE_WORDS = (Change.PAGE_CHANGED.value, Change.PAGE_GONE.value)
"""The words that tell whether an upstream has a project."""

NO_RULES: Mapping[str, int] = {}


class Event(Struct, frozen=True, kw_only=True):
    """An entry about a project, and what it began. `place` is an index or an upstream."""

    serial: int
    at: datetime
    who: str
    action: str
    place: str
    project: ProjectName
    version: str | None = None
    filename: str | None = None
    opens_project: bool = False  # no earlier entry of the place names the project
    opens_version: bool = False  # no earlier one names this version of it


class Standing(Struct, frozen=True, gc=False):
    """How a place stands to a project of which its journal speaks."""

    place: str
    project: ProjectName
    serial: int  # of the newest entry
    owned: bool  # uploaded to it at any time, or kept of it now: it answers for the name
    shown: bool  # there is something left of that


def decided(
    ways: Ways,
    project: ProjectName,
    standings: Iterable[Standing],
    ruled: Mapping[str, int] = NO_RULES,
) -> int | None:
    """What is listed of one project: its serial, or None when there is nothing to show.

    The first place that owns it answers alone, or all if it is merged; what is said of it on the
    way there counts too. `ruled` are the serials at which indexes got the rules that they have.
    """
    at = {each.place: each for each in standings}
    found = _answer(ways.plan(project), at, partial(ways.shows, project), ruled)
    return found[1] if found is not None and found[0] else None


def concerning(ways: Ways, events: Iterable[Event]) -> list[Event]:
    """Those of places that may answer for their project, and are not withheld."""
    of: dict[ProjectName, frozenset[str]] = {}
    found = []
    for event in events:
        if event.project not in of:
            of[event.project] = ways.of(event.project)
        found += [event] if event.place in of[event.project] else []
    return found


def _answer(
    plan: Plan,
    at: Mapping[str, Standing],
    shows: Callable[[Way], bool],
    ruled: Mapping[str, int],
    above: Way = (),
) -> tuple[bool, int] | None:
    """What answers at a place: whether it shows anything, and its serial; None if nothing does."""
    own, way = at.get(plan.place), (*above, plan.place)
    said = max(own.serial if own is not None else 0, ruled.get(plan.place, 0))
    is_owned = own is not None and own.owned
    found = [(own.shown and shows(way), said)] if own is not None and is_owned else []
    if is_owned and not plan.merges:
        return found[0]
    for source in plan.below:
        answer = _answer(source, at, shows, ruled, way)
        found += [] if answer is None else [answer]
        if found and not plan.merges:
            break
    if not found:
        return None
    return any(shown for shown, _ in found), max(said, *(serial for _, serial in found))


_WORDS: dict[str, str] = {
    Change.FILE_DELETED: "remove file {}",
    Change.FILE_YANKED: "yank file {}",
    Change.FILE_UNYANKED: "unyank file {}",
    Change.VERSION_YANKED: "yank release",
    Change.VERSION_UNYANKED: "unyank release",
    Change.DOCUMENTED: "docupdate",
    Change.PAGE_GONE: "remove project",
}


def as_pypi_says(event: Event) -> Iterator[str]:
    """What PyPI's changelog would say of the event, in the order in which it would.

    Several of its events are one entry here: an upload may begin a project and a release.
    """
    if event.opens_project:
        yield "create"
    if event.action == Change.FILE_UPLOADED:
        if event.opens_version:
            yield "new release"
        yield f"add {_python(event)} file {event.filename}"
    else:
        yield _WORDS.get(event.action, event.action).format(event.filename)


def _python(event: Event) -> str:
    try:
        return parse(event.filename or "").pyversion
    except BadName:
        return "any"
