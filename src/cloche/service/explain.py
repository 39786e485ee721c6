"""Why an index shows what it shows: the very look that makes its page, watched."""

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, fields

from msgspec import convert
from msgspec.structs import replace

from cloche.core.errors import (
    Denied,
    Elsewhere,
    Error,
    Forbidden,
    NoSuchFile,
    NoSuchProject,
    ProjectDeleted,
    UpstreamDown,
    UpstreamLies,
)
from cloche.core.explanation import (
    Account,
    Answer,
    Explanation,
    Outcome,
    Reason,
    State,
    Step,
    reason,
)
from cloche.core.filenames import brief
from cloche.core.index import Index
from cloche.core.model import BESIDE, File, Held, ProjectName
from cloche.core.policy import FOREVER, Effect, settled
from cloche.core.wire import QUARANTINED
from cloche.ports import Holdings, Own
from cloche.service.sight import Sight
from cloche.service.unlisted import unlisted
from cloche.service.view import Asked, View

INLINE = 200  # files that are told of sooner than a thread is woken
GONE = "its upstream lists it no longer; what was served once can be served again"
HELD_BACK = "the project is quarantined"

_ANSWERS: dict[type[Error], Answer] = {
    Denied: Answer.DENIED,
    Forbidden: Answer.QUARANTINED,
    ProjectDeleted: Answer.DELETED,
    Elsewhere: Answer.ELSEWHERE,
    NoSuchProject: Answer.ABSENT,
    UpstreamDown: Answer.UNKNOWN,
    UpstreamLies: Answer.UNKNOWN,
}
_OUTCOMES: dict[type[Error], Outcome] = {
    Forbidden: Outcome.REFUSED,
    ProjectDeleted: Outcome.DELETED,
    Elsewhere: Outcome.ELSEWHERE,
    NoSuchProject: Outcome.ABSENT,
    UpstreamDown: Outcome.UNKNOWN,
    UpstreamLies: Outcome.UNKNOWN,
}


@dataclass(slots=True)
class _Question:
    """That a source was asked, what it said, and what it asked itself for that."""

    source: str
    error: Error | None = None
    files: int = 0
    inner: "list[_Question]" = field(default_factory=list)


@dataclass(frozen=True)
class _Watched(View):
    """A view that remembers whom it asked. For one look."""

    owns: dict[str, Own] = field(default_factory=dict)
    way: list[list[_Question]] = field(default_factory=lambda: [[]])

    async def _found(self, index: str, project: ProjectName, own: Own, asked: Asked) -> Sight:
        self.owns[index] = own
        return await super()._found(index, project, own, asked)

    async def _ask(self, source: str, project: ProjectName, index: Index, asked: Asked) -> Sight:
        question = _Question(source)
        self.way[-1].append(question)
        self.way.append(question.inner)
        try:
            sight = await super()._ask(source, project, index, asked)
        except Error as e:
            question.error = e
            raise
        finally:
            self.way.pop()
        question.files = len(sight.page.files) + len(sight.withheld)
        return sight


