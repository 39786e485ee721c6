"""What goes into a bundle: an index at a moment, judged as any client's question would be."""

import asyncio
from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256
from itertools import groupby

from msgspec import Struct, structs

from cloche.core.bundles import Entry, Member
from cloche.core.choosing import Rules, choose
from cloche.core.errors import Denied, Error, NoSuchFile, NoSuchProject, ProjectDeleted
from cloche.core.filenames import version_of
from cloche.core.model import METADATA, PROVENANCE, SIGNATURE, Digest, File, Page, ProjectName
from cloche.core.negotiation import Format
from cloche.core.wants import Want
from cloche.core.wire import QUARANTINED, render_page, versions_of
from cloche.ports import Blobs
from cloche.service.files import Wanted
from cloche.service.integrity import Integrity
from cloche.service.past import Past, Times

AHEAD = 4
"""Projects that are looked at together; their pages are in memory."""


class Lacked(Struct, frozen=True, kw_only=True):
    """What is not in the bundle though it should be, and why."""

    project: ProjectName
    filename: str | None
    why: str


class Packed(Struct, frozen=True, kw_only=True):
    """A project for the bundle: its page, and the manifest's line without that."""

    project: ProjectName
    body: bytes
    files: tuple[Member, ...]
    lacked: tuple[Lacked, ...] = ()
    before: Entry | None = None  # what the other side has of it

    @property
    def entry(self) -> Entry:
        return Entry(
            project=self.project,
            sha256=Digest(sha256(self.body).hexdigest()),
            size=len(self.body),
            files=self.files,
        )

    @property
    def news(self) -> bool:
        """Whether the other side has to be told."""
        same = self.before is not None and self.before.sha256 == self.entry.sha256
        return not same or any(each.here for each in self.files)


class Passed(Struct, frozen=True, kw_only=True):
    """A project that could not be looked at; the other side keeps what it has of it."""

    lacked: Lacked
    before: Entry | None

    @property
    def entry(self) -> Entry | None:
        """What the other side keeps."""
        if self.before is None:
            return None
        files = tuple(structs.replace(each, here=False) for each in self.before.files)
        return structs.replace(self.before, packed=0, packed_sha256="", files=files)


@dataclass(frozen=True, slots=True)
class Selection:
    """What is to be carried: everything, or what is wanted and what the other side has."""

    wants: Mapping[ProjectName, Sequence[Want]]
    rules: Rules

    @classmethod
    def of(cls, wants: Sequence[Want], rules: Rules) -> "Selection":
        ordered = sorted(wants, key=lambda want: want.project)
        groups = groupby(ordered, key=lambda want: want.project)
        return cls({project: tuple(group) for project, group in groups}, rules)

    def chosen(self, page: Page, before: Entry | None) -> tuple[tuple[File, ...], list[Lacked]]:
        """The files of the page that are to be carried, in its order."""
        names = {each.filename for each in before.files} if before else set()
        lacked = []
        for want in self.wants.get(page.name, ()):
            choice = choose(page, want, self.rules)
            names.update(file.filename for file in choice.files)
            for each in choice.lacking:
                name = str(each.file) if each.file else None
                lacked.append(Lacked(project=page.name, filename=name, why=each.why))
        return tuple(file for file in page.files if file.filename in names), lacked


@dataclass(frozen=True, slots=True)
class Pack:
    times: Times
    integrity: Integrity
    blobs: Blobs

    async def of(
        self,
        index: str,
        past: Past,
        selection: Selection | None,
        base: Iterator[Entry],
    ) -> AsyncGenerator[Packed | Passed, None]:
        """Every project to be carried, in the order of names. What is not here yet is fetched.

        `base` is what the other side has, in the same order.
        """
        shown = list(selection.wants) if selection else await past.view.projects(index)
        pairs = _beside(sorted(shown), base, complete=selection is None)
        running: list[asyncio.Task[Packed | Passed | None]] = []
        worker = _Packer(self, index, past, selection)
        loop = asyncio.get_running_loop()
        try:
            for name, before in pairs:
                running.append(loop.create_task(worker.project(name, before)))
                if len(running) == AHEAD and (done := await running.pop(0)):
                    yield done
            while running:
                if done := await running.pop(0):
                    yield done
        finally:
            for task in running:
                task.cancel()
            await asyncio.gather(*running, return_exceptions=True)


def _beside(
    shown: Sequence[ProjectName], base: Iterator[Entry], *, complete: bool
) -> Iterator[tuple[ProjectName, Entry | None]]:
    """Each project with what the other side has of it. Of a selection that is selected too."""
    waiting = next(base, None)
    for name in shown:
        while waiting is not None and waiting.project < name:
            if not complete:
                yield waiting.project, waiting
            waiting = next(base, None)
        same = waiting is not None and waiting.project == name
        yield name, waiting if same else None
        waiting = next(base, None) if same else waiting
    while waiting is not None and not complete:
        yield waiting.project, waiting
        waiting = next(base, None)


