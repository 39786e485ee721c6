"""What can be called by XML-RPC: PyPI's live methods, and those that it had before."""

import asyncio
import inspect
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import wraps
from typing import Any

from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from cloche.core.errors import BadRequest, Denied, Error, NotFound
from cloche.core.journal import Change, Event, as_pypi_says, concerning
from cloche.core.model import ProjectName, project_name
from cloche.core.pypi_json import Account, files, info, roles
from cloche.core.releases import Release, by_preference
from cloche.core.roots import entries
from cloche.ports import Journal, Ledger
from cloche.service.roots import Roots
from cloche.service.shelf import Shelf, Shown
from cloche.service.view import View
from cloche.web import xml
from cloche.web.pypi_json import Accounts

MAX_ENTRIES = 50_000  # of the changelog in one answer, as PyPI has it: ask again from the last
MAX_FOUND = 50  # projects that a search tells of
MAX_BROWSED = 1000  # hosted projects whose metadata are read for one question
AT_ONCE = 8
MAX_TIME = 2**34  # seconds since 1970 that a datetime takes

Row = list[str | int | None]
Method = Callable[..., Awaitable[Any]]


@dataclass(frozen=True, slots=True)
class Caller:
    """What is asked of: an index, and the server's address as its user sees it."""

    index: str
    seen: str


@dataclass(frozen=True, slots=True)
class Methods:
    view: View
    shelf: Shelf
    roots: Roots
    journal: Journal
    ledger: Ledger
    accounts: Accounts

    def places(self, caller: Caller) -> list[str]:
        return self.view.closure(caller.index)

    async def events(self, caller: Caller, since: int) -> list[Event]:
        """The first so many of the changelog after a serial; none only if there are no more."""
        ways = (await self.view.listing(caller.index)).ways
        while found := await self.journal.events(ways.places, since, MAX_ENTRIES):
            if kept := concerning(ways, found):
                return kept
            since = found[-1].serial
        return []

    async def account(self, caller: Caller, name: str) -> tuple[Shown, Account] | None:
        """What there is to tell of a project; None when nobody has it, or may have it."""
        try:
            shown = await self.shelf.get(caller.index, project_name(name))
        except (NotFound, Denied):
            return None
        return shown, await asyncio.to_thread(self.accounts.account, shown, caller.seen)


METHODS: dict[str, Method] = {}


def _method(method: Method) -> Method:
    """Offer a function under its name."""
    METHODS[method.__name__] = _checked(method.__name__, method)
    return method


def _checked(name: str, method: Method) -> Method:
    """The same, but that a call that does not fit is told so."""
    signature = inspect.signature(method)
    hints = inspect.get_annotations(method, eval_str=True)
    kinds = [hints[each] for each in list(signature.parameters)[2:]]

    @wraps(method)
    async def checked(methods: Methods, caller: Caller, *given: Any) -> Any:
        try:
            signature.bind(methods, caller, *given)
        except TypeError:
            raise BadRequest(_usage(name, signature)) from None
        if not all(_fits(value, kind) for value, kind in zip(given, kinds, strict=False)):
            raise BadRequest(_usage(name, signature))
        return await method(methods, caller, *given)

    return checked


def _fits(value: Any, kind: Any) -> bool:
    if kind is bool:
        return isinstance(value, int)  # old tools send 0 and 1
    if kind is int:
        return isinstance(value, int | float) and abs(value) < MAX_TIME
    return isinstance(value, kind)


def _usage(name: str, signature: inspect.Signature) -> str:
    wanted = ", ".join(str(each) for each in list(signature.parameters.values())[2:])
    return f"{name} takes ({wanted}); call it so"


# Lists ---------------------------------------------------------------------------------------


@_method
async def list_packages(methods: Methods, caller: Caller) -> Iterator[bytes]:
    root = await methods.roots.get(caller.index)
    return xml.names(entries(root.roll))


@_method
async def list_packages_with_serial(methods: Methods, caller: Caller) -> Iterator[bytes]:
    root = await methods.roots.get(caller.index)
    return xml.serials(entries(root.roll))


