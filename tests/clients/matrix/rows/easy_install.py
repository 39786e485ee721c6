"""easy_install, of the last setuptools that has it."""

from importlib.metadata import distributions
from pathlib import Path
from typing import ClassVar

from tests.clients.client import Outcome
from tests.clients.matrix.model import Environment, Installer, Installing


class EasyInstall(Installer):
    title = "easy_install"
    name = "easy_install"
    project = "setuptools"
    cannot: ClassVar = {
        Installing.LOCK: "it knows no lock files",
        Installing.DOWNLOAD: "it has no command that only downloads",
        Installing.HASHES: "it takes no hashes",
        Installing.DATE: "it has no such option",
        Installing.NETRC: "it takes the password from the URL or `~/.pypirc` only",
        Installing.KEYRING: "it takes the password from the URL or `~/.pypirc` only",
    }

    def install(self, index: str, *wanted: str, env: Environment = None) -> Outcome:
        self._site.mkdir(exist_ok=True)
        return self.client.run(
            *("--index-url", index, "--install-dir", str(self._site), *wanted),
            env={"PYTHONPATH": str(self._site), **(env or {})},
        )

    def installed(self) -> dict[str, str]:
        eggs = [str(egg) for egg in self._site.glob("*.egg")]
        return {found.name: found.version for found in distributions(path=eggs)}

    @property
    def _site(self) -> Path:
        return self.folder / "site"
