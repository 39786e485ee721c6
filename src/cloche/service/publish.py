"""Taking an upload: parse, check, commit. Everything that is wrong with it is said at once."""

import asyncio
import hashlib
import io
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from msgspec import Struct

from cloche.core import archive, metadata, provenance
from cloche.core.access import Principal
from cloche.core.errors import BadName, BadUpload, Forbidden
from cloche.core.filenames import Named, parse
from cloche.core.index import Index
from cloche.core.metadata import Metadata, is_static
from cloche.core.model import Digest, Upload
from cloche.core.vouchers import UNVERIFIED, Vouchers, of_form
from cloche.logs import Log
from cloche.ports import NO_DETAIL, Attestor, Blobs, Clock, Hashed, Ledger, Pulse, Scratch
from cloche.service.primacy import Primacy

log = Log(__name__)

DIGESTS = {"md5_digest": "md5", "sha256_digest": "sha256", "blake2_256_digest": "blake2_256"}
WHOLE_BLAKE2 = 128  # hexadecimal digits


class Incoming(Struct, frozen=True, kw_only=True):
    """An upload as it arrived: form fields (name -> values), and the file's own name."""

    filename: str
    fields: Mapping[str, list[str]]


@dataclass(frozen=True, slots=True)
class Parsed:
    """What an archive says of itself."""

    named: Named
    raw_metadata: bytes | None
    metadata: Metadata | None
    vouchers: Vouchers = field(default_factory=Vouchers)


@dataclass(frozen=True, slots=True)
class Publish:
    blobs: Blobs
    ledger: Ledger
    attestor: Attestor
    pulse: Pulse
    clock: Clock
    primacy: Primacy = field(default_factory=Primacy)

    async def publish(
        self,
        index: Index,
        who: Principal,
        incoming: Incoming,
        content: Scratch,
        detail: Mapping[str, Any] = NO_DETAIL,
    ) -> bool:
        """Publish `content` in `index`; every worker and node serves it when this returns.

        `detail` is for the journal.

        Return False if the very same file was there already. Raise BadUpload with all that is
        wrong, or when a stranger signed it, FileExists when other bytes have the name, StorageFull.
        """
        upload = await self.prepare(index, who.name, incoming, content)
        new = await self.ledger.publish(upload, detail)
        await self.pulse.settle()
        log.info("uploaded", index=index.name, filename=incoming.filename, by=who.name, new=new)
        return new

    async def prepare(self, index: Index, who: str, incoming: Incoming, content: Hashed) -> Upload:
        """Check all that is to be checked, and keep the bytes: what is left is to record it.

        Blobs first, then one transaction: a crash in between leaves only what is swept.
        Raise as `publish` does.
        """
        await self.check_open(index)
        parsed = await asyncio.to_thread(parse_and_check, incoming, content)
        attested = await self.attested(index, parsed.vouchers.attestations)
        return await self._kept(index, who, incoming.filename, content, parsed, attested)

    async def check_open(self, index: Index) -> None:
        """Raise Forbidden when the index takes no uploads: better before reading one."""
        await self.primacy.check(index)
        if not index.uploads:
            raise Forbidden(
                f"index {index.name} takes no uploads; set uploads = true under "
                f"[index.{index.name}], or upload to another index"
            )

    async def _kept(
        self,
        index: Index,
        who: str,
        filename: str,
        content: Hashed,
        parsed: Parsed,
        attested: bytes | None,
    ) -> Upload:
        digests = content.digests
        offered = parsed.raw_metadata if _offers_metadata(parsed) else None
        metadata, signature, provenance = await self._keep(
            content, offered, parsed.vouchers.signature, attested
        )
        return Upload(
            index=index.name,
            project=parsed.named.project,
            display_name=parsed.metadata.name if parsed.metadata else parsed.named.project,
            version=str(parsed.named.version),
            filename=filename,
            filetype=parsed.named.filetype,
            digest=Digest(digests["sha256"]),
            size=content.size,
            hashes=digests,
            metadata=metadata,
            signature=signature,
            provenance=provenance,
            requires_python=parsed.metadata.requires_python if parsed.metadata else None,
            uploaded_at=self.clock(),
            uploaded_by=who,
        )

    async def attested(self, index: Index, attestations: tuple[bytes, ...]) -> bytes | None:
        """The provenance object that tells who signed, if the index names who may.

        Raise BadUpload when a stranger did, UpstreamDown when that cannot be found out now.
        """
        if not attestations:
            return None
        publisher: Mapping[str, Any] = UNVERIFIED
        if index.publishers:
            publisher = (await self.attestor.verify(attestations, index.publishers)).as_object()
        return provenance.provenance(attestations, publisher)

    async def keep(self, data: bytes | None) -> Digest | None:
        """Keep what lies beside a file as a blob of its own."""
        if data is None:
            return None
        digest = _sha256(data)
        await self.blobs.keep({digest: data})
        return digest

    async def _keep(self, content: Hashed, *beside: bytes | None) -> list[Digest | None]:
        """Keep a file, and what lies beside it as blobs of their own; return their digests."""
        names = {data: _sha256(data) for data in beside if data is not None}
        contents = {name: data for data, name in names.items()}
        if (whole := content.data) is not None:
            contents[Digest(content.digests["sha256"])] = whole
        if contents:
            await self.blobs.keep(contents)
        if whole is None:
            await self.blobs.put(content.spooled)
        return [None if data is None else names[data] for data in beside]