@_method
async def search(methods: Methods, caller: Caller, spec: dict, operator: str = "and") -> list[Any]:  # type: ignore[type-arg]  # checked at run time
    """Find projects by name. Of all else that could be asked for, nothing is indexed."""
    if operator not in {"and", "or"}:
        raise BadRequest(f"the operator {operator[:100]!r} is unknown; use 'and' or 'or'")
    root = await methods.roots.get(caller.index)
    found = await asyncio.to_thread(_found, entries(root.roll), _wanted(spec, operator))
    turns = asyncio.Semaphore(AT_ONCE)

    async def told(name: ProjectName) -> dict[str, Any] | None:
        async with turns:
            return await _hit(methods, caller, name)

    return [hit for hit in await asyncio.gather(*map(told, found)) if hit is not None]


def _wanted(spec: dict[str, Any], operator: str) -> list[list[str]]:
    """Each field's words, of which one must be in the name; with "or" all fields are one.

    A summary is sought in the name too: pip asks for both, and says "or".
    """
    said = {
        field: [str(canonicalize_name(str(each))) for each in _listed(words)]
        for field, words in spec.items()
        if words
    }
    fields = [words if field in {"name", "summary"} else [] for field, words in said.items()]
    fields = fields or [[]]  # who asks for nothing finds nothing
    return fields if operator == "and" else [[word for words in fields for word in words]]


def _listed(words: Any) -> list[Any]:
    return words if isinstance(words, list) else [words]


def _found(stretches: Iterator[Any], wanted: list[list[str]]) -> list[ProjectName]:
    found: list[ProjectName] = []
    for some in stretches:
        found += [
            name for name in some if all(any(word in name for word in words) for words in wanted)
        ]
        if len(found) >= MAX_FOUND:
            break
    return found[:MAX_FOUND]


async def _hit(methods: Methods, caller: Caller, name: ProjectName) -> dict[str, Any] | None:
    try:
        found = await methods.account(caller, name)
    except Error:
        return None  # an upstream that cannot be asked about one hides no other
    release = next(iter(by_preference(found[1].releases)), None) if found else None
    if found is None or release is None:
        return None
    return {
        "name": name,
        "version": str(release.version),
        "summary": await _summary(methods, found[0], release),
        "_pypi_ordering": 0,
    }


async def _summary(methods: Methods, shown: Shown, release: Release) -> str:
    """What an upload says of itself. No upstream is asked for the sake of a list."""
    if not _is_hosted(shown, release):
        return ""
    metadata = await methods.accounts.metadata(shown, release)
    return metadata.summary if metadata else ""


@_method
async def browse(methods: Methods, caller: Caller, classifiers: list) -> list[list[str]]:  # type: ignore[type-arg]  # checked at run time
    """The uploaded releases that have all these classifiers."""
    wanted = {str(each) for each in classifiers}
    hosts = [place for place in methods.places(caller) if place in methods.view.indexes]
    names = sorted({n for host in hosts for n in await methods.ledger.projects(host)})
    if len(names) > MAX_BROWSED:
        raise BadRequest(
            f"of over {MAX_BROWSED} projects the classifiers are not looked through; "
            "read them from /pypi/{project}/json"
        )
    return [row for name in names if (row := await _browsed(methods, caller, name, wanted))]


async def _browsed(
    methods: Methods, caller: Caller, name: ProjectName, wanted: set[str]
) -> list[str] | None:
    found = await methods.account(caller, name)
    release = next(iter(by_preference(found[1].releases)), None) if found else None
    if found is None or release is None or not _is_hosted(found[0], release):
        return None
    metadata = await methods.accounts.metadata(found[0], release)
    fits = metadata is not None and wanted <= set(metadata.classifiers)
    return [name, str(release.version)] if fits else None


# Projects ------------------------------------------------------------------------------------


@_method
async def package_releases(
    methods: Methods,
    caller: Caller,
    package_name: str,
    show_hidden: bool = False,  # noqa: FBT001, FBT002 - PyPI's signature
) -> list[str]:
    """The versions, newest first; those that are yanked count as hidden."""
    found = await methods.account(caller, package_name)
    releases = found[1].releases if found else []
    shown = (each for each in releases if each.version and (show_hidden or not each.yanked))
    return [str(each.version) for each in shown]


@_method
async def release_urls(
    methods: Methods, caller: Caller, package_name: str, version: str
) -> list[dict[str, Any]]:
    found = await methods.account(caller, package_name)
    release = _release(found[1], version) if found else None
    return files(found[1], release) if found and release else []


