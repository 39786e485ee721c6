"""Which files of a project are kept, where only some are to be."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Annotated

from msgspec import Meta, Struct
from packaging.version import Version

from cloche.core.filenames import version_of
from cloche.core.model import Digest, ProjectName
from cloche.core.wants import Named, Want


class Retention(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[upstream.NAME.retention]` and `[index.NAME.retention]`: what any of these says is kept."""

    newest: Annotated[int, Meta(ge=1)] | None = None  # versions of each project
    fetched_within: Annotated[float, Meta(gt=0)] | None = None  # days
    named_by: tuple[str, ...] = ()  # lock and requirements files
    every: Annotated[float, Meta(ge=1)] | None = None  # seconds between two runs of a server

    @property
    def says_something(self) -> bool:
        """Whether anything says what is kept: without that, all is."""
        return bool(self.newest or self.fetched_within or self.named_by)


class Keepable(Struct, frozen=True, kw_only=True):
    """A distribution that is here."""

    project: ProjectName
    filename: str
    digest: Digest
    used: datetime  # when it was last fetched, or came


class Retained(Struct, frozen=True, kw_only=True):
    """What is kept: whatever any of these says. A file whose version is not told always is."""

    newest: int | None = None  # versions
    fetched_within: timedelta | None = None
    wants: tuple[Want, ...] = ()

    def superfluous(self, files: Sequence[Keepable], now: datetime) -> list[Keepable]:
        """Those of a project's files that nothing says are kept."""
        versions = {_version(each) for each in files} - {None}
        newest = sorted((v for v in versions if v is not None), reverse=True)[: self.newest or 0]
        return [each for each in files if not self._keeps(each, newest, now)]

    def _keeps(self, file: Keepable, newest: Sequence[Version], now: datetime) -> bool:
        version = _version(file)
        return (
            version is None
            or version in newest
            or (self.fetched_within is not None and file.used >= now - self.fetched_within)
            or any(_wants(want, file, version) for want in self.wants)
        )


def _version(file: Keepable) -> Version | None:
    said = version_of(file.filename)
    return None if said is None else Version(said)


def _wants(want: Want, file: Keepable, version: Version) -> bool:
    if want.project != file.project:
        return False
    if want.files:
        return _names(want.files, file)
    return want.specifiers.contains(version, prereleases=True)


def _names(files: Iterable[Named], file: Keepable) -> bool:
    return any(
        each.filename == file.filename or ("sha256", file.digest) in each.hashes for each in files
    )
