"""Advisories as OSV's schema writes them (ossf.github.io/osv-schema, version 1.7).

What cannot be understood counts against the versions: an end that is no version ends nothing, and
an advisory that does not say which versions it means, in a way that is understood, means all.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime

import msgspec
from msgspec import Struct
from packaging.version import Version

from cloche.core.advisories import Advisory, Span, version
from cloche.core.errors import BadName
from cloche.core.model import ProjectName, project_name

ECOSYSTEM = "PyPI"
MALWARE = "MAL-"  # how the ids of malicious packages begin
MAX_SUMMARY = 300  # characters
MAX_DETAILS = 4000  # characters
MAX_ALIASES = 50

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,99}\Z")
_ORDERED = frozenset({"ECOSYSTEM", "SEMVER"})  # a range of commits tells nothing about releases
_WORDS = {"low": 0.1, "moderate": 4.0, "medium": 4.0, "high": 7.0, "critical": 9.0}
_LOWEST = Version("0.dev0")


class _Package(Struct, frozen=True):
    ecosystem: str
    name: str


class _Event(Struct, frozen=True):
    introduced: str | None = None
    fixed: str | None = None
    last_affected: str | None = None
    limit: str | None = None


class _Range(Struct, frozen=True):
    type: str
    events: list[_Event] = []


class _Severity(Struct, frozen=True):
    type: str
    score: str


class _Said(Struct, frozen=True):
    """`database_specific`, as far as GitHub's advisories have it."""

    severity: object = None


class _Affected(Struct, frozen=True):
    package: _Package | None = None
    ranges: list[_Range] | None = None
    versions: list[str] | None = None
    severity: list[_Severity] | None = None


class _Document(Struct, frozen=True):
    id: str
    aliases: list[str] | None = None
    summary: str | None = None
    details: str | None = None
    withdrawn: datetime | None = None
    affected: list[_Affected] | None = None
    severity: list[_Severity] | None = None
    database_specific: _Said | None = None


_DECODER = msgspec.json.Decoder(_Document)


def read(document: bytes) -> dict[ProjectName, Advisory]:
    """What a document says of each project that it is about. Raise BadName when it is no advisory.

    One that is about other ecosystems alone says nothing.
    """
    try:
        told = _DECODER.decode(document)
    except (msgspec.DecodeError, RecursionError) as e:
        raise BadName(f"not an advisory: {str(e)[:200]}") from None
    if not _ID.match(told.id):
        raise BadName("not an advisory: its id is none")
    about: dict[ProjectName, list[_Affected]] = {}
    for affected in told.affected or ():
        package = affected.package
        if package is not None and package.ecosystem.partition(":")[0] == ECOSYSTEM:
            about.setdefault(project_name(package.name), []).append(affected)
    return {project: _advisory(told, affected) for project, affected in about.items()}


def _advisory(told: _Document, affected: list[_Affected]) -> Advisory:
    aliases = [each for each in told.aliases or () if _ID.match(each)][:MAX_ALIASES]
    spans = [span for each in affected for span in _spans(each)]
    fixed = {event.fixed for each in affected for event in _events(each) if event.fixed}
    named = {text: version(text) for each in affected for text in each.versions or ()}
    return Advisory(
        id=told.id,
        aliases=tuple(aliases),
        summary=(told.summary or "")[:MAX_SUMMARY],
        details=(told.details or "")[:MAX_DETAILS],
        withdrawn=told.withdrawn,
        score=_score(told, affected),
        is_malware=any(each.startswith(MALWARE) for each in (told.id, *aliases)),
        versions=tuple(dict.fromkeys(str(each) for each in named.values() if each)),
        spans=tuple(dict.fromkeys(spans)),
        every=any(not each.versions and not _ranges(each) for each in affected),
        fixed_in=tuple(sorted(fixed, key=lambda text: version(text) or _LOWEST)),
    )


def _ranges(affected: _Affected) -> list[_Range]:
    return [each for each in affected.ranges or () if each.type in _ORDERED and each.events]


def _events(affected: _Affected) -> Iterator[_Event]:
    return (event for each in _ranges(affected) for event in each.events)


def _spans(affected: _Affected) -> Iterator[Span]:
    for each in _ranges(affected):
        yield from _between(sorted(_marks(each.events)))


_End = tuple[Version, int, str]
_UNTIL, _SINCE, _UP_TO = range(3)  # in this order where they are at one version


def _marks(events: Iterable[_Event]) -> Iterator[_End]:
    """Where versions begin to be affected, and where they cease. Without a beginning: at first."""
    begins = False
    for event in events:
        if event.introduced is not None:
            begins = True
            found = version(event.introduced) if event.introduced != "0" else None
            yield (found or _LOWEST, _SINCE, str(found or ""))
        for text, kind in (
            (event.fixed, _UNTIL),
            (event.limit, _UNTIL),
            (event.last_affected, _UP_TO),
        ):
            if text is not None and (at := version(text)) is not None:
                yield at, kind, str(at)
    if not begins:
        yield _LOWEST, _SINCE, ""


def _between(marks: Iterable[_End]) -> Iterator[Span]:
    since: str | None = None
    for _, kind, text in marks:
        if kind == _SINCE:
            since = text if since is None else since
        elif since is not None:
            yield Span(since, text, kind == _UP_TO)
            since = None
    if since is not None:
        yield Span(since)


def _score(told: _Document, affected: list[_Affected]) -> float | None:
    """The highest that anybody says, by whichever version of CVSS; else what its word begins at."""
    said = [*(told.severity or ()), *(s for each in affected for s in each.severity or ())]
    scores = [score for each in said if (score := _cvss(each)) is not None]
    if scores:
        return max(scores)
    word = told.database_specific.severity if told.database_specific else None
    return _WORDS.get(word.lower()) if isinstance(word, str) else None


def _cvss(said: _Severity) -> float | None:
    from cvss import CVSS2, CVSS3, CVSS4  # noqa: PLC0415  # 15 ms, for those who load advisories
    from cvss.exceptions import CVSSError  # noqa: PLC0415

    kinds: Mapping[str, type] = {"CVSS_V2": CVSS2, "CVSS_V3": CVSS3, "CVSS_V4": CVSS4}
    try:
        return float(kinds[said.type](said.score).base_score)
    except (KeyError, CVSSError):
        return None
