"""flit, which builds what it uploads."""

from typing import ClassVar

from tests.clients.client import Outcome
from tests.clients.matrix.model import Environment, Uploader, Uploading

PYPROJECT = """\
[build-system]
requires = ["flit_core>=3.11,<5"]
build-backend = "flit_core.buildapi"

[project]
name = "{name}"
version = "1.0"
description = "By flit"
requires-python = ">=3.11"
"""


class Flit(Uploader):
    title = "flit"
    name = "flit"
    project = "flit"
    cannot: ClassVar = {
        Uploading.SKIP: "it has no such option",
        Uploading.NETRC: "it reads `~/.pypirc` in its place",
    }

    def build(self, body: str = "") -> None:
        (self.folder / "pyproject.toml").write_text(PYPROJECT.format(name=self.distribution))
        module = self.distribution.replace("-", "_")
        (self.folder / f"{module}.py").write_text(f'"""By flit."""\n{body}')

    def upload(
        self, repository: str, user: str, password: str | None, env: Environment = None
    ) -> Outcome:
        secret = {"FLIT_PASSWORD": password} if password else {}
        where = {"FLIT_INDEX_URL": repository, "FLIT_USERNAME": user, **secret}
        return self.client.run("publish", cwd=self.folder, env={**where, **(env or {})})