@dataclass(frozen=True, slots=True)
class Explain:
    """Explanations take turns: a page of many files is read and judged for each of them."""

    view: View
    holdings: Holdings
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock, init=False)

    async def project(
        self, index: str, project: ProjectName, version: str | None = None
    ) -> Explanation:
        """What the index says of the project, or of one version of it (PEP 440), and why.

        A project that is not there, or cannot be looked for, is explained too. Raise NoSuchIndex.
        """
        self.view.index(index)
        async with self._turn:
            return await self._explained(index, project, version)

    async def _explained(
        self, index: str, project: ProjectName, version: str | None
    ) -> Explanation:
        watched = _Watched(**{each.name: getattr(self.view, each.name) for each in fields(View)})
        sight, error = await _looked(watched, index, project)
        told = await _accounts(sight) if sight else []
        if sight is None and isinstance(error, Denied):
            told = await self._barred(index, project, error)
        if not _closed(sight, error):
            told += await self._unlisted(index, project, {(a.filename, a.key) for a in told})
        steps = [
            await self._dated(each, project)
            for each in _steps(watched, index, project, watched.way[0], 0)
        ]
        return Explanation(
            index=index,
            project=project,
            version=version,
            answer=_answer(sight, error),
            says=_says(sight, error, index, told),
            until=sight.until if sight and sight.until != FOREVER else None,
            steps=tuple(steps),
            files=tuple(each for each in told if version in {None, each.version}),
        )

    async def _barred(self, index: str, project: ProjectName, error: Denied) -> list[Account]:
        """The files of a project that is denied by its name, as far as a page of it is kept."""
        ways = self.view.ways(index)
        for source in filter(ways.of(project).__contains__, ways.places):
            upstream = self.view.upstreams.get(source)
            page = await upstream.known(project) if upstream else None
            if page is not None:
                sight = Sight(page, source, hosted=False, until=FOREVER, serials={})
                told = await _accounts(sight)
                return [replace(a, state=State.DENIED, reasons=_denied(error)) for a in told]
        return []

    async def _unlisted(
        self, index: str, project: ProjectName, listed: set[tuple[str, str]]
    ) -> list[Account]:
        """The files that no page offers any more, and that are kept."""
        sources = self.view.ways(index).of(project)
        found = []
        for source in self.view.upstreams.keys() & sources:
            for held in await self.holdings.files(source, project):
                beside = held.filename.endswith(BESIDE)
                if not beside and (held.filename, held.key) not in listed:
                    found += await self._kept(index, held)
        return found

    async def _kept(self, index: str, held: Held) -> list[Account]:
        """What its address gives, if that gives anything."""
        try:
            await unlisted(self.view, index, held.project, held.key, held.filename)
        except Denied as e:
            return [_held(held, State.DENIED, _denied(e))]
        except Forbidden as e:
            return [_held(held, State.DENIED, note=e.detail)]
        except NoSuchFile:
            return []
        return [_held(held, State.HIDDEN)]

    async def _dated(self, step: Step, project: ProjectName) -> Step:
        """With the times of the page that is kept, if an upstream was asked."""
        if step.source not in self.view.upstreams or step.outcome is Outcome.NOT_ASKED:
            return step
        kept = await self.view.pages.recall(step.source, project)
        if kept is None:
            return step
        return replace(
            step,
            kept_since=kept.first_seen,
            checked_at=kept.checked_at,
            fresh_until=kept.fresh_until,
        )


async def _looked(
    watched: _Watched, index: str, project: ProjectName
) -> tuple[Sight | None, Error | None]:
    """What there is to see, and why there is nothing, or no page of it."""
    try:
        sight = await watched.project(index, project)
    except tuple(_ANSWERS) as e:
        return None, e
    try:
        sight.check_shown(index)
    except Denied as e:
        return sight, e
    return sight, None


def _answer(sight: Sight | None, error: Error | None) -> Answer:
    if error is not None:
        return next(_ANSWERS[kind] for kind in type(error).__mro__ if kind in _ANSWERS)
    quarantined = sight is not None and sight.page.status == QUARANTINED
    return Answer.QUARANTINED if quarantined else Answer.PAGE


def _closed(sight: Sight | None, error: Error | None) -> bool:
    """Whether what was served once is not served again either."""
    if sight is not None:
        return sight.page.status == QUARANTINED
    return isinstance(error, ProjectDeleted | Forbidden)


def _says(sight: Sight | None, error: Error | None, index: str, told: Sequence[Account]) -> str:
    if error is not None:
        return error.detail
    if sight is None or sight.page.status == QUARANTINED:
        return f"{HELD_BACK}, so none of its files is listed or served"
    counts = (f"{sum(a.state is state for a in told)} {state}" for state in State)
    return f"index {index} shows the project as {sight.owner} has it: {', '.join(counts)}"


# Files -------------------------------------------------------------------------------------


async def _accounts(sight: Sight) -> list[Account]:
    if len(sight.page.files) + len(sight.withheld) <= INLINE:
        return _told(sight)
    return await asyncio.to_thread(_told, sight)


def _told(sight: Sight) -> list[Account]:
    found = [(file, State.LISTED) for file in sight.page.files]
    found += [(file, _withheld(sight, file)) for file in sight.withheld.values()]
    if sight.page.status == QUARANTINED:
        return [_account(sight, file, State.DENIED, HELD_BACK) for file, _ in found]
    return [_account(sight, file, state) for file, state in found]


def _withheld(sight: Sight, file: File) -> State:
    ruling = settled(sight.rulings[file.filename])
    hidden = ruling is not None and ruling.effect is Effect.HIDE
    return State.HIDDEN if hidden else State.DENIED


