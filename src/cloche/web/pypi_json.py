"""PyPI's JSON API, `/pypi/{project}/json`: rendered once, and kept with the page."""

import asyncio
from dataclasses import dataclass, replace

from msgspec import structs
from packaging.version import InvalidVersion, Version
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from cloche.core.errors import BadName, BadUpload, NoSuchProject
from cloche.core.metadata import Metadata
from cloche.core.model import project_name
from cloche.core.negotiation import Encoding, page_encoding
from cloche.core.pypi_json import Account, render
from cloche.core.releases import NO_RELEASE, Release, by_preference, releases, teller
from cloche.service import told
from cloche.service.files import Files
from cloche.service.shelf import Rendered, Shelf, Shown
from cloche.service.view import View
from cloche.web.gate import Gate
from cloche.web.indexes import INDEX
from cloche.web.origin import origin
from cloche.web.simple import UPSTREAM_MAX_AGE, all_of, cache_control, conditional, finish, moved

JSON = "application/json"
MAX_RENDERS = 50  # of one project: crawlers ask for every version, and liars by many hosts
INLINE_FILES = 50  # of a project that is written sooner than a thread is woken

Key = tuple[str, str | None, Encoding, str | None]
"""What a document's bytes are kept by: that it is one, version, encoding, the server's origin."""


def key(version: str | None, accept_encoding: str, place: str | None = None) -> Key:
    """`place` is the origin at which the server was asked for, if addresses depend on it."""
    return (JSON, version, page_encoding(accept_encoding), place)


@dataclass(frozen=True, slots=True)
class Accounts:
    """Tells of projects all that is known, with addresses as one user sees them."""

    view: View
    shelf: Shelf
    files: Files

    def account(self, shown: Shown, seen: str) -> Account:
        """Gather what there is. Costs some 30 µs a file."""
        name, index = shown.page.name, self.view.index(shown.index)
        root = seen if index.default else f"{seen}/{index.name}"
        return Account(
            page=shown.page,
            releases=releases(shown.page),
            serial=shown.sight.told,
            address=f"{root}/project/{name}/",
            packages=f"{seen}/packages/{index.name}/{name}/",
            uploads={upload.filename: upload for upload in shown.sight.uploads},
        )

    async def metadata(self, shown: Shown, release: Release) -> Metadata | None:
        """What the release says of itself; None when no file of it offers that.

        Raise what reading it raises: to call dependencies unknown that only could not be
        looked at would be a false answer.
        """
        file = teller(release)
        if file is None:
            return None
        try:
            return await told.read(self.files, shown.index, shown.page.name, file)
        except BadUpload:
            return None


@dataclass(frozen=True, slots=True)
class PypiJson:
    view: View
    shelf: Shelf
    gate: Gate
    accounts: Accounts
    public_url: str | None

    def routes(self) -> list[Route]:
        return [
            Route(f"/pypi/{path}/json{slash}", self.document, methods=["GET"])
            for path in ("{project}", "{project}/{version}")
            for slash in ("", "/")
        ]

    async def document(self, request: Request) -> Response:
        index = self.view.index(request.scope[INDEX])
        await self.gate.reader(index, request.headers.get("authorization"))
        raw: str = request.path_params["project"]
        name = project_name(raw)
        if raw != name:
            return moved(request, _elsewhere(request, name))
        shown = await self.shelf.get(index.name, name)
        version = _version(request.path_params.get("version"))
        if version is not None:
            shown.sight.check_shown(index.name)
        place = None if self.public_url else origin(request.scope)
        wish = key(version, all_of(request, "accept-encoding"), place)
        rendered = shown.renders.get(wish) or await self._rendered(shown, wish)
        return conditional(request, rendered)

    async def _rendered(self, shown: Shown, wish: Key) -> Rendered:
        _, version, encoding, place = wish
        seen = place or (self.public_url or "").rstrip("/")
        in_thread = len(shown.page.files) > INLINE_FILES
        account = (
            await asyncio.to_thread(self.accounts.account, shown, seen)
            if in_thread
            else self.accounts.account(shown, seen)
        )
        advisories = await self.accounts.view.advisories(shown.sight)
        account = structs.replace(account, advisories=advisories)
        release = _release(account, version)
        metadata = await self.accounts.metadata(shown, release)
        age = 0 if shown.sight.hosted else UPSTREAM_MAX_AGE
        cache = cache_control(age, is_open=self.gate.is_open(shown.index))

        def work() -> Rendered:
            body = render(account, release, metadata, history=version is None)
            done = finish(body, JSON, encoding, cache, serial=account.serial)
            return replace(done, origin=place)

        rendered = await asyncio.to_thread(work) if in_thread else work()
        _keep(shown, wish, rendered)
        self.shelf.grew(shown)
        return rendered


def _keep(shown: Shown, wish: Key, rendered: Rendered) -> None:
    ours = [each for each in shown.renders if isinstance(each, tuple) and each[0] == JSON]
    if len(ours) >= MAX_RENDERS:
        for each in ours:
            del shown.renders[each]
    shown.renders[wish] = rendered


def _elsewhere(request: Request, name: str) -> str:
    """The same address with the name in normal form, relative to this one."""
    rest: str = request.scope["path"].split("/", 3)[3]
    return "../" * (rest.count("/") + 1) + f"{name}/{rest}"


def _version(raw: str | None) -> str | None:
    """Raise BadName when it is no version (PEP 440)."""
    try:
        return None if raw is None else str(Version(raw))
    except InvalidVersion:
        raise BadName(f"{raw!r} is not a version; use one as PEP 440 writes it") from None


def _release(account: Account, version: str | None) -> Release:
    """The release of this version, or the one that an installer would take.

    Of a project that is listed and offers nothing, for it is quarantined or its rules withhold it,
    that is none at all: a mirror takes 404 for a reason to leave all as it was (decision 0039).
    """
    found = by_preference(account.releases)
    if version is None:
        return found[0] if found else NO_RELEASE
    for release in found:
        if release.version == Version(version):
            return release
    raise NoSuchProject(
        f"{account.page.name} has no version {version} here; see its page under /simple/"
    )
