"""pip, of three ages."""

from pathlib import Path
from typing import ClassVar

from tests.clients import menu
from tests.clients.client import Outcome
from tests.clients.evidence import installed
from tests.clients.matrix.model import Environment, Installer, Installing, days_ago
from tests.packages import Built

_NO_LOCK = "`pip lock` came with 25.1"
_NO_DATE = "`--uploaded-prior-to` came with 26.0"


class Pip(Installer):
    title = "pip"
    name = "pip"
    project = "pip"

    def install(self, index: str, *wanted: str, env: Environment = None) -> Outcome:
        return self._pip("install", index, "--target", self._target, *wanted, env=env)

    def installed(self) -> dict[str, str]:
        return installed(self._target)

    def lock(self, index: str, wanted: str) -> str:
        file = self.folder / "pylock.toml"
        outcome = self._pip("lock", index, "--output", file, wanted)
        assert outcome.code == 0, outcome.output
        return file.read_text()

    def download(self, index: str, wanted: str) -> Path:
        outcome = self._pip("download", index, "--dest", self.folder / "files", wanted)
        assert outcome.code == 0, outcome.output
        return self.folder / "files"

    def hashed(self, index: str, *wanted: Built) -> Outcome:
        file = self.folder / "requirements.txt"
        file.write_text(menu.pinned(*wanted))
        return self.install(index, "--require-hashes", "--requirement", str(file))

    def older_than(self, days: int, index: str, wanted: str) -> Outcome:
        return self.install(index, f"--uploaded-prior-to={days_ago(days)}", wanted)

    def install_by_keyring(self, index: str, wanted: str, env: Environment) -> Outcome:
        return self.install(index, "--keyring-provider", "import", wanted, env=env)

    @property
    def _target(self) -> Path:
        return self.folder / "target"

    def _pip(
        self, command: str, index: str, *arguments: str | Path, env: Environment = None
    ) -> Outcome:
        return self.client.run(command, "--index-url", index, *arguments, env=env)


class Pip22(Pip):
    name = "pip22"
    cannot: ClassVar = {Installing.LOCK: _NO_LOCK, Installing.DATE: _NO_DATE}

    def install_by_keyring(self, index: str, wanted: str, env: Environment) -> Outcome:
        # Before 23.1, one that must not ask does not look into the keyring either.
        return self.install(index, wanted, env={**(env or {}), "PIP_NO_INPUT": "0"})


class Pip20(Pip22):
    name = "pip20"
