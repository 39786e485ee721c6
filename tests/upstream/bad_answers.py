"""Misbehaviours of the response: its status, its headers, and how it is delivered."""

import base64
from urllib.parse import urlsplit

from tests.upstream.answers import Answer, CutOff, Point, Waits
from tests.upstream.misbehaviour import Misbehaviour


class Slow(Misbehaviour):
    """Waits so many seconds before the headers, and before each chunk of the body."""

    headers: float = 0.0
    per_chunk: float = 0.0
    chunk: int = 65536

    def answer(self, answer: Answer) -> None:
        answer.at("request", lambda waits: waits.sleep(self.headers))
        answer.pause, answer.chunk = self.per_chunk, self.chunk


class Stalled(Misbehaviour):
    """Sends up to a point, then nothing more, and keeps the connection."""

    after: Point = 0

    def answer(self, answer: Answer) -> None:
        answer.at(self.after, lambda waits: waits.sleep(None))


class Cut(Misbehaviour):
    """Sends up to a point, then closes the connection."""

    after: Point = "half"

    def answer(self, answer: Answer) -> None:
        answer.at(self.after, _cut_off)


class FalseLength(Misbehaviour):
    """Announces a Content-Length that is so much longer or (negative) shorter than the body."""

    by: int

    def answer(self, answer: Answer) -> None:
        answer.length = len(answer.body) + self.by
        answer.at(len(answer.body), _cut_off)


class Status(Misbehaviour):
    """Answers with this status, and with Retry-After if it is given."""

    status: int
    retry_after: str | None = None
    body: bytes = b"the fake upstream misbehaves\n"
    media_type: str = "text/plain"

    def answer(self, answer: Answer) -> None:
        _replace(answer, self.status, self.body, {"Content-Type": self.media_type})
        if self.retry_after is not None:
            answer.headers["Retry-After"] = self.retry_after


class Redirect(Misbehaviour):
    """Redirects: `away` to the same path on the other port, or `to` any URL.

    By default it is one hop, to the same resource below /elsewhere/. A path redirected to
    itself is a loop.
    """

    to: str | None = None
    away: bool = False
    status: int = 302

    def answer(self, answer: Answer) -> None:
        if self.away and answer.asked.base == answer.asked.other:
            return
        target = f"/elsewhere{answer.asked.path}" if self.to is None else self.to
        location = answer.asked.other + answer.asked.path if self.away else target
        _replace(answer, self.status, b"", {"Location": location})


class BasicAuth(Misbehaviour):
    """Answers 401 to everyone who does not send this name and password."""

    username: str
    password: str

    def answer(self, answer: Answer) -> None:
        pair = base64.b64encode(f"{self.username}:{self.password}".encode()).decode()
        if answer.asked.headers.get("Authorization") != f"Basic {pair}":
            _replace(answer, 401, b"", {"WWW-Authenticate": 'Basic realm="fake"'})


class Chunked(Misbehaviour):
    """Says no Content-Length: the body is chunked."""

    def answer(self, answer: Answer) -> None:
        answer.length = None


class EndlessPage(Misbehaviour):
    """Lists one file after the other and never ends."""

    def answer(self, answer: Answer) -> None:
        name = urlsplit(answer.asked.path).path.rstrip("/").rsplit("/", 1)[-1]
        entry = f'{{"filename":"{name}-1.0.tar.gz","url":"../../files/{name}","hashes":{{}}}},'
        start = f'{{"meta":{{"api-version":"1.0"}},"name":"{name}","files":['
        answer.body, answer.length = start.encode(), None
        answer.endless = entry.encode() * 1000


class Endless(Misbehaviour):
    """Sends the body, and then zeros for ever."""

    def answer(self, answer: Answer) -> None:
        answer.length, answer.endless = None, bytes(65536)


class Headers(Misbehaviour):
    """Sets response headers."""

    values: dict[str, str]

    def answer(self, answer: Answer) -> None:
        answer.headers |= self.values


class Gated(Misbehaviour):
    """Waits at a point of the answer until the tests open the gate of this name."""

    gate: str
    after: Point = "request"

    def answer(self, answer: Answer) -> None:
        answer.at(self.after, lambda waits: waits.at_gate(self.gate))


async def _cut_off(_waits: Waits) -> None:
    raise CutOff


def _replace(answer: Answer, status: int, body: bytes, headers: dict[str, str]) -> None:
    answer.status, answer.body, answer.length, answer.headers = status, body, len(body), headers
