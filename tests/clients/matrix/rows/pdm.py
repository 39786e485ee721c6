"""pdm, which locks, installs what it locked, and uploads."""

import re
from typing import ClassVar

from tests.clients.client import Outcome
from tests.clients.evidence import installed
from tests.clients.matrix.model import (
    Environment,
    Installer,
    Installing,
    Uploader,
    Uploading,
    days_ago,
)
from tests.packages import Built
from tests.server import Cloche

PROJECT = '[project]\nname = "{name}"\nversion = "1.0"\nrequires-python = ">=3.11"\n'
TABLE = """\
[project]
name = "table"
version = "0"
requires-python = ">=3.11"
dependencies = {wanted}

[[tool.pdm.source]]
name = "pypi"
url = "{index}"
"""


class PdmInstaller(Installer):
    title = "pdm"
    name = "pdm"
    project = "pdm"
    cannot: ClassVar = {Installing.DOWNLOAD: "it has no command that only downloads"}

    def install(self, index: str, *wanted: str, env: Environment = None) -> Outcome:
        self._write(index, *wanted)
        return self._pdm("install", "--no-self", env=env)

    def installed(self) -> dict[str, str]:
        found = list((self.folder / "__pypackages__").glob("*/lib"))
        return installed(found[0]) if found else {}

    def lock(self, index: str, wanted: str) -> str:
        self._write(index, wanted)
        outcome = self._pdm("lock")
        assert outcome.code == 0, outcome.output
        return (self.folder / "pdm.lock").read_text()

    def hashed(self, index: str, *wanted: Built) -> Outcome:
        (one,) = wanted
        lock = self.lock(index, f"{one.name}=={one.version}")
        file = rf'(file = "{re.escape(one.filename)}", hash = "sha256:)[0-9a-f]{{64}}'
        lock, changed = re.subn(file, rf"\g<1>{one.sha256}", lock)
        assert changed == 1
        (self.folder / "pdm.lock").write_text(lock)
        return self._pdm("sync", "--no-self")

    def older_than(self, days: int, index: str, wanted: str) -> Outcome:
        self._write(index, wanted)
        outcome = self._pdm("lock", "--exclude-newer", days_ago(days))
        return self._pdm("sync", "--no-self") if outcome.code == 0 else outcome

    def _write(self, index: str, *wanted: str) -> None:
        text = TABLE.format(index=index, wanted=list(wanted))
        (self.folder / "pyproject.toml").write_text(text)

    def _pdm(self, *arguments: str, env: Environment = None) -> Outcome:
        return self.client.run(*arguments, cwd=self.folder, env=env)


class PdmUploader(Uploader):
    title = "pdm"
    name = "pdm"
    project = "pdm"
    skips_other_bytes = True
    cannot: ClassVar = {Uploading.NETRC: "it has settings of its own in its place"}

    def upload(
        self, repository: str, user: str, password: str | None, env: Environment = None
    ) -> Outcome:
        return self._publish(repository, user, password, env=env)

    def skip(self, server: Cloche, user: str, password: str) -> Outcome:
        return self._publish(server.legacy, user, password, "--skip-existing")

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
        secret = ("--password", password) if password else ()
        to = ("--no-build", "--repository", repository, "--username", user)
        return self.client.run("publish", *to, *secret, *options, cwd=self.folder, env=env)
