"""Requests that were asked before, byte for byte: answered without being read again.

Installers ask for the same pages with the same heads all day long. Reading a head and making a
task for it cost more than all else that a hit takes. What may have changed since, the page and
who may read it, is looked at every time.
"""

import time
from typing import NamedTuple

from starlette.types import Scope

from cloche.web.accesslog import AccessLog, Noted
from cloche.web.gate import Gate
from cloche.web.hits import Hit, Hits
from cloche.web.protocol import ASKED
from cloche.web.requestlog import Facts, RequestLog
from cloche.web.sending import Sending

MAX_ASKED = 2048  # bytes of a head that are worth remembering; pip's have some 600


class Repeat(NamedTuple):
    """An answer, and who had it: header lines behind those of the server, and the body.

    A distribution's body is read anew each time, and `noted` in the access journal.
    """

    hit: Hit
    authorization: str | None
    status: int
    head: bytes
    body: bytes | bytearray
    facts: Facts
    noted: Noted | None = None

    def holds(self) -> bool:
        return self.hit.holds()


class Repeats:
    """What connections look into before they read. Each request's bytes are a question."""

    def __init__(self, gate: Gate, log: RequestLog, sending: Sending, access: AccessLog) -> None:
        self._gate = gate
        self._log = log
        self._sending = sending
        self._access = access
        self._hits: Hits[bytes, Repeat] = Hits()

    def find(self, asked: bytes) -> Repeat | None:
        """The answer, if it is certain that it is still the answer, and for this client."""
        repeat = self._hits.find(asked)
        if repeat is None or not repeat.hit.is_current():
            return None
        if not self._gate.admits(repeat.hit.shown.index, repeat.authorization):
            return None
        return repeat if repeat.noted is None else self._with_bytes(repeat)

    def _with_bytes(self, repeat: Repeat) -> Repeat | None:
        sent = repeat.hit.rendered.sent
        body = self._sending.whole(sent) if sent is not None else None
        return repeat._replace(body=body) if body is not None else None

    def learn(self, scope: Scope, repeat: Repeat) -> None:
        """Remember what has just been answered, if it was asked in bytes that may come again."""
        asked: bytes | None = scope.get(ASKED)
        if asked is not None and len(asked) <= MAX_ASKED:
            self._hits.keep(asked, repeat)

    def answered(self, repeat: Repeat, began: float) -> None:
        """Note that it was given once more. `began` is of `time.perf_counter`."""
        self._log.add(time.time(), time.perf_counter() - began, repeat.facts)
        if repeat.noted is not None:
            self._access.note(repeat.noted)
