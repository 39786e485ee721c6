"""`/indexes/{index}/projects/{project}`: what an index shows of a project, and changing it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

import msgspec
from fastapi import APIRouter, Query, Request

from cloche.core import marks
from cloche.core.building import Built
from cloche.core.filenames import version_of
from cloche.core.marks import MAX_REASON, Part
from cloche.core.model import File, project_name
from cloche.service.builds import Builds
from cloche.service.shelf import Shelf, Shown
from cloche.service.steward import Steward
from cloche.web.api.schemas import (
    MAX_ENTRIES,
    MAX_SERIAL,
    BuiltWheel,
    Changed,
    Journal,
    JournalEntry,
    ListedFile,
    NewStatus,
    Project,
    ProjectStatus,
    Why,
)
from cloche.web.gate import Gate

HERE = "/indexes/{index:path}/projects/{project}"  # an index's name may hold one slash
NO_REASON = Why()

Reason = Annotated[str, Query(max_length=MAX_REASON, description="One line of printable text.")]
Since = Annotated[int, Query(ge=0, le=MAX_SERIAL, description="Only entries after this serial.")]
Limit = Annotated[int, Query(ge=1, le=MAX_ENTRIES)]


@dataclass(frozen=True, slots=True)
class Projects:
    steward: Steward
    builds: Builds
    shelf: Shelf
    gate: Gate

    def join(self, router: APIRouter, root: str) -> None:
        """Add the operations below `root`."""
        for method, path, endpoint in (
            ("GET", "", self.project),
            ("DELETE", "", self.delete_project),
            ("GET", "/status", self.status),
            ("PUT", "/status", self.set_status),
            ("POST", "/versions/{version}/yank", self.yank_version),
            ("DELETE", "/versions/{version}/yank", self.unyank_version),
            ("DELETE", "/versions/{version}", self.delete_version),
            ("POST", "/files/{filename}/yank", self.yank_file),
            ("DELETE", "/files/{filename}/yank", self.unyank_file),
            ("DELETE", "/files/{filename}", self.delete_file),
            ("GET", "/journal", self.journal),
        ):
            router.add_api_route(root + HERE + path, endpoint, methods=[method])
        status = root + HERE + "/status"
        router.add_api_route(status, self.remove_status, methods=["DELETE"], status_code=204)

    async def project(self, request: Request, index: str, project: str) -> Project:
        """What the index shows of the project."""
        await self._manager(request, index)
        shown = await self.shelf.get(index, project_name(project))
        return _project(shown, await self._built(shown))

    async def delete_project(
        self, request: Request, index: str, project: str, reason: Reason = ""
    ) -> Changed:
        """Delete all its uploads for ever. The name stays the index's own."""
        return await self._delete(request, _part(index, project), reason)

    async def delete_version(
        self, request: Request, index: str, project: str, version: str, reason: Reason = ""
    ) -> Changed:
        """Delete all uploads of a version for ever. Their names stay taken by their bytes."""
        return await self._delete(request, _part(index, project, version=version), reason)

    async def delete_file(
        self, request: Request, index: str, project: str, filename: str, reason: Reason = ""
    ) -> Changed:
        """Delete an upload for ever. Its name stays taken by its bytes."""
        return await self._delete(request, _part(index, project, filename=filename), reason)

    async def yank_version(
        self, request: Request, index: str, project: str, version: str, why: Why = NO_REASON
    ) -> Changed:
        """Yank a version (PEP 592): uploaded here, or a source's and in this index only."""
        return await self._yank(request, _part(index, project, version=version), why.reason)

    async def yank_file(
        self, request: Request, index: str, project: str, filename: str, why: Why = NO_REASON
    ) -> Changed:
        """Yank one file."""
        return await self._yank(request, _part(index, project, filename=filename), why.reason)

    async def unyank_version(
        self, request: Request, index: str, project: str, version: str, reason: Reason = ""
    ) -> Changed:
        """Take a version's yank back; a source's own yank is lifted in this index only."""
        return await self._unyank(request, _part(index, project, version=version), reason)

    async def unyank_file(
        self, request: Request, index: str, project: str, filename: str, reason: Reason = ""
    ) -> Changed:
        """Take one file's yank back."""
        return await self._unyank(request, _part(index, project, filename=filename), reason)

    async def status(self, request: Request, index: str, project: str) -> ProjectStatus:
        """The project's status (PEP 792) as the index shows it."""
        await self._manager(request, index)
        page = (await self.shelf.get(index, project_name(project))).page
        return ProjectStatus.model_validate({"status": page.status, "reason": page.status_reason})

    async def set_status(
        self, request: Request, index: str, project: str, wanted: NewStatus
    ) -> ProjectStatus:
        """Give the project a status in this index, whatever its source says.

        An archived project takes no uploads; a quarantined one offers no files either.
        """
        who = await self._manager(request, index)
        name = project_name(project)
        await self.steward.declare(index, name, wanted.status, who, wanted.reason)
        return ProjectStatus(status=wanted.status, reason=wanted.reason or None)

    async def remove_status(
        self, request: Request, index: str, project: str, reason: Reason = ""
    ) -> None:
        """Leave the status to the source; an upload's is then active."""
        who = await self._manager(request, index)
        await self.steward.undeclare(index, project_name(project), who, reason)

    async def journal(
        self, request: Request, index: str, project: str, since: Since = 0, limit: Limit = 100
    ) -> Journal:
        """Who did what to the project in this index, when and why, the oldest first."""
        await self._manager(request, index)
        found = await self.steward.journal(index, project_name(project), since, limit + 1)
        entries = [JournalEntry(**msgspec.structs.asdict(entry)) for entry in found[:limit]]
        return Journal(entries=entries, next=entries[-1].serial if len(found) > limit else None)

    async def _built(self, shown: Shown) -> Mapping[str, Built]:
        """How those files came to be that were built for this very index."""
        if not shown.sight.owners.get(shown.index, False):
            return {}
        return await self.builds.of(shown.index, shown.page.name)

    async def _manager(self, request: Request, index: str) -> str:
        """The name of who manages the index. Raise what `Gate.manager` raises."""
        who = await self.gate.manager(index, request.headers.get("authorization"))
        return who.name

    async def _yank(self, request: Request, part: Part, reason: str) -> Changed:
        who = await self._manager(request, part.index)
        return Changed(files=await self.steward.yank(part, who, reason))

    async def _unyank(self, request: Request, part: Part, reason: str) -> Changed:
        who = await self._manager(request, part.index)
        return Changed(files=await self.steward.unyank(part, who, reason))

    async def _delete(self, request: Request, part: Part, reason: str) -> Changed:
        who = await self._manager(request, part.index)
        return Changed(files=await self.steward.delete(part, who, reason))


def _part(
    index: str, project: str, *, version: str | None = None, filename: str | None = None
) -> Part:
    """Raise BadName when a name is none."""
    return Part(
        index=index,
        project=project_name(project),
        version=None if version is None else marks.version(version),
        filename=None if filename is None else marks.filename(filename),
    )


def _project(shown: Shown, built: Mapping[str, Built]) -> Project:
    page = shown.page
    return Project.model_validate(
        {
            "name": page.name,
            "hosted": shown.sight.owners.get(shown.index, False),
            "status": page.status,
            "status_reason": page.status_reason,
            "files": [_file(file, shown, built) for file in page.files],
        }
    )


def _file(file: File, shown: Shown, built: Mapping[str, Built]) -> ListedFile:
    source = shown.sight.origin(file.filename).owner
    how = built.get(file.filename) if source == shown.index else None
    return ListedFile(
        filename=file.filename,
        source=source,
        version=version_of(file.filename),
        size=file.size,
        sha256=file.sha256,
        upload_time=file.upload_time,
        yanked=bool(file.yanked),
        yanked_reason=file.yanked if isinstance(file.yanked, str) else None,
        built=BuiltWheel.model_validate(msgspec.to_builtins(how)) if how else None,
    )
