"""Wheels built with uv or pip: other people's code, in processes that know nothing of this one.

What a tool may ask is one index. Settings, credentials and caches of the user do not reach it, and
addresses elsewhere lead nowhere: that contains tools that behave, and is no sandbox.
"""

import asyncio
import contextlib
import json
import os
import shutil
import signal
import sys
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
from packaging.requirements import InvalidRequirement, Requirement

from cloche.core.building import Interpreter, Pin, pin, tail
from cloche.core.errors import BadRequest, BadSetting
from cloche.ports import Lodging, Ran

NOWHERE = "http://127.0.0.1:9"  # nothing listens there
POLL = 0.1  # seconds
MAX_OUTPUT = 256 << 20  # bytes that a tool may write before it is stopped
MAX_LOG = 4 << 20  # bytes of that which are kept: half from the beginning, half from the end
MAX_REPORT = 64 << 20
ASKING = 60.0  # seconds that a tool has to tell what it is
_INHERITED = ("PATH", "LANG", "LC_ALL", "TZ")
_WHO = (
    "import json, platform, sysconfig; print(json.dumps({'version': platform.python_version(), "
    "'implementation': platform.python_implementation(), 'platform': sysconfig.get_platform()}))"
)


@dataclass(frozen=True, slots=True)
class Ended:
    """How a process ended. `failure` is None when it did as it was told."""

    failure: str | None
    log: str


@dataclass(frozen=True)
class _Tool(ABC):
    seconds: float  # that one run may take
    passed: Mapping[str, str]  # variables that the user wants a build to see
    program: str = ""
    _names: dict[str, str] = field(default_factory=dict)

    async def name(self, python: Interpreter) -> str:
        if python.path not in self._names:
            self._names[python.path] = await asyncio.to_thread(self._ask, python)
        return self._names[python.path]

    async def resolve(
        self, requirements: Sequence[str], python: Interpreter, at: Lodging
    ) -> list[Pin]:
        listed, told = at.folder / "wanted.txt", at.folder / "told"
        await asyncio.to_thread(listed.write_text, "".join(f"{each}\n" for each in requirements))
        ended = await self._run(self._resolving(listed, told, python), at)
        if ended.failure is not None:
            raise BadRequest(
                f"the requirements come to nothing, {ended.failure}: {tail(ended.log)}"
            )
        return sorted(set(self._pins(await asyncio.to_thread(_read, told))))

    async def build(self, sdist: Path, python: Interpreter, at: Lodging) -> Ran:
        out = at.folder / "out"
        ended = await self._run(self._building(sdist, out, python), at)
        wheels = tuple(sorted(out.glob("*.whl"))) if out.is_dir() else ()
        return Ran(wheels=wheels, failure=ended.failure, log=ended.log)

    @abstractmethod
    def _ask(self, python: Interpreter) -> str:
        """Have the tool say what it is. Raise BadSetting."""

    @abstractmethod
    def _resolving(self, listed: Path, told: Path, python: Interpreter) -> list[str | Path]: ...

    @abstractmethod
    def _building(self, sdist: Path, out: Path, python: Interpreter) -> list[str | Path]: ...

    @abstractmethod
    def _pins(self, told: bytes) -> list[Pin]:
        """Raise BadRequest, BadName."""

    async def _run(self, command: Sequence[str | Path], at: Lodging) -> Ended:
        """Run it to its end, or stop it, and all that it has started."""
        log = at.folder / "log"
        environment = await asyncio.to_thread(_environment, at, self.passed)
        with log.open("wb") as out:
            starting = asyncio.ensure_future(
                asyncio.create_subprocess_exec(
                    *command,
                    cwd=at.folder,
                    env=environment,
                    stdin=asyncio.subprocess.DEVNULL,
                    stdout=out,
                    stderr=out,
                    start_new_session=True,
                )
            )
            try:
                failure = await self._watched(await asyncio.shield(starting), log)
            finally:
                process = await starting  # whoever is stopped while it starts leaves nothing, too
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                await process.wait()
        return Ended(failure, await asyncio.to_thread(_kept, log))

    async def _watched(self, process: asyncio.subprocess.Process, log: Path) -> str | None:
        clock = asyncio.get_running_loop().time
        deadline = clock() + self.seconds
        while True:
            with contextlib.suppress(TimeoutError):
                code = await asyncio.wait_for(process.wait(), POLL)
                return f"exit code {code}" if code else None
            if clock() > deadline:
                return f"stopped after {self.seconds:.0f} s"
            if await asyncio.to_thread(_size, log) > MAX_OUTPUT:
                return f"stopped after {MAX_OUTPUT >> 20} MiB of output"


