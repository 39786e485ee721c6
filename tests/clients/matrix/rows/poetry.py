"""poetry, which locks, installs what it locked, and uploads."""

import re
from typing import ClassVar

from tests.clients.client import Outcome
from tests.clients.evidence import installed
from tests.clients.matrix.environments import site, virtual
from tests.clients.matrix.model import Environment, Installer, Installing, Uploader
from tests.packages import Built
from tests.server import Cloche

PROJECT = '[project]\nname = "{name}"\nversion = "1.0"\nrequires-python = ">=3.11"\n'
TABLE = """\
[project]
name = "table"
version = "0"
requires-python = ">=3.11"
dependencies = {wanted}

[tool.poetry]
package-mode = false

[[tool.poetry.source]]
name = "cloche"
url = "{index}"
priority = "primary"
"""


class PoetryInstaller(Installer):
    title = "poetry"
    name = "poetry"
    project = "poetry"
    cannot: ClassVar = {Installing.DOWNLOAD: "it has no command that only downloads"}

    def install(self, index: str, *wanted: str, env: Environment = None) -> Outcome:
        self._write(index, *wanted)
        return self._poetry("install", "--no-root", env=env)

    def installed(self) -> dict[str, str]:
        return installed(site(self.folder))

    def lock(self, index: str, wanted: str) -> str:
        self._write(index, wanted)
        outcome = self._poetry("lock")
        assert outcome.code == 0, outcome.output
        return (self.folder / "poetry.lock").read_text()

    def hashed(self, index: str, *wanted: Built) -> Outcome:
        (one,) = wanted
        lock = self.lock(index, f"{one.name}=={one.version}")
        lock = re.sub(r"sha256:[0-9a-f]{64}", f"sha256:{one.sha256}", lock)
        (self.folder / "poetry.lock").write_text(lock)
        return self._poetry("install", "--no-root")

    def older_than(self, days: int, index: str, wanted: str) -> Outcome:
        return self.install(index, wanted, env={"POETRY_SOLVER_MIN_RELEASE_AGE": str(days)})

    def install_by_keyring(self, index: str, wanted: str, env: Environment) -> Outcome:
        # It finds the user there, too, and no password if the URL names one.
        return self.install(index.replace("__token__@", ""), wanted, env=env)

    def _write(self, index: str, *wanted: str) -> None:
        text = TABLE.format(index=index, wanted=list(wanted))
        (self.folder / "pyproject.toml").write_text(text)

    def _poetry(self, *arguments: str, env: Environment = None) -> Outcome:
        active = virtual(self.folder, self.client.python)
        return self.client.run(*arguments, cwd=self.folder, env={**active, **(env or {})})


class PoetryUploader(Uploader):
    title = "poetry"
    name = "poetry"
    project = "poetry"
    skips_other_bytes = True

    def upload(
        self, repository: str, user: str, password: str | None, env: Environment = None
    ) -> Outcome:
        return self._publish(repository, user, password, env=env)

    def skip(self, server: Cloche, user: str, password: str) -> Outcome:
        return self._publish(server.legacy, user, password, "--skip-existing")

    def service(self, repository: str) -> str:  # noqa: ARG002  # poetry goes by its name
        return "poetry-repository-cloche"

    def _publish(
        self,
        repository: str,
        user: str,
        password: str | None,
        *options: str,
        env: Environment = None,
    ) -> Outcome:
        text = PROJECT.format(name=self.distribution)
        (self.folder / "pyproject.toml").write_text(text)
        secret = {"POETRY_HTTP_BASIC_CLOCHE_PASSWORD": password} if password else {}
        where = {
            "POETRY_REPOSITORIES_CLOCHE_URL": repository,
            "POETRY_HTTP_BASIC_CLOCHE_USERNAME": user,
        }
        command = ("publish", "--repository", "cloche", *options)
        return self.client.run(*command, cwd=self.folder, env={**where, **secret, **(env or {})})
