"""A packaging client in an environment of its own, cut off from this machine's settings."""

import os
import re
import signal
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import pytest

from tests.packages import Built

ROOT = Path(__file__).parents[2]
TIMEOUT = 120.0
# Nothing listens there: whatever is asked of a host that is not this one fails at once.
_NOWHERE = "http://127.0.0.1:9"
_INHERITED = ("PATH", "LANG", "LC_ALL", "TMPDIR")


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a client's run ended, and all that it printed, line breaks as the client made them."""

    code: int
    output: str

    @property
    def words(self) -> str:
        """The output with every run of blanks as one, whatever width a client wraps to."""
        return " ".join(self.output.split())

    def names(self, *statuses: int) -> bool:
        """Tell whether the output names one of these HTTP statuses; a port does not count."""
        pattern = "|".join(map(str, statuses))
        return re.search(rf"(?<![\w.:])({pattern})(?![\w.])", self.output) is not None


@dataclass(frozen=True, slots=True)
class Client:
    """One client, and the home that its settings and caches live in: two homes, two machines."""

    name: str
    home: Path
    command: str = ""
    """The program in its environment, or a path; by default its name without digits."""

    @property
    def bin(self) -> Path:
        return ROOT / ".venvs" / self.name / "bin"

    @property
    def python(self) -> Path:
        return self.bin / "python"

    @property
    def program(self) -> Path:
        """The client's program; AssertionError says how to get it."""
        path = self.bin / (self.command or self.name.rstrip("0123456789"))
        assert path.exists(), f"{self.name} is not installed: run scripts/install-clients"
        return path

    def run(
        self, *arguments: str | Path, cwd: Path | None = None, env: Mapping[str, str] | None = None
    ) -> Outcome:
        """Run the client to its end, however it ends."""
        process = subprocess.Popen(
            [self.program, *arguments],
            cwd=cwd or self.home,
            env={**self.settings(), **(env or {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            errors="replace",
            start_new_session=True,
        )
        try:
            output, _ = process.communicate(timeout=TIMEOUT)
        except subprocess.TimeoutExpired:
            # The whole group: clients start builds and virtual environments of their own.
            os.killpg(process.pid, signal.SIGKILL)
            output, _ = process.communicate()
            pytest.fail(f"{self.name} did not end in {TIMEOUT:.0f} s. It printed:\n{output}")
        return Outcome(process.returncode, output)

    def succeeds(
        self, *arguments: str | Path, cwd: Path | None = None, env: Mapping[str, str] | None = None
    ) -> Outcome:
        outcome = self.run(*arguments, cwd=cwd, env=env)
        assert outcome.code == 0, outcome.output
        return outcome

    def fails(
        self, *arguments: str | Path, cwd: Path | None = None, env: Mapping[str, str] | None = None
    ) -> Outcome:
        outcome = self.run(*arguments, cwd=cwd, env=env)
        assert outcome.code != 0, outcome.output
        return outcome

    def settings(self) -> dict[str, str]:
        """Return the environment that the client runs in."""
        inherited = {name: os.environ[name] for name in _INHERITED if name in os.environ}
        return inherited | _homes(self.home) | _containment() | _manners()


NewClient = Callable[[str], Client]
"""Makes the client of this name, with an empty home."""


class Publish(Protocol):
    """Uploads distributions to the server."""

    def __call__(self, *distributions: Built) -> None: ...


def _homes(home: Path) -> dict[str, str]:
    return {
        "HOME": str(home),
        "XDG_CONFIG_HOME": str(home / "config"),
        "XDG_CACHE_HOME": str(home / "cache"),
        "XDG_DATA_HOME": str(home / "data"),
        "XDG_STATE_HOME": str(home / "state"),
        "PIP_CONFIG_FILE": os.devnull,
        "UV_NO_CONFIG": "1",
        "UV_PYTHON_DOWNLOADS": "never",
        "PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring",
    }


def _containment() -> dict[str, str]:
    outward = {f"{scheme}_PROXY": _NOWHERE for scheme in ("HTTP", "HTTPS", "ALL")}
    proxies = {**outward, "NO_PROXY": "127.0.0.1,localhost"}
    return {**proxies, **{name.lower(): value for name, value in proxies.items()}}


def _manners() -> dict[str, str]:
    """Never ask, colour, wrap, wait long, or look for a newer self."""
    return {
        "PIP_NO_INPUT": "1",
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "PIP_ROOT_USER_ACTION": "ignore",
        "PIP_RETRIES": "1",
        "UV_HTTP_RETRIES": "1",
        "TWINE_NON_INTERACTIVE": "1",
        "POETRY_NO_INTERACTION": "1",
        "POETRY_VIRTUALENVS_CREATE": "false",
        "PDM_CHECK_UPDATE": "0",
        "PDM_USE_VENV": "0",
        "NO_COLOR": "1",
        "TERM": "dumb",
        "COLUMNS": "300",
        "PYTHONDONTWRITEBYTECODE": "1",
    }
