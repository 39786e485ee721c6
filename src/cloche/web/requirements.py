"""`POST /requirements.txt`: bring what a list requires, as pypicache did.

Its answer has pypicache's three lists: files that are kept now, lines that nobody can read, and
lines of which something could not be had. `reasons`, which is ours, says why, line by line.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from dataclasses import dataclass, field

import msgspec
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from cloche.core import requirements_file
from cloche.core.choosing import Rules
from cloche.core.errors import BadRequest, TooLarge
from cloche.core.model import ProjectName
from cloche.core.requirements_file import RequirementsFile
from cloche.core.targets import Targets, targets
from cloche.core.wants import Want
from cloche.ports import Spool
from cloche.service.gather import Event, Gather, Had, Lacked, Looked
from cloche.service.view import View
from cloche.web.gate import Gate
from cloche.web.indexes import INDEX
from cloche.web.multipart import FormReader
from cloche.web.problems import Problem, status_of

MAX_BODY = 1 << 20  # bytes
MAX_REQUIREMENTS = 1000
SECONDS = 600.0  # that one list may take
LISTS_AT_ONCE = 2  # a process
JOBS = 8  # pages or files at once, of one list
FIELD = "requirements"
FORM = "multipart/form-data"
NOT_HERE = "other files cannot be read from here; send what they say, too"
NO_TIME = "there was no time left for it; send the list again, what has come is kept"


class Outcome(msgspec.Struct):
    """The answer: each list without repetitions, in the order in which things were known."""

    cached: list[str] = []
    unparseable: list[str] = []
    failed: list[str] = []
    reasons: dict[str, str] = {}

    def lack(self, into: list[str], line: str, why: str) -> None:
        if line not in self.reasons:
            into.append(line)
            self.reasons[line] = why


@dataclass(frozen=True, slots=True)
class Requirements:
    view: View
    gather: Gather
    gate: Gate
    spool: Spool
    platform: Callable[[], tuple[str, ...]]
    seconds: float = SECONDS
    _turns: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(LISTS_AT_ONCE))

    def routes(self) -> list[Route]:
        return [Route("/requirements.txt", self.post, methods=["POST"])]

    async def post(self, request: Request) -> Response:
        """Bring what the list requires; answer when that is done, or the time for it is over."""
        index = self.view.index(request.scope[INDEX])
        await self.gate.reader(index, request.headers.get("authorization"))
        try:
            text = await self._text(request)
            said = await asyncio.to_thread(requirements_file.read, text, most=MAX_REQUIREMENTS)
            rules = Rules(targets=self._targets(request), prereleases=said.prereleases)
        except BadRequest as e:
            # pypicache's clients read `error` and `message`.
            told = {"error": True, "message": e.detail}
            return Problem(request, *status_of(type(e)), e.detail, told)
        outcome = _unparseable(said)
        await self._bring(index.name, said.wants, rules, outcome)
        return Response(msgspec.json.encode(outcome), media_type="application/json")

    def _targets(self, request: Request) -> Targets:
        asked = request.query_params.getlist
        return targets(self.platform(), platforms=asked("platform"), pythons=asked("python"))

    async def _text(self, request: Request) -> str:
        """The list: the form's part of that name, else the whole body."""
        kind = request.headers.get("content-type", "")
        body = _bounded(request.stream())
        try:
            if not kind.startswith(FORM):
                return requirements_file.decode(b"".join([chunk async for chunk in body]))
            with self.spool.scratch() as unused:
                form = await FormReader(kind, unused, set(), 0).read(body)
        except ClientDisconnect:
            raise BadRequest("the connection ended before the list did; send it again") from None
        if FIELD not in form.fields:
            raise BadRequest(f"the form has no part {FIELD}; send the list as -F {FIELD}=@FILE")
        return "\n".join(form.fields[FIELD])

    async def _bring(self, index: str, wants: list[Want], rules: Rules, outcome: Outcome) -> None:
        due = dict.fromkeys((want.project for want in wants), 1)  # files that are still to come
        try:
            async with (
                asyncio.timeout(self.seconds),
                self._turns,
                aclosing(self.gather.bring(index, wants, rules, jobs=JOBS)) as events,
            ):
                async for event in events:
                    _note(event, due, outcome)
        except TimeoutError:
            for want in wants:
                if due[want.project] > 0:
                    outcome.lack(outcome.failed, want.says, NO_TIME)


def _note(event: Event, due: dict[ProjectName, int], outcome: Outcome) -> None:
    if isinstance(event, Looked):
        due[event.project] = event.files
    elif isinstance(event, Had):
        due[event.project] -= 1
        outcome.cached.append(event.filename)
    elif isinstance(event, Lacked):
        outcome.lack(outcome.failed, event.says, event.why)


def _unparseable(said: RequirementsFile) -> Outcome:
    outcome = Outcome()
    for left in said.left:
        outcome.lack(outcome.unparseable, left.says, left.why)
    for path in said.requirements:
        outcome.lack(outcome.unparseable, f"-r {path}", NOT_HERE)
    for path in said.constraints:
        outcome.lack(outcome.unparseable, f"-c {path}", NOT_HERE)
    return outcome


async def _bounded(body: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    size = 0
    async for chunk in body:
        size += len(chunk)
        if size > MAX_BODY:
            raise TooLarge(f"the list has over {MAX_BODY} bytes; split it")
        yield chunk