@dataclass(frozen=True)
class Uv(_Tool):
    def _ask(self, python: Interpreter) -> str:  # noqa: ARG002 - one uv serves all Pythons
        return " ".join(asked([self.program, "--version"]).split()[:2])

    def _resolving(self, listed: Path, told: Path, python: Interpreter) -> list[str | Path]:
        quiet = ("--quiet", "--no-header", "--no-annotate", "--no-sources")
        return [
            *(self.program, "pip", "compile", *quiet),
            *("--python", python.path, "--output-file", told, listed),
        ]

    def _building(self, sdist: Path, out: Path, python: Interpreter) -> list[str | Path]:
        return [
            *(self.program, "build", "--wheel", "--no-sources"),
            *("--python", python.path, "--out-dir", out, sdist),
        ]

    def _pins(self, told: bytes) -> list[Pin]:
        return [_pinned(line) for line in told.decode().splitlines() if line.strip()]


@dataclass(frozen=True)
class Pip(_Tool):
    def _ask(self, python: Interpreter) -> str:
        try:
            return " ".join(asked([python.path, "-m", "pip", "--version"]).split()[:2])
        except BadSetting:
            raise BadSetting(
                f"{python.path} has no pip; install it there, or use uv with --with uv"
            ) from None

    def _resolving(self, listed: Path, told: Path, python: Interpreter) -> list[str | Path]:
        return [
            *(python.path, "-m", "pip", "install", "--dry-run", "--ignore-installed"),
            *("--quiet", "--report", told, "--requirement", listed),
        ]

    def _building(self, sdist: Path, out: Path, python: Interpreter) -> list[str | Path]:
        return [python.path, "-m", "pip", "wheel", "--no-deps", "--wheel-dir", out, sdist]

    def _pins(self, told: bytes) -> list[Pin]:
        try:
            found = json.loads(told)["install"]
            return [pin(each["metadata"]["name"], each["metadata"]["version"]) for each in found]
        except (ValueError, KeyError, TypeError):
            raise BadRequest("pip's report cannot be read; use pip 23 or later") from None


TOOLS = ("uv", "pip")


def connect(tool: str | None, seconds: float, passed: Mapping[str, str]) -> _Tool:
    """The tool of that name; without one uv if it is here, else pip. Raise BadSetting."""
    beside = Path(sys.executable).with_name("uv")
    found = shutil.which("uv") or (str(beside) if beside.is_file() else None)
    if tool == "pip" or (tool is None and found is None):
        return Pip(seconds, passed)
    if found is None:
        raise BadSetting("there is no uv on the PATH; install it, or use pip with --with pip")
    return Uv(seconds, passed, found)


def interpreter(said: str | None) -> Interpreter:
    """The Python that a version such as 3.12, or a path, means; cloche's own without either.

    Raise BadSetting.
    """
    path = sys.executable if said is None else shutil.which(said) or shutil.which(f"python{said}")
    if path is None:
        raise BadSetting(f"there is no Python {said} on the PATH; install it, or give its path")
    try:
        return msgspec.convert(
            {"path": path, **json.loads(asked([path, "-I", "-c", _WHO]))}, Interpreter
        )
    except (ValueError, TypeError):
        raise BadSetting(f"{path} is no Python that can be used; give another") from None


