"""The files of a version as an index offers them, taken up to be sent on."""

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec
from msgspec import Raw

from cloche.core.errors import NoSuchFile
from cloche.core.filenames import version_of
from cloche.core.marks import Part
from cloche.core.model import File, Upload
from cloche.core.provenance import attestations_in
from cloche.core.wire import QUARANTINED
from cloche.ports import Scratch
from cloche.service.files import SIGNATURE, Files
from cloche.service.integrity import Integrity
from cloche.service.sight import Origin, quarantined
from cloche.service.view import View


@dataclass(frozen=True, slots=True)
class Going:
    """A file that is to go on. `upload` is what the ledger knows of it, if it is one here."""

    file: File
    origin: Origin
    upload: Upload | None


@dataclass(frozen=True, slots=True)
class Goods:
    """Whatever a rule denies is not given away: the source's judgement holds here, too."""

    view: View
    files: Files
    integrity: Integrity

    async def of(self, part: Part) -> list[Going]:
        """All files of the version. Raise NoSuchFile when there is none.

        Raise Denied when a rule denies any of them, Forbidden when the project is quarantined.
        """
        sight = await self.view.project(part.index, part.project)
        if sight.page.status == QUARANTINED:
            raise quarantined(part.index, part.project, sight.page.status_reason)
        files = part.of(sight.offered)
        for file in files:
            sight.check_withheld(part.index, file.filename)
        uploads = {(each.index, each.filename): each for each in sight.uploads}
        found = [(file, sight.origin(file.filename)) for file in files]
        return [
            Going(file, origin, _upload(file, origin, uploads.get((origin.owner, file.filename))))
            for file, origin in found
        ]

    async def fill(self, part: Part, file: File, scratch: Scratch) -> None:
        """Write the file's bytes, wherever they are. Raise what `Files.find` and `open` raise."""
        wanted = await self.files.find(part.index, part.project, file.key, file.filename)
        body = await self.files.open(wanted, 0, None)
        async for chunk in body.chunks:
            await scratch.write(chunk)

    async def attestations(self, part: Part, file: File) -> Sequence[bytes]:
        """The file's attestations, if it has any."""
        if not file.provenance:
            return ()
        version = version_of(file.filename) or ""
        found = await self.integrity.find(part.index, part.project, version, file.filename)
        return attestations_in(found.body)

    async def signature(self, part: Part, file: File) -> str:
        """The OpenPGP signature beside the file; empty when there is none."""
        if not file.gpg_sig:
            return ""
        name = file.filename + SIGNATURE
        try:
            wanted = await self.files.find(part.index, part.project, file.key, name)
            body = await self.files.open(wanted, 0, None)
        except NoSuchFile:  # its upstream does not keep its word
            return ""
        return b"".join([chunk async for chunk in body.chunks]).decode("ascii", "replace")


def as_field(attestations: Sequence[bytes]) -> list[str]:
    """What an upload's form has as `attestations`: no value when there are none."""
    if not attestations:
        return []
    return [msgspec.json.encode([Raw(each) for each in attestations]).decode()]


def _upload(file: File, origin: Origin, found: Upload | None) -> Upload | None:
    if origin.hosted and found is None:
        raise NoSuchFile(f"{file.filename} was deleted from index {origin.owner} just now")
    return found if origin.hosted else None