@_method
async def release_data(
    methods: Methods, caller: Caller, package_name: str, version: str = ""
) -> dict[str, Any]:
    found = await methods.account(caller, package_name)
    release = _release(found[1], version) if found else None
    if found is None or release is None:
        return {}
    metadata = await methods.accounts.metadata(found[0], release)
    told = info(found[1], release, metadata)
    stable = next((r for r in by_preference(found[1].releases) if r.final), None)
    return {
        **told,
        "_pypi_hidden": release.yanked,
        "_pypi_ordering": 0,
        "stable_version": str(stable.version) if stable else None,
    }


METHODS["package_data"] = METHODS["release_data"]


@_method
async def package_roles(methods: Methods, caller: Caller, package_name: str) -> list[list[str]]:
    """Those who have uploaded what is there."""
    found = await methods.account(caller, package_name)
    return [[each["role"], each["user"]] for each in roles(found[1])] if found else []


@_method
async def user_packages(methods: Methods, caller: Caller, username: str) -> list[list[str]]:
    """The projects of which somebody uploaded anything, and of which something is there."""
    places = methods.places(caller)
    names = await methods.journal.uploaded_by(places, username)
    ways = (await methods.view.listing(caller.index)).ways
    there = await methods.journal.standings(ways, names)
    return [["Maintainer", name] for name in names if there[name] is not None]


@_method
async def top_packages(methods: Methods, caller: Caller, num: int = 0) -> list[Any]:  # noqa: ARG001 - PyPI's signature
    raise BadRequest("nobody counts downloads here; the metrics at /-/metrics count requests")


# The changelog -------------------------------------------------------------------------------


@_method
async def changelog_last_serial(methods: Methods, caller: Caller) -> int:
    return await methods.journal.newest(methods.places(caller))


@_method
async def changelog_since_serial(methods: Methods, caller: Caller, since_serial: int) -> list[Row]:
    found = await methods.events(caller, since := int(since_serial))
    rows = [row for entry in found for row in _rows(entry)]
    if found and await methods.events(caller, found[-1].serial):
        return rows  # there is more to ask for
    return rows + await _ruled(methods, caller, since, found)


async def _ruled(methods: Methods, caller: Caller, since: int, found: list[Event]) -> list[Row]:
    """What is on the list of projects by a serial that no entry of theirs has: their rules'."""
    root = await methods.roots.get(caller.index)
    told = {entry.project: entry.serial for entry in found}
    now = int(methods.view.clock().timestamp())
    return [
        [name, None, now, Change.RULES_CHANGED.value, serial]
        for some in entries(root.roll)
        for name, serial in some.items()
        if serial > max(since, told.get(name, 0))
    ]


@_method
async def changelog(
    methods: Methods,
    caller: Caller,
    since: int,
    with_ids: bool = False,  # noqa: FBT001, FBT002 - PyPI's signature
) -> list[Row]:
    found = await _since(methods, caller, since)
    return [row if with_ids else row[:4] for entry in found for row in _rows(entry)]


@_method
async def updated_releases(methods: Methods, caller: Caller, since: int) -> list[list[str]]:
    """Versions that were not there before."""
    found = await _since(methods, caller, since)
    return [[e.project, e.version] for e in found if e.opens_version and e.version]


@_method
async def changed_packages(methods: Methods, caller: Caller, since: int) -> list[str]:
    found = await _since(methods, caller, since)
    return list(dict.fromkeys(entry.project for entry in found))


async def _since(methods: Methods, caller: Caller, when: int) -> list[Event]:
    try:
        serial = await methods.journal.before(datetime.fromtimestamp(when, UTC))
    except (ValueError, OSError, OverflowError):
        raise BadRequest(f"{when} is no time in seconds since 1970; give one") from None
    return await methods.events(caller, serial)


def _is_hosted(shown: Shown, release: Release) -> bool:
    """Whether all of it was uploaded here, so that no upstream need be asked about it."""
    return all(shown.sight.origin(file.filename).hosted for file in release.files)


def _rows(entry: Event) -> Iterator[Row]:
    at = int(entry.at.timestamp())
    for action in as_pypi_says(entry):
        yield [entry.project, entry.version, at, action, entry.serial]


def _release(account: Account, version: str) -> Release | None:
    """The release of a version, or without one that which an installer would take."""
    if not version:
        return next(iter(by_preference(account.releases)), None)
    try:
        wanted = Version(version)
    except InvalidVersion:
        return None
    return next((each for each in account.releases if each.version == wanted), None)


async def _list_methods(methods: Methods, caller: Caller) -> list[str]:  # noqa: ARG001 - as all
    return sorted(METHODS)


METHODS["system.listMethods"] = _checked("system.listMethods", _list_methods)
