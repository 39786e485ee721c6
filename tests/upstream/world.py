"""What the tests have told the fake upstream, and what it has seen since."""

import asyncio
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field

from tests.upstream.answers import CutOff
from tests.upstream.misbehaviour import Misbehaviour
from tests.upstream.model import Project, Recorded


class Journal:
    """Every request in the order of arrival, for the tests to read and to wait for."""

    def __init__(self) -> None:
        self.records: list[Recorded] = []
        self._changed = asyncio.Condition()

    async def add(self, record: Recorded) -> None:
        async with self._changed:
            self.records.append(record)
            self._changed.notify_all()

    async def wake(self) -> None:
        """Let those who wait look again: a record has changed."""
        async with self._changed:
            self._changed.notify_all()

    def below(self, prefix: str) -> list[Recorded]:
        return [record for record in self.records if record.path.startswith(prefix)]

    async def wait(self, enough: Callable[[], bool], seconds: float) -> bool:
        """Wait until `enough` holds; False when the time is over."""
        try:
            async with asyncio.timeout(seconds), self._changed:
                await self._changed.wait_for(enough)
        except TimeoutError:
            return False
        return True


@dataclass(slots=True)
class Rule:
    """A misbehaviour and where it applies: one path, or every path that starts so (`/files/*`)."""

    path: str
    kind: Misbehaviour

    def takes(self, path: str) -> bool:
        """Say whether it applies to the path now, and count it down if it does."""
        if self.kind.times == 0 or not self._matches(path):
            return False
        if self.kind.times is not None:
            self.kind.times -= 1
        return True

    def _matches(self, path: str) -> bool:
        return path.startswith(self.path[:-1]) if self.path.endswith("*") else path == self.path


@dataclass(slots=True)
class World:
    """One test's upstream. A reset ends it, and with it every answer that it holds back."""

    projects: dict[str, Project] = field(default_factory=dict)
    rules: list[Rule] = field(default_factory=list)
    gates: dict[str, asyncio.Event] = field(
        default_factory=lambda: defaultdict(asyncio.Event),
    )
    seen: Journal = field(default_factory=Journal)
    proxied: Journal = field(default_factory=Journal)
    over: asyncio.Event = field(default_factory=asyncio.Event)

    def rules_for(self, path: str) -> list[Misbehaviour]:
        return [rule.kind for rule in self.rules if rule.takes(path)]

    def project(self, name: str) -> Project:
        return self.projects.setdefault(name, Project(name=name))

    async def sleep(self, seconds: float | None) -> None:
        """Wait for so many seconds, or for ever; CutOff when this world ends."""
        try:
            async with asyncio.timeout(seconds):
                await self.over.wait()
        except TimeoutError:
            return
        raise CutOff

    async def at_gate(self, name: str) -> None:
        """Wait until the gate is opened; CutOff when this world ends."""
        await self.gates[name].wait()
        if self.over.is_set():
            raise CutOff

    def end(self) -> None:
        """Break off every answer that is being held back."""
        self.over.set()
        for gate in self.gates.values():
            gate.set()
