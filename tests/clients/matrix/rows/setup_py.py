"""`setup.py upload`, of the setuptools that has easy_install, too."""

from dataclasses import replace
from pathlib import Path
from typing import ClassVar

from tests.clients.client import Client, Outcome
from tests.clients.matrix.model import Environment, Uploader, Uploading

SETUP = """\
from setuptools import setup
setup(name="{name}", version="1.0", py_modules=["{module}"])
"""
PYPIRC = """\
[distutils]
index-servers = cloche

[cloche]
repository = {repository}
username = {user}
password = {password}
"""


class SetupPy(Uploader):
    title = "setup.py upload, setuptools"
    name = "easy_install"
    project = "setuptools"
    cannot: ClassVar = {
        Uploading.AGAIN: "it uploads only what it builds anew, and none twice alike",
        Uploading.SKIP: "it has no such option",
        Uploading.NETRC: "it reads `~/.pypirc` in its place",
        Uploading.KEYRING: "it reads `~/.pypirc` in its place",
    }

    def __init__(self, client: Client, folder: Path) -> None:
        super().__init__(replace(client, command="python"), folder)

    def build(self, body: str = "") -> None:
        module = self.distribution.replace("-", "_")
        (self.folder / "setup.py").write_text(SETUP.format(name=self.distribution, module=module))
        (self.folder / f"{module}.py").write_text(body)

    def upload(
        self, repository: str, user: str, password: str | None, env: Environment = None
    ) -> Outcome:
        text = PYPIRC.format(repository=repository, user=user, password=password)
        (self.client.home / ".pypirc").write_text(text)
        command = ("setup.py", "--quiet", "sdist", "upload", "--repository", "cloche")
        return self.client.run(*command, cwd=self.folder, env=env)
