"""The tests' side of the fake upstream: starts its process, and tells it what to be."""

import http.client
import uuid
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self, Unpack

import msgspec

from tests.children import Child
from tests.packages import Built
from tests.upstream import control, kinds
from tests.upstream.answers import Point
from tests.upstream.misbehaviour import Misbehaviour
from tests.upstream.model import File, Ports, Project, ProjectOptions, Recorded

HOST = "127.0.0.1"
UPLOADED = "2024-01-02T03:04:05.678901Z"
START_SECONDS = 60.0
LATE_SECONDS = 30.0


class Upstream:
    """A real index server in a process of its own, as good or as bad as the test wants it.

    All methods block for as long as a loopback request takes, `wait_for` for as long as told:
    from a coroutine that shares its loop with the client, call it through a thread.
    """

    def __init__(self) -> None:
        self._child = Child("tests.upstream", seconds=START_SECONDS)
        self.ports = msgspec.json.decode(self._child.said, type=Ports)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the process."""
        self._child.close()

    @property
    def pid(self) -> int:
        return self._child.pid

    @property
    def url(self) -> str:
        """Where it is, without a slash at the end."""
        return f"http://{HOST}:{self.ports.main}"

    @property
    def simple(self) -> str:
        """The simple API's URL, as `--upstream` takes it."""
        return f"{self.url}/simple/"

    @property
    def links(self) -> str:
        """One page of links to the files of all projects."""
        return f"{self.url}/links"

    @property
    def other(self) -> str:
        """The same index on another port: another origin, without a slash at the end."""
        return f"http://{HOST}:{self.ports.other}"

    @property
    def proxy(self) -> str:
        """The plain HTTP proxy that leads to this upstream, whatever host is asked for."""
        return f"http://{HOST}:{self.ports.proxy}"

    def add(
        self,
        built: Built,
        *,
        metadata: bool = True,
        upload_time: str | None = UPLOADED,
        yanked: bool | str = False,
        signature: bytes | None = None,
        without: tuple[str, ...] = (),
        **entry: Any,
    ) -> str:
        """Put a distribution into its project, and return the path of its file.

        `without` are members to leave out of the file's entry in the JSON page, and further
        keywords are members to set, `_` for `-`: `requires_python=None`, `size="big"`.
        """
        listed = _entry(built, metadata=metadata)
        listed |= {"upload-time": upload_time, "yanked": yanked}
        listed |= {name.replace("_", "-"): value for name, value in entry.items()}
        if upload_time is None:
            del listed["upload-time"]
        file = File(
            filename=built.filename,
            content=built.content,
            metadata=built.metadata if metadata else None,
            signature=signature,
            entry={name: value for name, value in listed.items() if name not in without},
        )
        self._do(control.PutFile(project=built.project, file=file))
        return self.file(built)

    def project(self, name: str, **options: Unpack[ProjectOptions]) -> str:
        """Make a project or set its options, keeping its files, and return its page's path."""
        self._do(control.PutProject(project=Project(name=name, **options)))
        return self.page(name)

    def remove(self, built: Built) -> None:
        """Delete the file and its entry."""
        self._do(control.Remove(project=built.project, filename=built.filename))

    def remove_project(self, name: str) -> None:
        self._do(control.Remove(project=name))

    def page(self, name: str) -> str:
        """Return the path of a project's page."""
        return f"/simple/{name}/"

    def document(self, name: str) -> str:
        """Return the path of what the JSON API says of a project."""
        return f"/pypi/{name}/json"

    def file(self, built: Built) -> str:
        """Return the path of a file; its metadata lies at the same with `.metadata` added."""
        return f"/files/{built.project}/{built.filename}"

    def misbehave(self, path: str, *misbehaviours: Misbehaviour) -> None:
        """Add misbehaviours of a path, or with `*` at its end of every path that starts so."""
        for kind in misbehaviours:
            self._do(control.Misbehave(path=path, kind=kinds.encode(kind)))

    def behave(self, path: str | None = None) -> None:
        """Take back the misbehaviours that were added for this very path, or all."""
        self._do(control.Behave(path=path))

    def gate(self, path: str, after: Point = "request", times: int | None = None) -> "Gate":
        """Hold the answers of a path back, at this point of them, until the gate is opened."""
        gate = Gate(self, uuid.uuid4().hex)
        self.misbehave(path, kinds.Gated(gate=gate.name, after=after, times=times))
        return gate

    def open_gate(self, name: str) -> None:
        self._do(control.Open(gate=name))

    def requests(self, prefix: str = "") -> list[Recorded]:
        """Return the requests whose path starts so, in the order of their arrival."""
        return self._records(control.Requests(prefix=prefix))

    def proxied(self, prefix: str = "") -> list[Recorded]:
        """Return what came to the proxy: here a path is the whole URL."""
        return self._records(control.Requests(prefix=prefix, which="proxied"))

    def wait_for(
        self, count: int, prefix: str = "", *, seconds: float = 60.0, ended: bool = False
    ) -> list[Recorded]:
        """Wait until so many requests have arrived, or so many answers ended, and return them.

        TimeoutError says what had arrived by then.
        """
        command = control.WaitFor(count=count, prefix=prefix, seconds=seconds, ended=ended)
        enough = self._do(command, seconds=seconds + LATE_SECONDS)
        records = self.requests(prefix)
        if not enough:
            seen = [f"{one.method} {one.path} {one.end}" for one in records]
            raise TimeoutError(f"{len(seen)} of {count} requests below {prefix!r}: {seen}")
        return records

    def forget(self) -> None:
        """Forget the requests so far, and nothing else."""
        self._do(control.Forget())

    def reset(self) -> None:
        """Start from nothing, reachable; answers held back are broken off."""
        self._do(control.Reset())

    @contextmanager
    def down(self) -> Iterator[None]:
        """Be unreachable, every connection broken; at the end, listen on the same ports again."""
        self._do(control.Down())
        try:
            yield
        finally:
            self._do(control.Up())

    def _records(self, command: control.Requests) -> list[Recorded]:
        return msgspec.convert(self._do(command), list[Recorded])

    def _do(self, command: control.Command, seconds: float = 60.0) -> Any:
        body = msgspec.msgpack.encode(command)
        with closing(http.client.HTTPConnection(HOST, self.ports.control, seconds)) as connection:
            connection.request("POST", "/-/control", body)
            response = connection.getresponse()
            said = response.read()
        if response.status != 200:
            raise RuntimeError(f"{type(command).__name__}: {response.status} {said.decode()}")
        return msgspec.msgpack.decode(said)


@dataclass(frozen=True, slots=True)
class Gate:
    """A gate that answers wait at; leaving the `with` block opens it."""

    upstream: Upstream
    name: str

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.release()

    def release(self) -> None:
        """Let everyone through who waits, and all who come."""
        self.upstream.open_gate(self.name)


def _entry(built: Built, *, metadata: bool) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "filename": built.filename,
        "hashes": {"sha256": built.sha256},
        "size": built.size,
    }
    if built.requires_python is not None:
        entry["requires-python"] = built.requires_python
    if metadata:
        entry["core-metadata"] = {"sha256": built.metadata_sha256}
    return entry
