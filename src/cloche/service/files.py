"""A file by its URL: judged as its project's page is judged, then opened."""

from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

from msgspec.structs import replace

from cloche.core import signatures
from cloche.core.errors import Error, NoSuchFile, NoSuchProject, UpstreamDown, UpstreamLies
from cloche.core.model import Artifact, Digest, File, FileKey, ProjectName
from cloche.core.wire import QUARANTINED
from cloche.ports import Blobs
from cloche.service.fetch import Body, Fetch
from cloche.service.shelf import Shelf, Shown
from cloche.service.sight import artifact_of, quarantined
from cloche.service.unlisted import unlisted
from cloche.service.view import View
from cloche.service.within import Within

METADATA = ".metadata"
SIGNATURE = signatures.BESIDE

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a URL names: a blob of ours, or bytes of an upstream's."""

    filename: str
    etag: str
    digest: Digest | None = None
    artifact: Artifact | None = None
    wheel: Artifact | None = None  # where `artifact` can be read out of, if the upstream lacks it


@dataclass(frozen=True, slots=True)
class Files:
    view: View
    shelf: Shelf
    fetch: Fetch
    within: Within
    blobs: Blobs
    renews: bool = True  # whether files alone have their page looked at, when it is due

    async def find(self, index: str, project: ProjectName, key: FileKey, name: str) -> Wanted:
        """Find the file, or a file's `.metadata`, that the index offers under this URL.

        Raise NoSuchFile when it offers none: what no page would show is not served either. Raise
        Forbidden when the project is quarantined, Denied when a rule withholds the file.
        A file that was kept and then vanished upstream is found still.
        """
        end = next((end for end in (METADATA, SIGNATURE) if name.endswith(end)), "")
        filename = name.removesuffix(end)
        try:
            found = await self._listed(index, project, key, filename)
            if found is None and end == SIGNATURE:  # a directory may list it as a file
                found, filename = await self._listed(index, project, key, name), name
        except (UpstreamDown, UpstreamLies) as e:
            # What is kept needs no live upstream; what is not cannot be looked for.
            return await self._unlisted(index, project, key, name, otherwise=e)
        if found is None:
            nothing = NoSuchFile(f"index {index} has no such file {name} of {project}")
            return await self._unlisted(index, project, key, name, otherwise=nothing)
        shown, file = found
        if name == filename:
            return self._file(shown, file)
        if end == METADATA:
            return self._metadata(shown, file)
        return await self._signature(shown, file)

    def beside(self, shown: Shown, key: FileKey, name: str) -> Wanted | None:
        """The file, or `.metadata`, that the page as it is shown offers under this URL."""
        file = shown.by_name.get(name.removesuffix(METADATA))
        if file is None or file.key != key or shown.page.status == QUARANTINED:
            return None
        if not name.endswith(METADATA):
            return self._file(shown, file)
        return self._metadata(shown, file) if file.core_metadata else None

    async def size(self, wanted: Wanted) -> int | None:
        """Bytes of the whole."""
        artifact = wanted.artifact
        if artifact is not None:
            return await self._had(wanted, lambda: self.fetch.size(artifact))
        return await self.blobs.size(self._digest(wanted))

    async def open(self, wanted: Wanted, start: int, stop: int | None) -> Body:
        """Bytes `start` up to `stop`, or to the end if that is None."""
        artifact = wanted.artifact
        if artifact is not None:
            return await self._had(wanted, lambda: self.fetch.open(artifact, start, stop))
        digest = self._digest(wanted)
        size = await self.blobs.size(digest)
        if size is None:
            raise NoSuchFile(f"{wanted.filename} is recorded, but its bytes are gone: {digest}")
        return Body(size, self.blobs.read(digest, start, size if stop is None else stop))

    async def kept(self, wanted: Wanted) -> tuple[Digest, int] | None:
        """Digest and size of the blob, if the whole of it is here; nobody else is asked."""
        if wanted.artifact is not None:
            return await self.fetch.kept(wanted.artifact)
        digest = self._digest(wanted)
        size = await self.blobs.size(digest)
        return (digest, size) if size is not None else None

    async def bring(self, wanted: Wanted) -> AsyncGenerator[int, None]:
        """Have an upstream's bytes kept: how many more have come, each time, until they are."""
        if wanted.artifact is None:
            return
        try:
            async for more in self.fetch.bring(wanted.artifact):
                yield more
        except NoSuchFile:
            if wanted.wheel is None:
                raise
            await self.within.extract(wanted.wheel, wanted.artifact)

    async def _had(self, wanted: Wanted, work: Callable[[], Awaitable[T]]) -> T:
        """Do it; if the upstream lacks metadata that the page promises, once more with the wheel's.

        An advertised `.metadata` is never missing: uv fails the whole resolution on a 404.
        """
        try:
            return await work()
        except NoSuchFile:
            if wanted.wheel is None or wanted.artifact is None:
                raise
        await self.within.extract(wanted.wheel, wanted.artifact)
        return await work()

    async def _listed(
        self, index: str, project: ProjectName, key: FileKey, filename: str
    ) -> tuple[Shown, File] | None:
        """Look at the page that was shown last, then at the page as it is now."""
        shown = await self.shelf.last(index, project)
        if shown is None or shown.find(filename, key) is None:
            try:
                shown = await self.shelf.get(index, project)
            except NoSuchProject:
                return None
        elif self.renews:
            # Who has a lock file asks for no page: else nobody would learn of a quarantine.
            self.shelf.renew(shown)
        if shown.page.status == QUARANTINED:
            raise quarantined(index, project, shown.page.status_reason)
        file = shown.find(filename, key)
        if file is None:
            return None
        shown.sight.check_withheld(index, filename)
        return shown, file

    async def _unlisted(
        self, index: str, project: ProjectName, key: FileKey, name: str, *, otherwise: Error
    ) -> Wanted:
        try:
            artifact = await unlisted(self.view, index, project, key, name)
        except NoSuchFile:
            raise otherwise from None
        return Wanted(name, f'"{artifact.sha256}"', artifact=artifact)

    def _file(self, shown: Shown, file: File) -> Wanted:
        owner, hosted = shown.sight.origin(file.filename)
        if hosted:
            return Wanted(file.filename, f'"{file.key}"', digest=file.sha256)
        artifact = artifact_of(owner, shown.page.name, file)
        # Without a listed digest the bytes under a URL are not known to stay the same.
        etag = f'"{file.key}"' if _is_fixed(file) else ""
        return Wanted(file.filename, etag, artifact=artifact)

    def _metadata(self, shown: Shown, file: File) -> Wanted:
        claim = file.core_metadata
        name = file.filename + METADATA
        if not claim:
            raise NoSuchFile(f"{file.filename} has no metadata of its own; read the file's")
        hashes = claim if isinstance(claim, dict) else {}
        owner, hosted = shown.sight.origin(file.filename)
        if hosted:
            return Wanted(name, f'"{hashes["sha256"]}"', digest=Digest(hashes["sha256"]))
        etag = f'"{hashes["sha256"]}"' if "sha256" in hashes and _is_fixed(file) else ""
        artifact, wheel = metadata_of(owner, shown.page.name, file)
        return Wanted(name, etag, artifact=artifact, wheel=wheel)

    async def _signature(self, shown: Shown, file: File) -> Wanted:
        name = file.filename + SIGNATURE
        if not file.gpg_sig:
            raise NoSuchFile(f"{file.filename} has no signature")
        owner, hosted = shown.sight.origin(file.filename)
        if not hosted:
            artifact = artifact_of(owner, shown.page.name, file)
            url = _beside(file.url, SIGNATURE)
            return Wanted(
                name, "", None, replace(artifact, filename=name, url=url, hashes={}, size=None)
            )
        for upload in await self.view.ledger.files(owner, shown.page.name):
            if upload.filename == file.filename and upload.signature:
                return Wanted(name, f'"{upload.signature}"', digest=upload.signature)
        raise NoSuchFile(f"{file.filename} was deleted just now")

    def _digest(self, wanted: Wanted) -> Digest:
        if wanted.digest is None:
            raise NoSuchFile(f"{wanted.filename} has no bytes here")
        return wanted.digest


def metadata_of(
    upstream: str, project: ProjectName, file: File
) -> tuple[Artifact, Artifact | None]:
    """The `.metadata` of a file, and the wheel out of which it can be read if there is none."""
    whole = artifact_of(upstream, project, file)
    hashes = file.core_metadata if isinstance(file.core_metadata, dict) else {}
    # Where the upstream has none it is not asked.
    url = "" if file.metadata_within or not file.url else _beside(file.url, METADATA)
    artifact = replace(whole, filename=file.filename + METADATA, url=url, hashes=hashes, size=None)
    return artifact, whole if _is_wheel(file) else None


def _is_fixed(file: File) -> bool:
    """Whether the bytes behind its URLs are known to stay the same, come what may."""
    return file.sha256 is not None and file.listed_key is None


def _is_wheel(file: File) -> bool:
    return file.filename.endswith(".whl")


def _beside(url: str, end: str) -> str:
    """The address of what lies beside a file: `end` goes in front of the query, if there is one."""
    path, mark, query = url.partition("?")
    return f"{path}{end}{mark}{query}"
