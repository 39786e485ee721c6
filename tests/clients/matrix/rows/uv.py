"""uv, which installs, locks and uploads."""

from pathlib import Path
from typing import ClassVar

from tests.clients import menu
from tests.clients.client import Outcome
from tests.clients.evidence import installed
from tests.clients.matrix.model import Environment, Installer, Installing, Uploader, days_ago
from tests.packages import Built
from tests.server import Cloche

PYPROJECT = """\
[project]
name = "table"
version = "0"
requires-python = ">=3.11"
dependencies = ["{wanted}"]
"""


class UvInstaller(Installer):
    title = "uv"
    name = "uv"
    project = "uv"
    cannot: ClassVar = {Installing.DOWNLOAD: "it has no command that only downloads"}

    def install(self, index: str, *wanted: str, env: Environment = None) -> Outcome:
        return self.client.run(
            *("pip", "install", "--python", self.client.python, "--target", self._target),
            *("--default-index", index, *wanted),
            env=env,
        )

    def installed(self) -> dict[str, str]:
        return installed(self._target)

    def lock(self, index: str, wanted: str) -> str:
        (self.folder / "pyproject.toml").write_text(PYPROJECT.format(wanted=wanted))
        python = ("--python", self.client.python)
        self.client.succeeds("lock", "--default-index", index, *python, cwd=self.folder)
        return (self.folder / "uv.lock").read_text()

    def hashed(self, index: str, *wanted: Built) -> Outcome:
        file = self.folder / "requirements.txt"
        file.write_text(menu.pinned(*wanted))
        return self.install(index, "--require-hashes", "--requirement", str(file))

    def older_than(self, days: int, index: str, wanted: str) -> Outcome:
        return self.install(index, "--exclude-newer", days_ago(days), wanted)

    def install_by_keyring(self, index: str, wanted: str, env: Environment) -> Outcome:
        return self.install(index, "--keyring-provider", "subprocess", wanted, env=env)

    @property
    def _target(self) -> Path:
        return self.folder / "target"


class UvUploader(Uploader):
    title = "uv"
    name = "uv"
    project = "uv"

    def upload(
        self, repository: str, user: str, password: str | None, env: Environment = None
    ) -> Outcome:
        keyring = ("--keyring-provider", "subprocess") if env else ()
        return self._publish(repository, user, password, *keyring, env=env)

    def skip(self, server: Cloche, user: str, password: str) -> Outcome:
        return self._publish(server.legacy, user, password, "--check-url", server.simple)

    def _publish(
        self,
        repository: str,
        user: str,
        password: str | None,
        *options: str,
        env: Environment = None,
    ) -> Outcome:
        secret = ("--password", password) if password else ()
        files = sorted(self.dist.iterdir())
        to = ("--publish-url", repository, "--username", user)
        return self.client.run("publish", *to, *secret, *options, *files, env=env)