def _account(sight: Sight, file: File, state: State, note: str | None = None) -> Account:
    source, hosted = sight.origin(file.filename)
    return Account(
        filename=file.filename,
        key=file.key,
        version=_version(file.filename),
        source=source,
        hosted=hosted,
        state=state,
        sha256=file.sha256,
        upload_time=file.upload_time,
        first_seen=file.first_seen,
        note=note,
        reasons=tuple(map(reason, sight.rulings.get(file.filename, ()))),
    )


def _held(held: Held, state: State, reasons: tuple[Reason, ...] = (), note: str = GONE) -> Account:
    return Account(
        filename=held.filename,
        key=held.key,
        version=_version(held.filename),
        source=held.upstream,
        hosted=False,
        state=state,
        sha256=held.digest,
        first_seen=held.at,
        note=note,
        reasons=reasons,
    )


def _version(filename: str) -> str | None:
    version = brief(filename).version
    return None if version is None else str(version)


def _denied(error: Denied) -> tuple[Reason, ...]:
    said = {key: value for key, value in error.members.items() if key not in {"index", "by"}}
    return (convert({**said, "index": error.members["by"], "effect": Effect.DENY}, Reason),)


# Sources -----------------------------------------------------------------------------------


def _steps(
    watched: _Watched, index: str, project: ProjectName, asked: list[_Question], depth: int
) -> Iterator[Step]:
    """Whom an index asked, in that order, and whom it did not."""
    one = watched.indexes[index]
    own = watched.owns[index]
    if one.uploads or own.uploads is not None:
        yield _own_step(index, own, depth)
    questions = {each.source: each for each in asked}
    for source in dict.fromkeys((*one.sources_of(project), *one.every_source)):
        question = questions.get(source)
        if question is None or (source in watched.upstreams and _barred(one, question)):
            says = _unasked(one, project, own, source, asked)
            yield Step(
                index=index, source=source, depth=depth, outcome=Outcome.NOT_ASKED, says=says
            )
            continue
        yield _step(index, project, question, depth)
        if source in watched.indexes and source in watched.owns:
            yield from _steps(watched, source, project, question.inner, depth + 1)


def _barred(one: Index, question: _Question) -> bool:
    """Whether an upstream's answer was given without asking it."""
    if one.fallthrough != "cache" and isinstance(question.error, NoSuchProject):
        return True
    return isinstance(question.error, Denied)


def _own_step(index: str, own: Own, depth: int) -> Step:
    if own.uploads is None:
        outcome, says = Outcome.ABSENT, "nothing of that name was uploaded to it"
    elif own.uploads:
        outcome, says = Outcome.OWNS, f"{len(own.uploads)} files were uploaded to it"
    else:
        outcome, says = Outcome.DELETED, "its uploads were deleted; the name stays its own"
    return Step(index=index, source=index, depth=depth, outcome=outcome, says=says)


def _step(index: str, project: ProjectName, question: _Question, depth: int) -> Step:
    error = question.error
    if error is None:
        outcome, says = Outcome.OWNS, f"it has {question.files} files of {project}"
    else:
        outcome = next(_OUTCOMES[kind] for kind in type(error).__mro__ if kind in _OUTCOMES)
        says = error.detail
    return Step(index=index, source=question.source, depth=depth, outcome=outcome, says=says)


def _unasked(
    one: Index, project: ProjectName, own: Own, source: str, asked: Sequence[_Question]
) -> str:
    """Why an index did not ask a source."""
    route = next((each for each in one.routes if each.projects.match(project)), None)
    if source not in one.sources_of(project):
        if route is None:
            return "only a route of other projects leads to it"
        whom = ", ".join(route.sources) or "its own uploads alone"
        return f"the route for {route.projects} leads to {whom}"
    if own.uploads is not None and not (own.uploads and one.merges(project)):
        return "the index's own uploads come first"
    last = asked[-1] if asked else None
    if last is not None and (last.source != source or isinstance(last.error, Denied)):
        return _ended(last, source)
    return f'the index asks no upstream itself: it has fallthrough = "{one.fallthrough}"'


def _ended(last: _Question, source: str) -> str:
    """How the last that was asked ended the search."""
    first = "" if last.source == source else f"{last.source} comes first, and "
    if last.error is None:
        return f"{first}has the project"
    if isinstance(last.error, Denied):
        return f"{first}rules deny the project by its name: that ends the search"
    return f"{first}could not be asked: that ends the search"
