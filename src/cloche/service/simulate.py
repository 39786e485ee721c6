"""What another policy would make of what is used: nobody's page changes by it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from msgspec import Struct

from cloche.core.choosing import Rules, choose
from cloche.core.errors import Error
from cloche.core.explanation import Account, Answer, Explanation, Reason, State
from cloche.core.model import Digest, ProjectName
from cloche.core.wants import Named, Want
from cloche.ports import Used
from cloche.service.explain import Explain
from cloche.service.shelf import Shelf

_RANKS = {State.LISTED: 2, State.HIDDEN: 1, State.DENIED: 0}


class Change(Struct, frozen=True, kw_only=True):
    """A file of which another policy would say something else. None: it is not there."""

    filename: str
    version: str | None
    used: bool
    before: State | None
    after: State | None
    note: str | None = None  # what no rule says
    reasons: tuple[Reason, ...] = ()  # of the other policy

    @property
    def worse(self) -> bool:
        """Whether less is to be had of it."""
        return _rank(self.after) < _rank(self.before)


class Comparison(Struct, frozen=True, kw_only=True):
    """One project before and after. `unknown`: why that cannot be told, if it cannot."""

    project: ProjectName
    used: int  # files that are used
    unknown: str | None = None
    changes: tuple[Change, ...] = ()

    @property
    def harms(self) -> bool:
        """Whether something that is used would be withheld. Doubt means that it would."""
        return self.unknown is not None or any(each.used and each.worse for each in self.changes)


class Use(Struct, frozen=True, kw_only=True):
    """What is used of a project: what files want of it, and what was fetched of it."""

    project: ProjectName
    wants: tuple[Want, ...] = ()
    fetched: tuple[Used, ...] = ()


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two policies."""

    explain: Explain
    shelf: Shelf


@dataclass(frozen=True, slots=True)
class Simulate:
    before: Side
    after: Side
    rules: Rules  # how to choose where a want leaves a choice

    async def compare(self, index: str, use: Use) -> Comparison:
        """How the other policy would change what the index shows. Raise NoSuchIndex."""
        before = await self.before.explain.project(index, use.project)
        after = await self.after.explain.project(index, use.project)
        unknown = next((e.says for e in (before, after) if e.answer is Answer.UNKNOWN), None)
        if unknown is not None:
            return Comparison(project=use.project, used=len(use.fetched), unknown=unknown)
        used = await self._used(index, use, before)
        return Comparison(
            project=use.project, used=len(used), changes=tuple(_changes(before, after, used))
        )

    async def _used(self, index: str, use: Use, before: Explanation) -> set[tuple[str, str]]:
        """Names and keys of the files that are used."""
        found: set[tuple[str, str]] = {
            (each.filename, each.key)
            for each in before.files
            for fetched in use.fetched
            if _is(each, fetched.filename, fetched.digest)
        }
        for want in use.wants:
            if want.files:
                found |= {(f.filename, f.key) for f in before.files if _meant(f, want.files)}
            else:
                found |= await self._chosen(index, want)
        return found

    async def _chosen(self, index: str, want: Want) -> set[tuple[str, str]]:
        """What would be installed now."""
        try:
            page = (await self.before.shelf.get(index, want.project)).page
        except Error:
            return set()
        return {(each.filename, each.key) for each in choose(page, want, self.rules).files}


def uses(wants: Iterable[Want], fetched: Iterable[Used]) -> list[Use]:
    """By project, sorted."""
    wanted: dict[ProjectName, list[Want]] = {}
    had: dict[ProjectName, list[Used]] = {}
    for want in wants:
        wanted.setdefault(want.project, []).append(want)
    for each in fetched:
        had.setdefault(each.project, []).append(each)
    return [
        Use(project=name, wants=tuple(wanted.get(name, ())), fetched=tuple(had.get(name, ())))
        for name in sorted({*wanted, *had})
    ]


def _changes(
    before: Explanation, after: Explanation, used: set[tuple[str, str]]
) -> Iterable[Change]:
    was = {(each.filename, each.key): each for each in before.files}
    will = {(each.filename, each.key): each for each in after.files}
    for place in dict.fromkeys([*was, *will]):
        old, new = was.get(place), will.get(place)
        if (old and old.state) != (new and new.state):
            yield _change(old, new, used=place in used)


def _change(old: Account | None, new: Account | None, *, used: bool) -> Change:
    one = new or old
    assert one is not None  # noqa: S101 - it is on one of the two sides
    return Change(
        filename=one.filename,
        version=one.version,
        used=used,
        before=old.state if old else None,
        after=new.state if new else None,
        note=new.note if new else None,
        reasons=new.reasons if new else (),
    )


def _rank(state: State | None) -> int:
    """How much is to be had: of what is denied as little as of what is not there."""
    return 0 if state is None else _RANKS[state]


def _meant(account: Account, named: Sequence[Named]) -> bool:
    return any(
        (each.filename is not None or each.hashes)
        and each.filename in {None, account.filename}
        and _agrees(account, dict(each.hashes).get("sha256"), only=each.filename is None)
        for each in named
    )


def _agrees(account: Account, sha256: str | None, *, only: bool) -> bool:
    """Whether a hash that is named is the file's; `only`: nothing else tells."""
    if sha256 is None or account.sha256 is None:
        return not only
    return account.sha256 == sha256


def _is(account: Account, filename: str, digest: Digest | None) -> bool:
    return account.filename == filename and digest in {None, account.sha256}