def asked(command: Sequence[str]) -> str:
    """What a program prints of itself. Raise BadSetting when it does not."""
    import subprocess  # noqa: PLC0415  # for one command alone

    try:
        done = subprocess.run(  # noqa: S603 - what the user names, or cloche's own Python
            command, capture_output=True, timeout=ASKING, check=True, text=True
        )
    except (OSError, subprocess.SubprocessError) as e:
        raise BadSetting(f"{command[0]} does not run ({e}); name another") from None
    return done.stdout


def _environment(at: Lodging, passed: Mapping[str, str]) -> dict[str, str]:
    """All that a tool knows of this machine. The credential is in a file: `ps` shows variables."""
    home, scratch = at.folder / "home", at.folder / "tmp"
    for each in (home, scratch):
        each.mkdir(exist_ok=True)
    netrc = home / ".netrc"
    netrc.touch(mode=0o600)
    netrc.write_text(f"machine {at.host} login __token__ password {at.secret}\n")
    kept = {name: os.environ[name] for name in _INHERITED if name in os.environ}
    return {
        **kept,
        **passed,
        "HOME": str(home),
        "TMPDIR": str(scratch),
        "NETRC": str(netrc),
        **{f"XDG_{each}_HOME": str(home / each.lower()) for each in ("CONFIG", "CACHE", "DATA")},
        **_nowhere(at.host),
        **_index(at.index_url),
        "PYTHONNOUSERSITE": "1",
        "NO_COLOR": "1",
        "TERM": "dumb",
    }


def _nowhere(host: str) -> dict[str, str]:
    """No way to anywhere but the index, for whoever heeds what is usual."""
    said = {f"{each}_proxy": NOWHERE for each in ("http", "https", "ftp", "all")}
    said["no_proxy"] = host
    git = {"GIT_ALLOW_PROTOCOL": "none", "GIT_TERMINAL_PROMPT": "0"}
    return {**said, **{name.upper(): value for name, value in said.items()}, **git}


def _index(url: str) -> dict[str, str]:
    pip = {
        "INDEX_URL": url,
        "CONFIG_FILE": os.devnull,
        "NO_INPUT": "1",
        "NO_CACHE_DIR": "1",
        "DISABLE_PIP_VERSION_CHECK": "1",
        "ROOT_USER_ACTION": "ignore",
    }
    uv = {
        "DEFAULT_INDEX": url,
        "NO_CONFIG": "1",
        "NO_PROGRESS": "1",
        "PYTHON_DOWNLOADS": "never",
        "KEYRING_PROVIDER": "disabled",
    }
    tools = (("PIP", pip), ("UV", uv))
    return {f"{tool}_{name}": value for tool, said in tools for name, value in said.items()}


def _size(log: Path) -> int:
    return log.stat().st_size


def _pinned(line: str) -> Pin:
    try:
        wanted = Requirement(line)
        (only,) = wanted.specifier
    except (InvalidRequirement, ValueError):
        raise BadRequest(f"{line[:200]!r} is not what uv pins a version by") from None
    return pin(wanted.name, only.version)


def _read(path: Path) -> bytes:
    """Raise BadRequest when it is not there, or too large."""
    try:
        with path.open("rb") as file:
            data = file.read(MAX_REPORT + 1)
    except OSError:
        raise BadRequest("the tool has not told what the requirements come to") from None
    if len(data) > MAX_REPORT:
        raise BadRequest(f"the requirements come to over {MAX_REPORT >> 20} MiB; ask for fewer")
    return data


def _kept(log: Path) -> str:
    """What was said; of too much, the beginning and the end."""
    half = MAX_LOG // 2
    with log.open("rb") as file:
        data = file.read(half)
        size = log.stat().st_size
        left = size - MAX_LOG
        if left > 0:
            data += f"\n… {left} bytes left out …\n".encode()
            file.seek(size - half)
        data += file.read(half)
    return data.decode(errors="replace")
