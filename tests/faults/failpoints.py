"""Moments at which a process can be made to die, without a hook for it in the program.

Everything durable goes through few primitives of Python's; here each call of one is a moment
before and a moment after it, named by what it does to which kind of file. Of moments of the
same name the first has no number, the others have #2, #3 and so on.
"""

import contextlib
import fcntl
import functools
import inspect
import os
import re
import signal
import threading
from collections import Counter
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, event
from sqlalchemy.engine.default import DefaultDialect

ARMED = "FAULTS_ARMED"
"""A file: moments count while it exists."""
SEEN = "FAULTS_SEEN"
"""A file that the moments are written to, one a line."""
SIGNAL = "FAULTS_SIGNAL"
"""The number of the signal that the process gets there. Usually it is killed."""
AT = "FAULTS_AT"
"""The name of the moment to die at; without it the process only writes them down."""

KINDS = {
    r"/spool/uploads/[^/]+$": "upload",
    r"/spool/downloads/[^/]+\.part$": "part",
    r"/spool/downloads/[^/]+\.note$": "note",
    r"/spool/downloads/[^/]+\.note-new$": "new note",
    r"/blobs/tmp/[^/]+$": "scratch",
    r"\.making/head-new$": "new head",
    r"\.making/head$": "head",
    r"\.making/part[.0-9]*$": "archive",
    r"\.making/done$": "done",
    r"\.bundle$": "bundle",
    r"/sha256/../[0-9a-f]{64}$": "blob",
    r"/sha256(/..)?$": "blob folder",
}
WRITES = re.compile(
    r"\s*(?:(BEGIN IMMEDIATE)|(INSERT) INTO (\w+)|(UPDATE) (\w+)|(DELETE) FROM (\w+))"
)
SEAMS = (
    ("cloche.catalog.ledger", "SqlLedger", "publish"),
    ("cloche.catalog.pages", "SqlPageStore", "keep"),
    ("cloche.catalog.pages", "SqlPageStore", "hold"),
    ("cloche.spool", "Partial", "release"),
    ("cloche.bundles.writing", "Draft", "add"),
    ("cloche.bundles.writing", "Output", "write"),
)

Tell = Callable[..., str | None]
"""Names what a call does, from its arguments; None when it is of no interest."""


class Moments:
    """Counts the moments while it is armed, and ends the process at the chosen one."""

    def __init__(self, armed: str, seen: str, at: str, with_: int) -> None:
        self._armed = armed
        self._at = at
        self._signal = with_
        self._seen = os.open(seen, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC)
        self._write, self._unlink = os.write, os.unlink  # as they are before they are wrapped
        self._counts: Counter[str] = Counter()
        self._counting = threading.Lock()

    def due(self, moment: str) -> bool:
        """Write the moment down; say whether it is the one to die at."""
        if not os.path.exists(self._armed):  # noqa: PTH110 - a Path would call what is wrapped
            return False
        with self._counting:
            self._counts[moment] += 1
            count = self._counts[moment]
            name = moment if count == 1 else f"{moment} #{count}"
            self._write(self._seen, f"{name}\n".encode())
        return name == self._at

    def reach(self, moment: str) -> None:
        if self.due(moment):
            self.die()

    def die(self) -> None:
        """End this process at once, unless another one has been ended so."""
        with contextlib.suppress(FileNotFoundError):
            self._unlink(self._armed)
            os.kill(os.getpid(), self._signal)


def install() -> None:
    """Wrap the primitives, in a process that is started with the three variables above."""
    if ARMED not in os.environ:
        return
    with_ = int(os.environ.get(SIGNAL, signal.SIGKILL))
    moments = Moments(os.environ[ARMED], os.environ[SEEN], os.environ.get(AT, ""), with_)
    files = _Files(moments)
    files.wrap()
    _wrap_database(moments)
    for module, name, method in SEAMS:
        owner = getattr(import_module(module), name)
        _around(moments, owner, method, lambda *_, method=method, **__: method)
    _wrap_answers(moments)


