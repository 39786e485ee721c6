"""Pushing a version from one index of this server to another: the same bytes, and their story."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from msgspec import Struct
from msgspec.structs import replace

from cloche.core import marks
from cloche.core.errors import BadRequest, NoSuchBlob
from cloche.core.index import Index
from cloche.core.marks import Part
from cloche.core.model import Digest, File, Upload
from cloche.core.provenance import MAX_PROVENANCE, attestations_in
from cloche.logs import Log
from cloche.ports import Blobs, Clock, Copy, Deed, Promotion, Pulse, Spool
from cloche.service.going import Going, Goods, as_field
from cloche.service.publish import Incoming, Publish

log = Log(__name__)


class Pushed(Struct, frozen=True, kw_only=True):
    """What a push did, or would do. Filenames."""

    new: list[str]
    there: list[str]  # before it, with the same bytes


@dataclass(frozen=True, slots=True)
class Promote:
    goods: Goods
    publish: Publish
    promotion: Promotion
    blobs: Blobs
    spool: Spool
    pulse: Pulse
    clock: Clock

    async def push(
        self, part: Part, target: Index, who: str, why: str = "", *, dry: bool = False
    ) -> Pushed:
        """Have the target take all files of a version that another index shows, or none.

        Every worker and node serves them when this returns. Raise Forbidden when the target takes
        no uploads, FileExists when it has other bytes under one of the names, and what
        `Goods.of` raises.
        """
        if target.name == part.index:
            raise BadRequest(f"{part} is in index {target.name} already; name another to push to")
        await self.publish.check_open(target)
        deed = Deed(who=who, at=self.clock(), reason=marks.reason(why))
        found = await self.goods.of(part)
        copies = [await self._copy(part, going, target, deed) for going in found]
        new = await self.promotion.push(copies, deed, dry=dry)
        if not dry:
            await self.pulse.settle()
            log.info("pushed", what=str(part), source=part.index, index=target.name, by=who)
        names = [copy.upload.filename for copy in copies]
        return Pushed(
            new=[name for name in names if name in new],
            there=[name for name in names if name not in new],
        )

    async def _copy(self, part: Part, going: Going, target: Index, deed: Deed) -> Copy:
        source = going.origin.owner
        if going.upload is not None:
            upload = await self._taken(going.upload, target)
        else:
            upload = await self._fetched(part, going.file, source, target, deed)
        yanked = going.file.yanked
        return Copy(
            upload=replace(
                upload, yanked=bool(yanked), yanked_reason=yanked if isinstance(yanked, str) else ""
            ),
            source=source,
            hosted=going.origin.hosted,
        )

    async def _taken(self, upload: Upload, target: Index) -> Upload:
        """An upload of this server, as the target has it."""
        if await self.blobs.size(upload.digest) != upload.size:
            raise NoSuchBlob(f"{upload.filename} is recorded, but its bytes are gone")
        first = upload.first_index or upload.index
        upload = replace(upload, index=target.name, first_index=first)
        if upload.provenance is None or not target.publishers:
            return upload
        # The target trusts whom it names, whatever the source had verified.
        body = self.blobs.read(upload.provenance, 0, MAX_PROVENANCE)
        said = attestations_in(b"".join([chunk async for chunk in body]))
        return replace(upload, provenance=await self._attested(target, said))

    async def _attested(self, target: Index, said: tuple[bytes, ...]) -> Digest | None:
        return await self.publish.keep(await self.publish.attested(target, said))

    async def _fetched(
        self, part: Part, file: File, source: str, target: Index, deed: Deed
    ) -> Upload:
        """An upstream's file, checked as an upload is."""
        fields: Mapping[str, list[str]] = {
            ":action": ["file_upload"],
            "attestations": as_field(await self.goods.attestations(part, file)),
            "gpg_signature": [await self.goods.signature(part, file)],
        }
        with self.spool.scratch() as scratch:
            await self.goods.fill(part, file, scratch)
            incoming = Incoming(filename=file.filename, fields=fields)
            upload = await self.publish.prepare(target, deed.who, incoming, scratch)
        return replace(upload, uploaded_at=_uploaded_at(file, deed.at), first_index=source)


def _uploaded_at(file: File, now: datetime) -> datetime:
    """As the source states it; nobody can say that it was uploaded tomorrow."""
    return min(file.upload_time or file.first_seen or now, now)
