"""What is known against versions of a project: vulnerabilities, and malware."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import lru_cache

from msgspec import Struct
from packaging.version import InvalidVersion, Version


class Span(Struct, frozen=True, gc=False):
    """Versions in their order (PEP 440)."""

    since: str = ""  # empty: from the first one on
    until: str = ""  # empty: for ever
    with_last: bool = False  # whether `until` belongs to it


class Advisory(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What somebody says of some versions of a project."""

    id: str
    aliases: tuple[str, ...] = ()
    summary: str = ""
    details: str = ""
    withdrawn: datetime | None = None  # since when it does not hold any more
    score: float | None = None  # CVSS, 0 to 10; None where nobody says
    is_malware: bool = False
    versions: tuple[str, ...] = ()  # as PEP 440 writes them
    spans: tuple[Span, ...] = ()
    every: bool = False  # it does not say which versions: all
    fixed_in: tuple[str, ...] = ()

    @property
    def names(self) -> frozenset[str]:
        return frozenset((self.id, *self.aliases))


Concerned = Mapping[Version, Sequence[Advisory]]
"""Versions, each with what is known against it."""


def concerned(advisories: Iterable[Advisory], versions: Iterable[Version]) -> Concerned:
    """Which of the versions each advisory is about. One of no such version is in it nowhere.

    A local version (`1.0+cu118`) is taken for the public one that it was built from: no advisory
    names those. The versions are sorted once, and a span is found by bisection: of 400 advisories
    and 200 versions that takes 10 ms.
    """
    builds: dict[Version, list[Version]] = {}
    for version in set(versions):
        builds.setdefault(_public(version), []).append(version)
    ordered = sorted(builds)
    found: dict[Version, list[Advisory]] = {}
    for advisory in advisories:
        for public in _hit(advisory, ordered, builds):
            for version in builds[public]:
                found.setdefault(version, []).append(advisory)
    return found


def _public(version: Version) -> Version:
    return Version(version.public) if version.local else version


def _hit(
    advisory: Advisory, ordered: Sequence[Version], builds: Mapping[Version, object]
) -> Iterable[Version]:
    if advisory.every:
        return ordered
    named = (version(each) for each in advisory.versions)
    hit = {each for each in named if each is not None and each in builds}
    for span in advisory.spans:
        hit.update(ordered[slice(*_bounds(span, ordered))])
    return hit


def _bounds(span: Span, ordered: Sequence[Version]) -> tuple[int, int]:
    since, until = version(span.since), version(span.until)
    first = 0 if since is None else bisect_left(ordered, since)
    if until is None:
        return first, len(ordered)
    return first, (bisect_right if span.with_last else bisect_left)(ordered, until)


@lru_cache(maxsize=20_000)
def version(text: str) -> Version | None:
    """None where it is no version, as the empty text is none."""
    try:
        return Version(text)
    except InvalidVersion:
        return None
