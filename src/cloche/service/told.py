"""What a project's newest metadata tells, read as an installer would read it."""

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import dataclass

from cloche.core import metadata
from cloche.core.errors import Error, TooLarge, UpstreamDown
from cloche.core.metadata import Metadata
from cloche.core.model import File, ProjectName
from cloche.core.releases import Release
from cloche.service.files import METADATA, Files

MAX_METADATA = 10 << 20
INLINE = 64 << 10  # bytes that are parsed sooner than a thread is woken
PATIENCE = 5.0  # seconds that a page waits for an upstream's file

_NONE_OFFERED = "No file here offers its metadata: summary, links and description are unknown."


@dataclass(frozen=True, slots=True)
class Told:
    """`release` is the one that tells; `lack` says why none does."""

    metadata: Metadata | None = None
    release: Release | None = None
    lack: str = ""


async def tell(
    files: Files,
    index: str,
    project: ProjectName,
    preferred: list[Release],
    *,
    patience: float = PATIENCE,
) -> Told:
    """Read the first metadata that the releases offer. Whatever fails is told, not raised."""
    offered = next(((r, f) for r in preferred for f in r.files if f.core_metadata), None)
    if offered is None:
        return Told(lack=_NONE_OFFERED)
    release, file = offered
    try:
        return Told(await read(files, index, project, file, patience=patience), release)
    except Error as e:
        return Told(lack=f"The metadata of {file.filename} cannot be shown: {e.detail}.")


async def read(
    files: Files, index: str, project: ProjectName, file: File, *, patience: float = PATIENCE
) -> Metadata:
    """Read the metadata of a file that offers it.

    Raise what `Files.find` and `Files.open` raise, UpstreamDown when it takes longer than
    `patience` seconds, TooLarge, and BadUpload when it makes no sense.
    """
    try:
        async with asyncio.timeout(patience):
            raw = await _raw(files, index, project, file)
    except TimeoutError:
        raise UpstreamDown(
            f"it has not come within {patience:.0f} seconds; reload the page to look again"
        ) from None
    if len(raw) <= INLINE:
        return metadata.read(raw)
    return await asyncio.to_thread(metadata.read, raw)


async def _raw(files: Files, index: str, project: ProjectName, file: File) -> bytes:
    wanted = await files.find(index, project, file.key, file.filename + METADATA)
    body = await files.open(wanted, 0, None)
    raw = bytearray()
    try:
        async for chunk in body.chunks:
            raw += chunk
            if len(raw) > MAX_METADATA:
                raise TooLarge(f"it is larger than {MAX_METADATA >> 20} MiB")
    finally:
        if isinstance(body.chunks, AsyncGenerator):
            await body.chunks.aclose()  # so that nobody keeps the rest ready for us
    return bytes(raw)
