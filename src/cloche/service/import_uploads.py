"""What another system has kept, as an index's own uploads."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from msgspec.structs import replace

from cloche.core.access import Action, Principal
from cloche.core.documentation import INDEX
from cloche.core.errors import BadUpload, FileExists
from cloche.core.filenames import parse
from cloche.core.index import Index
from cloche.core.marks import MAX_REASON
from cloche.core.model import Upload
from cloche.ports import (
    Arrivals,
    Bearer,
    Clock,
    Deed,
    Find,
    Guide,
    Hashed,
    Lot,
    Pulse,
    Spool,
    Stock,
    Way,
)
from cloche.service.documentation import Documents
from cloche.service.imports import Brought, Documented, Event, contradicted, here
from cloche.service.publish import Incoming, Publish, parse_and_check

WHO = "import"
"""Who has uploaded it, for the journal."""

MAX_SIGNATURE = 64 << 10  # bytes


@dataclass(frozen=True, slots=True)
class Uploads:
    """Files are checked as uploads are, and keep the time and the yank they had."""

    stock: Stock
    index: Index
    way: Way
    publish: Publish
    arrivals: Arrivals
    documents: Documents
    spool: Spool
    pulse: Pulse
    clock: Clock

    async def begin(self, lot: Lot) -> Event | None:  # noqa: ARG002 - nothing need be ready
        return None

    async def end(self) -> None:
        await self.pulse.settle()

    async def bring(self, lot: Lot, find: Find) -> Event:  # noqa: ARG002 - the file says enough
        """Raise BadUpload with all that is wrong with the file.

        Raise FileExists when other bytes have the name, or had it before they were deleted here.
        """
        there = await self.arrivals.bearer(self.index.name, find.filename)
        when = min(find.uploaded_at or find.modified, self.clock())
        if there is not None and there.deleted:
            raise FileExists(
                f"{find.filename} was deleted from {self.index.name}; upload it to have it again"
            )
        if there is not None and self.way != "move" and _is_known(there, find, when):
            return here(find)
        with self.spool.scratch() as scratch:
            async with self.stock.taken(find.path, scratch, self.way) as content:
                new = await self._enter(find, when, content, there)
        if self.way == "move":
            await self.stock.remove(find.path)
        return _brought(find, when) if new else here(find)

    async def _enter(
        self, find: Find, when: datetime, content: Hashed, there: Bearer | None
    ) -> bool:
        if (contradiction := contradicted(find, content)) is not None:
            raise BadUpload([contradiction])
        if there is not None and there.digest != content.digests["sha256"]:
            raise FileExists(f"other bytes have the name {find.filename} in {self.index.name}")
        incoming = Incoming(filename=find.filename, fields=await self._form(find))
        if self.way == "look":
            parse_and_check(incoming, content)
            return there is None
        if there is not None and await self._is_whole(there):
            return False
        upload = await self.publish.prepare(self.index, _who(find), incoming, content)
        deed = Deed(who=WHO, at=self.clock())
        return await self.arrivals.enter(_dated(upload, find, when), deed, self._said(find, when))

    async def _is_whole(self, there: Bearer) -> bool:
        return await self.publish.blobs.size(there.digest) == there.size

    async def _form(self, find: Find) -> Mapping[str, list[str]]:
        """As an upload would say it."""
        form = {":action": ["file_upload"]}
        if find.signature is not None:
            raw = await self.stock.read(find.signature, MAX_SIGNATURE)
            if raw is not None:
                form["gpg_signature"] = [raw.decode(errors="replace")]
        return form

    def _said(self, find: Find, when: datetime) -> dict[str, Any]:
        """For the journal. A time that nobody had recorded is the file's own."""
        said = {"imported": self.stock.kind, "uploaded": when.isoformat()}
        if (who := _who(find)) != WHO:
            said["uploaded_by"] = who
        return said if find.uploaded_at else {**said, "time": "file"}

    async def finish(self, lot: Lot) -> Event | None:
        """Publish the documentation, unless the project has some."""
        guide = lot.guide
        if guide is None:
            return None
        kept = self.documents.documentation
        if await kept.find(self.index.name, guide.project, INDEX) is not None:
            return None
        if self.way != "look":
            await self._document(guide)
        return Documented(guide.project, guide.path)

    async def _document(self, guide: Guide) -> None:
        who = Principal(name=WHO, indexes=(self.index.name,), can=(Action.UPLOAD,))
        with self.spool.scratch() as scratch:
            async with self.stock.taken(guide.path, scratch, "copy") as content:
                await self.documents.publish(self.index, who, guide.project, content)


def _is_known(there: Bearer, find: Find, when: datetime) -> bool:
    """Whether the file is the one that is here, as far as that shows without reading it.

    What was imported has the time of the file itself, to the microsecond, if none is recorded.
    """
    same = [
        there.hashes[name] == said for name, said in find.hashes.items() if name in there.hashes
    ]
    return all(same) if same else there.size == find.size and there.uploaded_at == when


def _dated(upload: Upload, find: Find, when: datetime) -> Upload:
    reason = _line(find.yanked if isinstance(find.yanked, str) else "")
    return replace(upload, uploaded_at=when, yanked=bool(find.yanked), yanked_reason=reason)


def _who(find: Find) -> str:
    return _line(find.uploaded_by or "") or WHO


def _line(said: str) -> str:
    """What anybody may have written, as one line that every database takes."""
    plain = "".join(c if c.isprintable() else " " for c in said[:MAX_REASON])
    return " ".join(plain.split())


def _brought(find: Find, when: datetime) -> Brought:
    return Brought(
        path=find.path,
        filename=find.filename,
        project=parse(find.filename).project,
        size=find.size,
        uploaded_at=when,
        stated=find.uploaded_at is not None,
    )
