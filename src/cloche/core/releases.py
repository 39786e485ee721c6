"""A project's files by version."""

from dataclasses import dataclass
from datetime import datetime

from packaging.version import Version

from cloche.core.filenames import version_of
from cloche.core.model import File, Page
from cloche.core.wire import QUARANTINED


@dataclass(frozen=True, slots=True)
class Release:
    """The files of one version; of none when their names do not tell it."""

    version: Version | None
    files: tuple[File, ...]

    @property
    def yanked(self) -> bool:
        return bool(self.files) and all(file.yanked for file in self.files)

    @property
    def final(self) -> bool:
        return self.version is not None and not self.version.is_prerelease

    @property
    def uploaded(self) -> datetime | None:
        """When its newest file was uploaded, as far as that is stated."""
        return max((f.upload_time for f in self.files if f.upload_time), default=None)


NO_RELEASE = Release(None, ())


def teller(release: Release) -> File | None:
    """The file to read: a wheel if one offers its metadata, for an sdist's may be dynamic."""
    offering = [file for file in release.files if file.core_metadata]
    wheels = (file for file in offering if file.filename.endswith(".whl"))
    return next(wheels, next(iter(offering), None))


def releases(page: Page) -> list[Release]:
    """All that the page offers, the highest version first, files without one last."""
    groups: dict[str | None, list[File]] = {}
    for file in () if page.status == QUARANTINED else page.files:
        groups.setdefault(version_of(file.filename), []).append(file)
    nameless = groups.pop(None, [])
    found = [Release(Version(v), tuple(files)) for v, files in groups.items() if v is not None]
    found.sort(key=_order, reverse=True)
    return [*found, Release(None, tuple(nameless))] if nameless else found


def by_preference(all_releases: list[Release]) -> list[Release]:
    """What an installer would take first: yanked ones last, pre-releases before those."""
    versioned = [release for release in all_releases if release.version is not None]
    return sorted(versioned, key=lambda r: (not r.yanked, r.final, _order(r)), reverse=True)


def _order(release: Release) -> Version:
    return release.version or Version("0.dev0")