class _Files:
    """The primitives of `os` and `fcntl`, and which file each descriptor is of."""

    def __init__(self, moments: Moments) -> None:
        self._moments = moments
        self._kinds: dict[int, str] = {}

    def wrap(self) -> None:
        self._wrap_open()
        for name in ("write", "pwrite"):
            self._wrap_write(name)
        for name, verb in {"fsync": "sync", "fdatasync": "sync", "ftruncate": "empty"}.items():
            self._wrap_one(os, name, verb)
        self._wrap_one(fcntl, "flock", "lock")
        for name in ("unlink", "remove", "mkdir", "utime", "truncate"):
            self._wrap_one(os, name, name)
        for name in ("rename", "replace", "link"):
            _around(self._moments, os, name, functools.partial(self._pair, name))
        self._wrap_write_bytes()

    def _kind(self, place: Any) -> str | None:
        if isinstance(place, int):
            return self._kinds.get(place)
        return kind_of(os.fspath(place))

    def _wrap_one(self, owner: Any, name: str, verb: str) -> None:
        def tell(place: Any, *_: Any, **__: Any) -> str | None:
            kind = self._kind(place)
            return kind and f"{verb} {kind}"

        _around(self._moments, owner, name, tell)

    def _pair(self, verb: str, source: Any, target: Any, **_: Any) -> str | None:
        kinds = self._kind(source), self._kind(target)
        return f"{verb} {kinds[0]} to {kinds[1]}" if any(kinds) else None

    def _wrap_open(self) -> None:
        inner, close = os.open, os.close

        def opened(path: Any, flags: int, *args: Any, **kwargs: Any) -> int:
            kind = self._kind(path)
            creates = kind if flags & os.O_CREAT else None
            if creates:
                self._moments.reach(f"before create {kind}")
            fd = inner(path, flags, *args, **kwargs)
            if kind:
                self._kinds[fd] = kind
            if creates:
                self._moments.reach(f"after create {kind}")
            return fd

        def closed(fd: int) -> None:
            self._kinds.pop(fd, None)
            close(fd)

        os.open, os.close = opened, closed

    def _wrap_write(self, name: str) -> None:
        inner = getattr(os, name)

        def written(fd: int, data: Any, *args: Any) -> Any:
            kind = self._kinds.get(fd)
            if kind is None:
                return inner(fd, data, *args)
            self._moments.reach(f"before write {kind}")
            if self._moments.due(f"halfway through write {kind}"):
                inner(fd, data[: len(data) // 2], *args)
                self._moments.die()
            count = inner(fd, data, *args)
            self._moments.reach(f"after write {kind}")
            return count

        setattr(os, name, written)

    def _wrap_write_bytes(self) -> None:
        inner = Path.write_bytes

        def written(path: Path, data: bytes) -> int:
            kind = self._kind(path)
            if kind and self._moments.due(f"halfway through write {kind}"):
                inner(path, data[: len(data) // 2])
                self._moments.die()
            return inner(path, data)

        Path.write_bytes = written  # type: ignore[assignment,method-assign]
        self._wrap_one(Path, "write_bytes", "write")


def kind_of(path: str | bytes) -> str | None:
    text = os.fsdecode(path)
    return next((kind for pattern, kind in KINDS.items() if re.search(pattern, text)), None)


def _around(moments: Moments, owner: Any, name: str, tell: Tell) -> None:
    """Put a moment before and a moment after each call of a function, plain or async."""
    inner = getattr(owner, name)

    @functools.wraps(inner)
    def plain(*args: Any, **kwargs: Any) -> Any:
        what = tell(*args, **kwargs)
        if what is None:
            return inner(*args, **kwargs)
        moments.reach(f"before {what}")
        result = inner(*args, **kwargs)
        moments.reach(f"after {what}")
        return result

    @functools.wraps(inner)
    async def awaited(*args: Any, **kwargs: Any) -> Any:
        what = tell(*args, **kwargs)
        if what is None:
            return await inner(*args, **kwargs)
        moments.reach(f"before {what}")
        result = await inner(*args, **kwargs)
        moments.reach(f"after {what}")
        return result

    setattr(owner, name, awaited if inspect.iscoroutinefunction(inner) else plain)


def _wrap_database(moments: Moments) -> None:
    """Statements that write, and the commit at their end.

    But not those of the access journal, which is written behind and promises nothing.
    """
    mine = threading.local()

    def before(*execution: Any) -> None:
        if what := _written(execution):
            mine.writes = True
            moments.reach(f"before {what}")

    def after(*execution: Any) -> None:
        if what := _written(execution):
            moments.reach(f"after {what}")

    def commit(*_: Any) -> str | None:
        writes, mine.writes = getattr(mine, "writes", False), False
        return "commit" if writes else None

    event.listen(Engine, "before_cursor_execute", before)
    event.listen(Engine, "after_cursor_execute", after)
    _around(moments, DefaultDialect, "do_commit", commit)


def _written(execution: tuple[Any, ...]) -> str | None:
    connection, statement = execution[0], execution[2]
    if str(connection.engine.url.database).endswith("-access.db"):
        return None
    found = WRITES.match(statement)
    return " ".join(part.lower() for part in found.groups() if part) if found else None


def _wrap_answers(moments: Moments) -> None:
    cycle = import_module("uvicorn.protocols.http.httptools_impl").RequestResponseCycle

    def tell(answering: Any, message: Any) -> str | None:
        if answering.scope["path"].startswith("/-/"):
            return None  # the test's own questions, whether the server is ready
        return "head of an answer" if message["type"].endswith("start") else "body of an answer"

    _around(moments, cycle, "send", tell)
