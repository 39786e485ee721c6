"""twine, of three ages."""

from typing import ClassVar

from tests.clients.client import Outcome
from tests.clients.matrix.model import Environment, Uploader, Uploading
from tests.server import Cloche


class Twine(Uploader):
    title = "twine"
    name = "twine"
    project = "twine"
    cannot: ClassVar = {
        Uploading.SKIP: "from 6 on it refuses `--skip-existing` anywhere but at PyPI",
        Uploading.NETRC: "it reads `~/.pypirc` in its place",
    }

    def upload(
        self, repository: str, user: str, password: str | None, env: Environment = None
    ) -> Outcome:
        return self._upload(repository, user, password, env=env)

    def _upload(
        self,
        repository: str,
        user: str,
        password: str | None,
        *options: str,
        env: Environment = None,
    ) -> Outcome:
        secret = ("--password", password) if password else ()
        files = sorted(self.dist.iterdir())
        to = ("--repository-url", repository, "--username", user)
        return self.client.run("upload", *to, *secret, *options, *files, env=env)


class Twine6(Twine):
    name = "twine6"


class Twine4(Twine):
    name = "twine4"
    skips_other_bytes = True
    cannot: ClassVar = {Uploading.NETRC: "it reads `~/.pypirc` in its place"}

    def skip(self, server: Cloche, user: str, password: str) -> Outcome:
        return self._upload(server.legacy, user, password, "--skip-existing")