def parse_and_check(incoming: Incoming, content: Hashed) -> Parsed:
    """Read the archive, and hold every claim of the form against it.

    Raise BadUpload with all that differs or cannot be read.
    """
    problems = form_problems(incoming.fields)
    problems += _digest_problems(incoming.fields, content)
    try:
        named = parse(incoming.filename)
    except BadName as e:
        raise BadUpload([*problems, str(e)]) from e
    try:
        parsed = _parse(incoming.filename, named, content)
    except BadUpload as e:
        claims = metadata.claims(None, named, incoming.fields)
        raise BadUpload([*problems, *claims, *e.problems]) from e
    problems += metadata.claims(parsed.metadata, named, incoming.fields)
    try:
        sha256 = Digest(content.digests["sha256"])
        vouchers = of_form(incoming.fields, incoming.filename, sha256)
    except BadUpload as e:
        raise BadUpload([*problems, *e.problems]) from None
    if problems:
        raise BadUpload(problems)
    return replace(parsed, vouchers=vouchers)


def form_problems(fields: Mapping[str, list[str]]) -> list[str]:
    """What makes the form something else than the upload of a file."""
    return [
        f"the form's {field} is {said!r}; only {wanted} is understood"
        for field, wanted in (("protocol_version", "1"), (":action", "file_upload"))
        for said in fields.get(field, [wanted] if field == "protocol_version" else [""])
        if said != wanted
    ]


def _parse(filename: str, named: Named, content: Hashed) -> Parsed:
    with _opened(content) as file:
        raw = archive.read(filename, named, file).metadata
    return Parsed(named, raw, metadata.read(raw) if raw is not None else None)


def _digest_problems(fields: Mapping[str, list[str]], content: Hashed) -> list[str]:
    claims = [
        (field, claimed.strip().lower(), name)
        for field, name in DIGESTS.items()
        for claimed in fields.get(field, [])
        if claimed
    ]
    return [
        f"{field} is {claimed}, but the file that arrived has {found}: send it again"
        for field, claimed, name in claims
        if claimed != (found := _digest(content, name, len(claimed)))
    ]


def _digest(content: Hashed, name: str, length: int) -> str:
    """The digest of the file as the form claims it.

    distutils sends all 512 bits of blake2 where 256 are asked for.
    """
    if name != "blake2_256" or length != WHOLE_BLAKE2:
        return content.digests[name]
    with _opened(content) as file:
        return hashlib.file_digest(file, "blake2b").hexdigest()


def _opened(content: Hashed) -> io.BufferedReader | io.BytesIO:
    data = content.data
    return content.spooled.path.open("rb") if data is None else io.BytesIO(data)


def _sha256(data: bytes) -> Digest:
    return Digest(hashlib.sha256(data).hexdigest())


def _offers_metadata(parsed: Parsed) -> bool:
    """Whether clients may rely on the metadata (PEP 658): an installation will have the same.

    A wheel's metadata is. An sdist's is from metadata 2.2 on, unless it calls dependencies
    dynamic (PEP 643); pip fails an installation whose metadata turns out different.
    """
    if parsed.named.filetype == "bdist_wheel":
        return True
    inside = parsed.metadata
    return parsed.named.filetype == "sdist" and inside is not None and is_static(inside)
