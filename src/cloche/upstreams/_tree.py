"""Which distributions lie below a folder, known without reading all of it each time."""

import os
import stat
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from packaging.version import Version

from cloche.core.errors import BadName, UpstreamDown, UpstreamLies
from cloche.core.filenames import parse
from cloche.core.model import ProjectName, project_name

COARSE = 2_000_000_000  # nanoseconds: file systems exist that tell times no finer
FEW = 1000  # folders: a look at so many takes a few milliseconds, which each question may cost
SHARE = 10  # a look at more is taken so seldom that it takes a tenth of the time


@dataclass(slots=True)
class _Folder:
    mtime_ns: int
    settled: bool  # whether a change after the look would show in mtime_ns
    inside: tuple[str, ...]  # paths of folders
    files: dict[ProjectName, list[str]]
    count: int


@dataclass
class Tree:
    """A folder changes its time when a name comes or goes: one `stat` a folder tells of all.

    Every method blocks, and may be called from any thread.
    """

    name: str  # of the upstream
    root: Path
    symlinks: bool
    most: int  # entries
    _folders: dict[str, _Folder] = field(default_factory=dict)
    _homes: dict[ProjectName, set[str]] = field(default_factory=dict)
    _count: int = 0
    _device: int | None = None
    _next: float = 0.0
    _turn: threading.Lock = field(default_factory=threading.Lock)

    def files(self, project: ProjectName) -> list[str]:
        """Paths of the project's files, relative to the root, in order.

        Raise UpstreamDown when the folder cannot be read, UpstreamLies when too much is in it.
        """
        with self._turn:
            self._look()
            homes = self._homes.get(project, ())
            found = [
                _joined(home, name) for home in homes for name in self._folders[home].files[project]
            ]
        return sorted(found, key=lambda path: (path.count("/"), path))

    def projects(self) -> list[ProjectName]:
        """Those of which a file lies there. Raise as `files` does."""
        with self._turn:
            self._look()
            return list(self._homes)

    def _look(self) -> None:
        began = time.monotonic()
        self._check_root()
        if began < self._next:
            return
        self._refresh("")
        now = time.monotonic()
        self._next = now + SHARE * (now - began) if len(self._folders) > FEW else 0.0

    def _check_root(self) -> None:
        """What was mounted there and is no longer must not pass for an empty folder."""
        try:
            found = self.root.stat()
            os.scandir(self.root).close()
        except OSError as e:
            raise self._unreadable(".", e) from None
        self._device = self._device or found.st_dev
        if found.st_dev != self._device:
            raise UpstreamDown(
                f"{self.name} is on another device than before: mount it again, or restart cloche"
            )

    def _refresh(self, top: str) -> None:
        """Look at a folder and all below it, and read those that have changed."""
        seen: set[tuple[int, int]] = set()
        waiting = [top]
        while waiting:
            path = waiting.pop()
            found = self._stat(path)
            if found is None or (found.st_dev, found.st_ino) in seen:
                self._forget(path)
                continue
            seen.add((found.st_dev, found.st_ino))
            known = self._folders.get(path)
            if known is None or not known.settled or known.mtime_ns != found.st_mtime_ns:
                known = self._read(path, found.st_mtime_ns)
            waiting += known.inside

    def _stat(self, path: str) -> os.stat_result | None:
        """What a folder is now; None when it is none."""
        try:
            # Making a Path takes longer than this call, which every folder costs each time.
            found = os.stat(f"{self.root}/{path}", follow_symlinks=self.symlinks or not path)  # noqa: PTH116
        except OSError:
            return None
        return found if stat.S_ISDIR(found.st_mode) else None

    def _read(self, path: str, mtime_ns: int) -> _Folder:
        settled = time.time_ns() - mtime_ns > COARSE
        known = self._drop(path)
        inside: list[str] = []
        files: dict[ProjectName, list[str]] = {}
        count = 0
        for entry in self._entries(path):
            count += 1
            if entry.is_dir(follow_symlinks=self.symlinks):
                inside.append(_joined(path, entry.name))
            elif (project := project_of(entry.name)) is not None:
                files.setdefault(project, []).append(entry.name)
        made = _Folder(mtime_ns, settled, tuple(inside), files, count)
        for lost in set(known.inside if known else ()) - set(inside):
            self._forget(lost)
        self._put(path, made)
        return made

    def _entries(self, path: str) -> Iterator[os.DirEntry[str]]:
        """What lies in a folder; what is hidden is passed over."""
        room = self.most - self._count
        try:
            with os.scandir(self.root / path) as entries:
                for entry in entries:
                    room -= 1
                    if room < 0:
                        raise UpstreamLies(
                            f"{self.name} has more than {self.most} entries; raise max_entries"
                        )
                    if not entry.name.startswith("."):
                        yield entry
        except FileNotFoundError:
            return  # it went away since its name was read
        except OSError as e:
            raise self._unreadable(path or ".", e) from None

    def _unreadable(self, path: str, error: OSError) -> UpstreamDown:
        return UpstreamDown(
            f"{self.name} has a folder that cannot be read ({path}: {error.strerror}); see that it "
            "is there, and that cloche may read it"
        )

    def _put(self, path: str, folder: _Folder) -> None:
        self._folders[path] = folder
        self._count += folder.count
        for project in folder.files:
            self._homes.setdefault(project, set()).add(path)

    def _drop(self, path: str) -> _Folder | None:
        before = self._folders.pop(path, None)
        if before is None:
            return None
        self._count -= before.count
        for project in before.files:
            self._homes[project].discard(path)
            if not self._homes[project]:
                del self._homes[project]
        return before

    def _forget(self, path: str) -> None:
        """A folder is gone, with all below it."""
        waiting = [path]
        while waiting:
            dropped = self._drop(waiting.pop())
            waiting += dropped.inside if dropped else ()


def _joined(folder: str, name: str) -> str:
    return f"{folder}/{name}" if folder else name


def project_of(filename: str) -> ProjectName | None:
    """The project whose distribution this is. A wheel's is cheap to tell, and most are."""
    try:
        if filename.endswith(".whl"):
            return project_name(filename.partition("-")[0])
        return parse(filename).project
    except BadName:
        return None


def age(path: str) -> tuple[Version, str]:
    """By which paths are put in the order of their versions."""
    filename = path.rpartition("/")[2]
    try:
        return parse(filename).version, filename
    except BadName:
        return Version("0"), filename
