"""hatch, which looks up what exists if it is told the index's address."""

from typing import ClassVar

from tests.clients.client import Outcome
from tests.clients.matrix.model import Environment, Uploader, Uploading
from tests.server import Cloche


class Hatch(Uploader):
    title = "hatch"
    name = "hatch"
    project = "hatch"
    cannot: ClassVar = {Uploading.NETRC: "it has settings of its own in its place"}

    def upload(
        self, repository: str, user: str, password: str | None, env: Environment = None
    ) -> Outcome:
        secret = ("--auth", password) if password else ()
        files = sorted(self.dist.iterdir())
        to = ("--no-prompt", "--repo", repository, "--user", user)
        return self.client.run("publish", *to, *secret, *files, env=env)

    def skip(self, server: Cloche, user: str, password: str) -> Outcome:
        return self.upload(f"{server.url}/main/", user, password)
