"""Only a project's newest versions."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Literal

from msgspec import Meta, Struct
from packaging.version import Version

from cloche.core.errors import BadName
from cloche.core.policy import Candidate, Objection, Offer, Rule
from cloche.core.pypi_document import current

Order = Literal["version", "upload-time"]

EPOCH = datetime.min.replace(tzinfo=UTC)
UNKNOWN = Objection("its version cannot be told from its name")


class Settings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`kind = "newest"`."""

    count: Annotated[int, Meta(ge=1)]
    by: Order = "version"
    prereleases: Annotated[int, Meta(ge=0)] | None = None  # None: they count as any version does
    exactly: bool = False  # no more than `count`: the current version may be the last of them


def connect(settings: Settings, folder: Path) -> Rule:
    """Raise BadName when no more than `count` are wanted, and pre-releases besides."""
    if settings.exactly and settings.prereleases is not None:
        raise BadName("exactly counts pre-releases as any version; leave it or prereleases out")
    return Newest(settings.count, settings.by, settings.prereleases, settings.exactly)


class Newest(Struct, frozen=True):
    """Objects to all but the `count` newest versions that are offered, and the newest final one.

    `prereleases`: so many of these are newest too, and `count` is of the others alone. `exactly`:
    the version that an installer would take, if it is not among the `count`, is in place of the
    last of them.
    """

    count: int
    by: Order
    prereleases: int | None
    exactly: bool = False

    def judge(self, offer: Offer, now: datetime) -> Iterable[tuple[Candidate, Objection]]:
        newest = self._newest(offer)
        old = Objection(f"it is not of the {self._what()}")
        for version, candidates in offer.versions.items():
            if version not in newest:
                said = UNKNOWN if version is None else old
                yield from ((candidate, said) for candidate in candidates)

    def _newest(self, offer: Offer) -> set[Version]:
        known = self._ordered(offer)
        if self.exactly:
            return self._exactly(offer, known)
        finals = [version for version in known if not version.is_prerelease]
        if self.prereleases is None:
            return {*known[: self.count], *finals[:1]}
        others = [version for version in known if version.is_prerelease]
        return {*finals[: self.count], *others[: self.prereleases]}

    def _exactly(self, offer: Offer, known: Sequence[Version]) -> set[Version]:
        newest = set(known[: self.count])
        taken = {each.version for each in current(offer)[:1]} - {None, *newest}
        return {*known[: self.count - len(taken)], *(each for each in taken if each)}

    def _ordered(self, offer: Offer) -> list[Version]:
        """The newest first. By time a version is as old as its oldest file, and of no age last."""
        known = sorted((each for each in offer.versions if each is not None), reverse=True)
        if self.by == "upload-time":
            known.sort(key=lambda version: _came(offer.versions[version]), reverse=True)
        return known

    def _what(self) -> str:
        order = "by version" if self.by == "version" else "by upload time"
        if self.prereleases is None:
            return f"project's {self.count} newest versions {order}"
        return f"project's {self.count} newest versions {order}, or {self.prereleases} pre-releases"


def _came(candidates: Sequence[Candidate]) -> datetime:
    times = [each.file.upload_time for each in candidates if each.file.upload_time is not None]
    return min(times, default=EPOCH)
