"""The pages that a browser sees: what this server is and how to use it, and what it holds.

Every page is one response that draws on nothing else, images in descriptions apart. All that
comes from uploads and upstreams is untrusted: templates escape it, descriptions are sanitised,
links are checked, and `layout.CONTENT_SECURITY_POLICY` forbids the rest.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial

from packaging.utils import canonicalize_name

from cloche.core.building import Built
from cloche.core.errors import BadName
from cloche.core.explanation import Explanation, State
from cloche.core.index import Index
from cloche.core.metadata import Metadata
from cloche.core.model import ProjectName, project_name
from cloche.core.releases import Release, by_preference, releases
from cloche.core.wire import href
from cloche.service.builds import Builds
from cloche.service.explain import Explain
from cloche.service.files import Files
from cloche.service.shelf import Shelf, Shown
from cloche.service.told import Told, tell
from cloche.service.view import View
from cloche.web.ui import commands
from cloche.web.ui.descriptions import Description, Descriptions
from cloche.web.ui.facts import display_name, facts
from cloche.web.ui.layout import render

MAX_PROJECTS = 500  # listed at once
MAX_QUERY = 200  # characters
MAX_TOLD = 300  # files that are withheld, and explained on one page
MAX_RELEASES = 30  # shown before the rest is folded away
INLINE_FILES = 200  # of a project that is laid out sooner than a thread is woken


@dataclass(frozen=True, slots=True)
class Pages:
    """`root` is the server's root as a URL relative to the page, such as "../../"."""

    view: View
    shelf: Shelf
    files: Files
    explain: Explain
    builds: Builds
    descriptions: Descriptions = field(default_factory=Descriptions)

    async def home(
        self, index: Index, base: str, who_reads: str, *, query: str = "", root: str = "./"
    ) -> str:
        """What this is, how to use it, and the projects held whose name contains `query`.

        `who_reads` ends the sentence "Installing is open to". The page is at `/` unless `root`
        says otherwise.
        """
        held = await self.view.projects(index.name)
        query = query.strip()[:MAX_QUERY]
        wanted: str = canonicalize_name(query)
        found = [name for name in held if wanted in name]
        return render(
            "home.html",
            **_place(index, base, root),
            who_reads=who_reads,
            sources=self.view.closure(index.name)[1:],
            query=query,
            elsewhere=_name(query) if index.every_source and wanted not in held else None,
            held=len(held),
            found=len(found),
            projects=found[:MAX_PROJECTS],
            installing=commands.installing(base),
            settling=commands.settling(base),
            uploading=commands.uploading(base),
        )

    async def project(
        self,
        index: Index,
        name: ProjectName,
        base: str,
        *,
        root: str | None = None,
        documented: bool = False,
    ) -> str:
        """A project's files, facts and description. Raise what `Shelf.get` raises.

        The page is at `/{index}/project/{name}/` unless `root` says otherwise. With `documented`
        it links to the documentation, which is at `docs/` beneath it.
        """
        shown = await self.shelf.get(index.name, name)
        if len(shown.page.files) > INLINE_FILES:
            found = await asyncio.to_thread(releases, shown.page)
        else:
            found = releases(shown.page)
        told = await tell(self.files, index.name, name, by_preference(found))
        description = await self._description(told.metadata)
        place = _place(index, base, root or "../" * (index.name.count("/") + 3))
        place["documented"] = documented
        built = await self.builds.shown(shown)
        lay_out = partial(_project, place, shown, found, told, description, built)
        if len(shown.page.files) > INLINE_FILES:
            return await asyncio.to_thread(lay_out)
        return lay_out()

    async def why(self, index: Index, name: ProjectName, *, root: str) -> str:
        """Why the index shows of the project what it shows: the sources, and what is withheld."""
        found = await self.explain.project(index.name, name)
        lay_out = partial(_why, _place(index, "", root), found)
        if len(found.files) > INLINE_FILES:
            return await asyncio.to_thread(lay_out)
        return lay_out()

    async def _description(self, told: Metadata | None) -> Description:
        if told is None or not told.description.strip():
            return Description("")
        return await self.descriptions.show(told.description, told.description_content_type)


def problem(status: int, title: str, detail: str, *, home: str = "/") -> str:
    """The page for a person whose request failed; `home` is where to go on."""
    return render("problem.html", status=status, title=title, detail=detail, home=home)


def _place(index: Index, base: str, root: str) -> dict[str, object]:
    """Where the page is, and where its links lead."""
    return {
        "index": index,
        "base": base,
        "home": root if index.default else f"{root}{index.name}/",
        "projects_at": f"{root}{index.name}/project/",
        "packages_at": f"{root}packages/{index.name}/",
    }


def _project(
    place: dict[str, object],
    shown: Shown,
    found: list[Release],
    told: Told,
    description: Description,
    built: Mapping[str, Built],
) -> str:
    name = shown.page.name
    return render(
        "project.html",
        **place,
        name=name,
        title=display_name(name, told.metadata),
        page=shown.page,
        sight=shown.sight,
        built=built,
        releases=found,
        newest=next(iter(by_preference(found)), None),
        most=MAX_RELEASES,
        count=sum(len(release.files) for release in found),
        told=told,
        facts=facts(told.metadata) if told.metadata else None,
        description=description,
        href=partial(href, f"{place['packages_at']}{name}/"),
        installing=commands.installing(str(place["base"]), name),
    )


def _why(place: dict[str, object], found: Explanation) -> str:
    told = [file for file in found.files if file.reasons or file.state is not State.LISTED]
    return render(
        "why.html",
        **place,
        name=found.project,
        found=found,
        counts={state.value: found.count(state) for state in State},
        files=told[:MAX_TOLD],
        more=max(0, len(told) - MAX_TOLD),
    )


def _name(query: str) -> ProjectName | None:
    """What was searched for, if it can be a project's name in full."""
    try:
        return project_name(query)
    except BadName:
        return None
