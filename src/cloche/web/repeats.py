"""Requests that were asked before, byte for byte: answered without being read again.

Installers ask for the same pages with the same heads all day long. Reading a head and making a
task for it cost more than all else that a hit takes. What may have changed since, the page and
who may read it, is looked at every time.
"""

import time
from typing import NamedTuple

from starlette.types import Scope

from cloche.web.gate import Gate
from cloche.web.hits import Hit, Hits
from cloche.web.protocol import ASKED
from cloche.web.requestlog import Facts, RequestLog

MAX_ASKED = 2048  # bytes of a head that are worth remembering; pip's have some 600


class Repeat(NamedTuple):
    """An answer, and who had it: header lines behind those of the server, and the body."""

    hit: Hit
    authorization: str | None
    status: int
    head: bytes
    body: bytes
    facts: Facts

    def holds(self) -> bool:
        return self.hit.holds()


class Repeats:
    """What connections look into before they read. Each request's bytes are a question."""

    def __init__(self, gate: Gate, log: RequestLog) -> None:
        self._gate = gate
        self._log = log
        self._hits: Hits[bytes, Repeat] = Hits()

    def find(self, asked: bytes) -> Repeat | None:
        """The answer, if it is certain that it is still the answer, and for this client."""
        repeat = self._hits.find(asked)
        if repeat is None or not repeat.hit.is_current():
            return None
        shown = repeat.hit.shown
        return repeat if self._gate.admits(shown.index, repeat.authorization) else None

    def learn(self, scope: Scope, repeat: Repeat) -> None:
        """Remember what has just been answered, if it was asked in bytes that may come again."""
        asked: bytes | None = scope.get(ASKED)
        if asked is not None and len(asked) <= MAX_ASKED:
            self._hits.keep(asked, repeat)

    def answered(self, repeat: Repeat, began: float) -> None:
        """Note that it was given once more. `began` is of `time.perf_counter`."""
        self._log.add(time.time(), time.perf_counter() - began, repeat.facts)
