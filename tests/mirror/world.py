"""What the scripted upstream has: the truth that a mirror of it is held to."""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from tests.packages import Built, sdist, wheel

BEGAN = datetime(2024, 1, 1, tzinfo=UTC)
FIRST_SERIAL = 5000
QUARANTINED = "quarantined"


@dataclass(frozen=True, slots=True)
class Listed:
    """A file as its project's page lists it."""

    built: Built
    serial: int
    yanked: bool | str = False

    @property
    def has_metadata(self) -> bool:
        """Whether core metadata lies beside it (PEP 658); as on PyPI, for wheels alone."""
        return self.built.filename.endswith(".whl")

    @property
    def uploaded(self) -> str:
        moment = BEGAN + timedelta(seconds=self.serial)
        return moment.isoformat(timespec="microseconds").replace("+00:00", "Z")

    @property
    def path(self) -> str:
        digest = self.built.blake2_256
        return f"/packages/{digest[:2]}/{digest[2:4]}/{digest[4:]}/{self.built.filename}"


@dataclass(frozen=True, slots=True)
class Project:
    """A project and its files. `display` is the name as its owner spells it."""

    display: str
    serial: int
    files: dict[str, Listed]
    status: str = "active"
    reason: str = ""

    @property
    def offered(self) -> list[Listed]:
        """What its page lists: nothing while it is quarantined (PEP 792)."""
        return [] if self.status == QUARANTINED else list(self.files.values())


@dataclass(frozen=True, slots=True)
class Change:
    """A line of the changelog."""

    display: str
    version: str | None
    serial: int
    action: str


@dataclass(frozen=True, slots=True)
class Fact:
    """What must be true of a file that a page lists."""

    sha256: str
    yanked: bool | str
    metadata_sha256: str | None
    had: bool = True
    """Whether its bytes can be had; where they are wrong upstream, they cannot."""
    gone: bool = False
    """Whether it is there no longer upstream, and listed as yanked for that."""


Expected = dict[str, dict[str, Fact]]
"""By the name of the project, then by the name of the file."""


@dataclass
class World:
    """All projects by their names, the serial of the newest change, and what is wrong."""

    projects: dict[str, Project] = field(default_factory=dict)
    serial: int = FIRST_SERIAL
    changes: list[Change] = field(default_factory=list)
    past: dict[str, dict[str, Listed]] = field(default_factory=dict)
    """What was deleted, and is not back."""
    failing: set[str] = field(default_factory=set)
    """Projects of which every page is answered 500."""
    spoiled: set[str] = field(default_factory=set)
    """Files whose bytes are others than their hashes say."""
    late: dict[str, Project] = field(default_factory=dict)
    """Projects of which a cache in between sends the page as it was."""
    stalled: tuple[dict[str, int], int] | None = None
    """The list of projects as a cache in between still sends it."""
    outage: bool = False
    """Whether the list of projects is answered 503."""
    emptied: bool = False
    """Whether the list of projects names none."""

    def listed(self) -> tuple[dict[str, int], int]:
        """The list of projects: the serial of each, by its display name, and the newest of all."""
        if self.emptied:
            return {}, self.serial
        if self.stalled is not None:
            return self.stalled
        return {each.display: each.serial for each in self.projects.values()}, self.serial

    def page(self, name: str) -> Project | None:
        """What a page of the project is made of."""
        return self.late.get(name) or self.projects.get(name)

    def expected(self) -> Expected:
        """What a full mirror has."""
        return {
            name: {each.built.filename: self._fact(each) for each in project.offered}
            for name, project in self.projects.items()
            if name not in self.failing
        }

    def kept(self) -> Expected:
        """What a mirror has that keeps what was deleted: that too, yanked."""
        found = {name: dict(files) for name, files in self.expected().items()}
        for name, files in self.past.items():
            gone = {one: self._fact(each, gone=True) for one, each in files.items()}
            found[name] = {**gone, **found.get(name, {})}
        return found

    def _fact(self, each: Listed, *, gone: bool = False) -> Fact:
        return Fact(
            each.built.sha256,
            each.yanked,
            each.built.metadata_sha256 if each.has_metadata else None,
            had=each.built.filename not in self.spoiled,
            gone=gone,
        )

    def publish(
        self,
        display: str,
        version: str,
        *,
        body: bytes = b"",
        tag: str = "py3-none-any",
        source: bool = False,
    ) -> None:
        """Add a wheel, or an sdist, to the project; it is made when there is none."""
        if source:
            built = sdist(display, version, body=body)
        else:
            built = wheel(display, version, body=body, tag=tag)
        serial = self._change(display, version, f"add file {built.filename}")
        before = self.projects.get(built.project) or Project(display, serial, {})
        files = {**before.files, built.filename: Listed(built, serial)}
        self.past.get(built.project, {}).pop(built.filename, None)
        self.projects[built.project] = replace(before, serial=serial, files=files)

    def mark(self, name: str, filename: str, *, yanked: bool | str) -> None:
        """Yank the file (PEP 592), or take that back with False."""
        project = self.projects[name]
        action = "yank release" if yanked is not False else "unyank release"
        serial = self._change(project.display, None, action)
        files = {**project.files, filename: replace(project.files[filename], yanked=yanked)}
        self.projects[name] = replace(project, serial=serial, files=files)

    def remove(self, name: str, *filenames: str) -> None:
        """Delete these files, and nothing of the project beside."""
        project = self.projects[name]
        serial = self._change(project.display, None, "remove file")
        files = {key: each for key, each in project.files.items() if key not in filenames}
        gone = {key: each for key, each in project.files.items() if key in filenames}
        self.past.setdefault(name, {}).update(gone)
        self.projects[name] = replace(project, serial=serial, files=files)

    def remove_project(self, name: str) -> None:
        """Delete the project: its name is listed no longer."""
        self.remove(name, *self.projects[name].files)
        project = self.projects.pop(name)
        self._change(project.display, None, "remove project")

    def rename(self, name: str, display: str) -> None:
        """Spell the name otherwise; in normal form it stays the same (PEP 503)."""
        serial = self._change(display, None, "rename")
        self.projects[name] = replace(self.projects[name], serial=serial, display=display)

    def set_status(self, name: str, status: str, reason: str = "") -> None:
        """Set the project's status (PEP 792)."""
        project = self.projects[name]
        serial = self._change(project.display, None, f"project status {status}")
        self.projects[name] = replace(project, serial=serial, status=status, reason=reason)

    def _change(self, display: str, version: str | None, action: str) -> int:
        self.serial += 1
        self.changes.append(Change(display, version, self.serial, action))
        return self.serial
