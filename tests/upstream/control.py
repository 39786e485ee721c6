"""The commands that the tests send: each is a struct, and does its work when it arrives."""

from typing import Any, Literal, Protocol

import msgspec
from aiohttp import web
from msgspec import Struct

from tests.upstream import kinds
from tests.upstream.model import File, Project, Recorded
from tests.upstream.world import Journal, Rule, World

Which = Literal["seen", "proxied"]


class Steered(Protocol):
    """What the commands work on."""

    @property
    def world(self) -> World: ...

    async def reset(self) -> None: ...

    async def down(self) -> None: ...

    async def up(self) -> None: ...


class Command(Struct, kw_only=True, tag=True, tag_field="command"):
    """Something that the tests want of the fake upstream."""

    async def run(self, upstream: Steered) -> object:
        """Do it, and return what the tests get back. Every command says how."""
        raise NotImplementedError


class PutProject(Command):
    """Adds or replaces a project; without files, those that it has stay."""

    project: Project

    async def run(self, upstream: Steered) -> None:
        had = upstream.world.projects.get(self.project.name)
        if had is not None and not self.project.files:
            self.project.files = had.files
        upstream.world.projects[self.project.name] = self.project


class PutFile(Command):
    """Adds or replaces a file, and its project if need be."""

    project: str
    file: File

    async def run(self, upstream: Steered) -> None:
        upstream.world.project(self.project).files[self.file.filename] = self.file


class Remove(Command):
    """Removes a file, or without a filename the whole project."""

    project: str
    filename: str | None = None

    async def run(self, upstream: Steered) -> None:
        if self.filename is None:
            del upstream.world.projects[self.project]
        else:
            del upstream.world.projects[self.project].files[self.filename]


class Misbehave(Command):
    """Adds a misbehaviour of a path."""

    path: str
    kind: msgspec.Raw

    async def run(self, upstream: Steered) -> None:
        upstream.world.rules.append(Rule(self.path, kinds.decode(self.kind)))


class Behave(Command):
    """Takes back every misbehaviour of a path, as it was given, or of all."""

    path: str | None = None

    async def run(self, upstream: Steered) -> None:
        rules = upstream.world.rules
        rules[:] = [rule for rule in rules if self.path not in (None, rule.path)]


class Open(Command):
    """Opens a gate for good."""

    gate: str

    async def run(self, upstream: Steered) -> None:
        upstream.world.gates[self.gate].set()


class Requests(Command):
    """Returns the requests below a path."""

    prefix: str = ""
    which: Which = "seen"

    async def run(self, upstream: Steered) -> list[Recorded]:
        return _journal(upstream.world, self.which).below(self.prefix)


class WaitFor(Command):
    """Waits for so many requests below a path; with `ended`, for as many answers' ends."""

    count: int
    prefix: str
    seconds: float
    ended: bool = False
    which: Which = "seen"

    async def run(self, upstream: Steered) -> bool:
        journal = _journal(upstream.world, self.which)

        def enough() -> bool:
            records = journal.below(self.prefix)
            return sum(1 for one in records if one.end or not self.ended) >= self.count

        return await journal.wait(enough, self.seconds)


class Forget(Command):
    """Forgets the requests, and nothing else."""

    async def run(self, upstream: Steered) -> None:
        upstream.world.seen.records.clear()
        upstream.world.proxied.records.clear()


class Reset(Command):
    """Starts from nothing: no projects, no rules, no requests; answers held back break off."""

    async def run(self, upstream: Steered) -> None:
        await upstream.reset()


class Down(Command):
    """Stops listening and drops every connection: the upstream cannot be reached."""

    async def run(self, upstream: Steered) -> None:
        await upstream.down()


class Up(Command):
    """Listens again, on the same ports."""

    async def run(self, upstream: Steered) -> None:
        await upstream.up()


AnyCommand = (
    PutProject
    | PutFile
    | Remove
    | Misbehave
    | Behave
    | Open
    | Requests
    | WaitFor
    | Forget
    | Reset
    | Down
    | Up
)


def control_app(upstream: Steered) -> web.Application:
    """Build the application that takes the commands."""

    async def take(request: web.Request) -> web.Response:
        command: Any = msgspec.msgpack.decode(await request.read(), type=AnyCommand)
        return web.Response(body=msgspec.msgpack.encode(await command.run(upstream)))

    app = web.Application(client_max_size=1 << 31)
    app.router.add_post("/-/control", take)
    return app


def _journal(world: World, which: Which) -> Journal:
    return world.seen if which == "seen" else world.proxied