@dataclass(frozen=True, slots=True)
class _Packer:
    pack: Pack
    index: str
    past: Past
    selection: Selection | None

    async def project(self, name: ProjectName, before: Entry | None) -> Packed | Passed | None:
        """None for a project that is not shown, or of which nothing is."""
        try:
            shown = await self.past.shelf.get(self.index, name)
            shown.sight.check_shown(self.index)
        except (NoSuchProject, ProjectDeleted, Denied) as e:
            return self._unwanted(name, e)
        except Error as e:
            return Passed(lacked=Lacked(project=name, filename=None, why=e.detail), before=before)
        return await self._packed(shown.page, before)

    async def _packed(self, page: Page, before: Entry | None) -> Packed | Passed | None:
        if page.status == QUARANTINED:  # it offers no files (PEP 792)
            page = structs.replace(page, files=(), versions=versions_of(page))
        files, lacked = page.files, list[Lacked]()
        if self.selection is not None:
            files, lacked = await asyncio.to_thread(self.selection.chosen, page, before)
        taken = _Taken(before, lacked)
        carried = [done for each in files if (done := await self._file(page.name, each, taken))]
        if page.files and not carried:  # a page without files would be a false answer
            return Passed(lacked=taken.lacked[0], before=before) if taken.lacked else None
        if len(carried) < len(page.files):
            page = structs.replace(page, versions=())
        page = structs.replace(page, files=tuple(carried))
        return Packed(
            project=page.name,
            body=await asyncio.to_thread(render_page, page, Format.JSON, ""),
            files=tuple(taken.members),
            lacked=tuple(taken.lacked),
            before=before,
        )

    def _unwanted(self, name: ProjectName, why: Error) -> Passed | None:
        """What is asked for by name is missed; all else is simply not there any more."""
        if self.selection is None or name not in self.selection.wants:
            return None
        return Passed(lacked=Lacked(project=name, filename=None, why=why.detail), before=None)

    async def _file(self, name: ProjectName, file: File, taken: "_Taken") -> File | None:
        """The file as the other side's page lists it, once its bytes are here or there."""
        try:
            own = await self._bytes(name, file, file.filename, taken, file.sha256)
        except Error as e:
            taken.miss(name, file.filename, e)
            return None
        members = [own]
        claims: dict[str, object] = {"core_metadata": False, "provenance": None, "gpg_sig": None}
        if file.core_metadata and (found := await self._beside(name, file, METADATA, taken)):
            claims["core_metadata"] = {"sha256": found.sha256}
            members.append(found)
        if file.provenance and (found := await self._provenance(name, file, taken)):
            claims["provenance"] = file.filename + PROVENANCE
            members.append(found)
        if file.gpg_sig is not None:
            found = await self._beside(name, file, SIGNATURE, taken) if file.gpg_sig else None
            claims["gpg_sig"] = found is not None
            members += [found] if found else []
        # Where no digest was listed, the bytes have one now, and are named by it from here on.
        digested = structs.replace(
            file,
            hashes={**file.hashes, "sha256": own.sha256},
            size=own.size,
            listed_key=None,
            metadata_within=False,
            **claims,
        )
        taken.take(members, digested)
        return digested

    async def _beside(
        self, name: ProjectName, file: File, end: str, taken: "_Taken"
    ) -> Member | None:
        claims = file.core_metadata if end == METADATA else None
        said = claims.get("sha256") if isinstance(claims, dict) else None
        try:
            return await self._bytes(
                name, file, file.filename + end, taken, Digest(said) if said else None
            )
        except Error as e:
            taken.miss(name, file.filename + end, e)
            return None

    async def _provenance(self, name: ProjectName, file: File, taken: "_Taken") -> Member | None:
        version = version_of(file.filename) or ""
        judged = replace(self.pack.integrity, view=self.past.view, shelf=self.past.shelf)
        try:
            found = await judged.find(self.index, name, version, file.filename)
        except Error as e:
            taken.miss(name, file.filename + PROVENANCE, e)
            return None
        return Member(
            filename=file.filename + PROVENANCE,
            key=file.key,
            sha256=found.digest,
            size=len(found.body),
        )

    async def _bytes(
        self, name: ProjectName, file: File, filename: str, taken: "_Taken", said: Digest | None
    ) -> Member:
        """What names the bytes, which are here then, unless the other side has them."""
        there = taken.there.get(filename)
        if said is not None and there is not None and there.sha256 == said:
            return Member(filename=filename, key=file.key, sha256=said, size=there.size)
        wanted = await self.past.find(self.index, name, file.key, filename)
        digest, size = await self._kept(wanted) or await self._brought(wanted)
        return Member(filename=filename, key=file.key, sha256=digest, size=size)

    async def _kept(self, wanted: Wanted) -> tuple[Digest, int] | None:
        if wanted.artifact is not None:
            return await self.past.files.fetch.kept(wanted.artifact)
        size = await self.pack.blobs.size(wanted.digest) if wanted.digest else None
        return (wanted.digest, size) if wanted.digest and size is not None else None

    async def _brought(self, wanted: Wanted) -> tuple[Digest, int]:
        if wanted.artifact is None:
            raise NoSuchFile(f"{wanted.filename} was uploaded here, but its bytes are gone")
        async for _ in self.past.files.bring(wanted):
            pass
        kept = await self._kept(wanted)
        if kept is None:
            raise NoSuchFile(f"{wanted.filename} has come, and is gone again; try once more")
        return kept


@dataclass(slots=True)
class _Taken:
    """What is gathered of one project."""

    before: Entry | None
    lacked: list[Lacked]
    members: list[Member] = field(default_factory=list)
    there: dict[str, Member] = field(init=False)  # what the other side has, by filename
    _bytes: set[Digest] = field(init=False)

    def __post_init__(self) -> None:
        files = self.before.files if self.before else ()
        self.there = {each.filename: each for each in files}
        self._bytes = {each.sha256 for each in files}

    def miss(self, project: ProjectName, filename: str, why: Error) -> None:
        self.lacked.append(Lacked(project=project, filename=filename, why=why.detail))

    def take(self, members: Sequence[Member], file: File) -> None:
        """Carry the bytes of each once, unless the other side has them."""
        for each in members:
            new = each.sha256 not in self._bytes
            self._bytes.add(each.sha256)
            self.members.append(structs.replace(each, key=file.key, here=new))
