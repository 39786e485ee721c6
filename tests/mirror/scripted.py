"""The tests' side of the scripted upstream: starts its process, and plays its history in step."""

import http.client
import json
from contextlib import closing
from typing import Any

from tests.children import Child
from tests.mirror import history
from tests.mirror.answering import Flavour
from tests.mirror.world import Expected, World

HOST = "127.0.0.1"


class Upstream:
    """A real index server in a process of its own, and the same world on this side."""

    def __init__(self) -> None:
        self._child = Child("tests.mirror")
        self._port = int(self._child.said)
        self.world = World()

    def close(self) -> None:
        self._child.close()

    def master(self, flavour: Flavour = "json") -> str:
        """Where it is, as bandersnatch wants it: without a slash at the end."""
        return f"http://{HOST}:{self._port}/{flavour}"

    def simple(self, flavour: Flavour = "json") -> str:
        """The address of its simple API."""
        return f"{self.master(flavour)}/simple/"

    def found(self, projects: int, *, bad: bool = True) -> None:
        """Begin the history anew, with so many projects, the two bad ones among them or not."""
        self._tell("found", {"projects": projects, "bad": bad})
        self.world = history.founded(projects, bad=bad)

    def play(self, *steps: str) -> None:
        for step in steps:
            self._tell("play", step)
            history.STEPS[step](self.world)

    def outage(self, *, now: bool) -> None:
        """Answer for the list of projects with 503, or no longer."""
        self._tell("outage", now)

    def empty(self, *, now: bool) -> None:
        """List no project at all, or all again."""
        self._tell("empty", now)

    def asked(self) -> dict[str, int]:
        """How often each kind of thing was asked for since the last time."""
        counts: dict[str, int] = self._tell("asked", None)
        return counts

    def expected(self) -> Expected:
        return self.world.expected()

    def _tell(self, word: str, said: Any) -> Any:
        with closing(http.client.HTTPConnection(HOST, self._port, timeout=60)) as connection:
            connection.request("POST", f"/control/{word}", json.dumps(said))
            answer = connection.getresponse()
            assert answer.status == 200, (word, answer.status)
            return json.loads(answer.read())
