"""Sending a version to an index elsewhere, as an upload."""

import asyncio
from dataclasses import dataclass

from cloche.core.filenames import parse
from cloche.core.marks import Part
from cloche.core.upload_form import upload_form
from cloche.logs import Log
from cloche.ports import Outside, Spool
from cloche.service.going import Going, Goods, as_field
from cloche.service.promote import Pushed
from cloche.service.publish import Incoming, parse_and_check

log = Log(__name__)


@dataclass(frozen=True, slots=True)
class Dispatch:
    goods: Goods
    spool: Spool

    async def send(self, part: Part, outside: Outside, *, dry: bool = False) -> Pushed:
        """Upload all files of a version, one after the other; what is there already is passed over.

        They are all here, and found good, before the first is sent. Raise what `Goods.of` and
        `Outside.upload` raise; what was sent by then is there, and another try sends the rest.
        """
        found = await self.goods.of(part)
        names = [going.file.filename for going in found]
        for going in found:
            await self._one(part, going, None)
        if dry:
            return Pushed(new=names, there=[])
        new = [going.file.filename for going in found if await self._one(part, going, outside)]
        return Pushed(new=new, there=[name for name in names if name not in new])

    async def _one(self, part: Part, going: Going, outside: Outside | None) -> bool:
        """Bring one file, check it as an upload is, and send it."""
        name = going.file.filename
        attestations = as_field(await self.goods.attestations(part, going.file))
        with self.spool.scratch() as scratch:
            await self.goods.fill(part, going.file, scratch)
            fields = {":action": ["file_upload"], "attestations": attestations}
            incoming = Incoming(filename=name, fields=fields)
            parsed = await asyncio.to_thread(parse_and_check, incoming, scratch)
            if outside is None:
                return False
            form = upload_form(parse(name), parsed.metadata, scratch.digests, attestations)
            new = await outside.upload(form, name, scratch.spooled)
        log.info("sent", filename=name, index=part.index, new=new)
        return new
