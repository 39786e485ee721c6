"""Making good what `verify` found: upstreams' files are fetched anew; uploads cannot be."""

from collections.abc import Mapping
from dataclasses import dataclass

from msgspec import Struct

from cloche.core.errors import Error, NoSuchFile, NotFound, UpstreamLies
from cloche.core.model import BESIDE, METADATA, Artifact, Digest
from cloche.ports import Audit, Blobs, Inspection, Need, Spoilt
from cloche.service.files import metadata_of
from cloche.service.sight import artifact_of
from cloche.service.upstream import CachedUpstream
from cloche.service.verify import Wrong
from cloche.service.within import Within


class Mended(Struct, frozen=True, kw_only=True):
    """What was done about it. `well`: all is as it should be again."""

    well: bool
    what: str


@dataclass(frozen=True, slots=True)
class Mend:
    blobs: Blobs
    inspection: Inspection
    audit: Audit
    within: Within
    cached: Mapping[str, CachedUpstream]

    async def mend(self, wrong: Wrong) -> Mended:
        """Make it good, as far as that can be. Bytes of an upload are never thrown away."""
        try:
            if wrong.page is not None:
                return await self._page(wrong.page)
            if wrong.kind == "size" or wrong.digest is None:
                return await self._resize(wrong)
            return await self._blob(wrong.digest, wrong)
        except Error as e:
            return Mended(well=False, what=f"could not be repaired: {e.detail}")

    async def _page(self, page: Spoilt) -> Mended:
        """Have a page anew that cannot be read.

        Asked for first: without any page nothing would tell that the name is this upstream's.
        """
        upstream = self.cached.get(page.upstream)
        if upstream is None:
            await self.audit.forget_page(page.number)
            return Mended(well=True, what="forgotten: its upstream is configured no longer")
        await upstream.upstream.page(page.project, None)
        await self.audit.forget_page(page.number)
        upstream.forget(page.project)
        await upstream.page(page.project)
        return Mended(well=True, what="fetched anew")

    async def _resize(self, wrong: Wrong) -> Mended:
        held = [need for need in wrong.needs if need.part == "held"]
        for need in held:
            await self.audit.forget_held(need)
        well = len(held) == len(wrong.needs)
        return Mended(well=well, what="forgotten" if well else "an upload's row cannot be repaired")

    async def _blob(self, digest: Digest, wrong: Wrong) -> Mended:
        if not wrong.needs:
            await self.blobs.delete(digest)
            return Mended(well=True, what="thrown away: nothing needs it")
        held = [need for need in wrong.needs if need.part == "held"]
        own = len(held) < len(wrong.needs)
        where = ""
        if wrong.kind == "bytes" and own:
            where = f"; the wrong bytes are at {await self.inspection.set_aside(digest)}"
        elif wrong.kind == "bytes":
            await self.blobs.delete(digest)
        why = await self._fetched(held)
        if why is None:
            return Mended(well=True, what=f"fetched anew{where}")
        if own:
            lost = "an upload cannot be repaired: put its blob back from a backup"
            return Mended(well=False, what=f"{lost}{where}")
        return Mended(well=False, what=f"could not be fetched anew: {why}")

    async def _fetched(self, held: list[Need]) -> str | None:
        """Have the bytes again, from any upstream that had them; return why not."""
        why = "no upstream has it"
        for need in held:
            try:
                await self._fetch(need)
            except NotFound as e:
                await self.audit.forget_held(need)  # so that nobody is told that it is kept
                why = e.detail
            except Error as e:
                why = e.detail
            if await self.blobs.size(need.digest) is not None:
                return None
        return why

    async def _fetch(self, need: Need) -> None:
        """Raise NotFound when the upstream has these bytes no more."""
        artifact, wheel = await self._artifact(need)
        try:
            async for _ in self.within.fetch.bring(artifact):
                pass
        except (NotFound, UpstreamLies):
            if wheel is None:
                raise
            await self.within.extract(wheel, artifact)

    async def _artifact(self, need: Need) -> tuple[Artifact, Artifact | None]:
        upstream = self.cached.get(need.place)
        if upstream is None:
            raise NoSuchFile(f"the upstream {need.place} is configured no longer")
        end = next((end for end in BESIDE if need.filename.endswith(end)), "")
        page = (await upstream.page(need.project)).page
        file = page.find(need.filename.removesuffix(end))
        if file is None or file.key != need.key or end not in {"", METADATA}:
            raise NoSuchFile(f"{need.place} lists {need.filename} no longer")
        if end == METADATA:
            return metadata_of(need.place, need.project, file)
        return artifact_of(need.place, need.project, file), None
