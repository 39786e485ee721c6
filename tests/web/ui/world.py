"""The pages of a server that is made of real services, with fakes at its ports."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

import msgspec

from cloche.core.building import BUILT, Built
from cloche.core.filenames import parse
from cloche.core.index import Index
from cloche.core.model import Digest, ProjectName, Upload, project_name
from cloche.ports import Document, Entry
from cloche.service.builds import Builds
from cloche.service.explain import Explain
from cloche.service.fetch import Fetch
from cloche.service.files import Files
from cloche.service.shelf import Shelf
from cloche.service.upstream import CachedUpstream
from cloche.service.view import View
from cloche.service.within import Within
from cloche.spool import Spool
from cloche.web.ui.pages import Pages
from tests.fakes import (
    NOW,
    FakeBlobs,
    FakeEntries,
    FakeFindings,
    FakeHoldings,
    FakeJournal,
    FakeLedger,
    FakePages,
    FakeUpstream,
    now,
)

MAIN = Index(name="main", sources=("pypi",), uploads=True, default=True)
TEAM = Index(name="team/dev", sources=("main",), uploads=True)
FILES_URL = "https://files.test/"


@dataclass
class World:
    """Say what is uploaded and what the upstream has; then ask `pages`."""

    folder: Path
    journal: FakeJournal = field(default_factory=FakeJournal)
    blobs: FakeBlobs = field(default_factory=FakeBlobs)
    upstream: FakeUpstream = field(default_factory=FakeUpstream)
    entries: FakeEntries = field(default_factory=FakeEntries)

    def __post_init__(self) -> None:
        self.ledger = FakeLedger(self.journal)
        self.kept = FakePages(self.journal)
        spool = Spool(self.folder)
        cached = CachedUpstream(
            self.upstream, self.kept, FakeFindings(self.kept), spool, now, max_files=100_000
        )
        indexes = {index.name: index for index in (MAIN, TEAM)}
        view = View(indexes, {"pypi": cached}, self.ledger, self.kept, now)
        shelf = Shelf(view, self.ledger, self.journal, now)
        remote = {"pypi": self.upstream}
        self.fetch = Fetch(self.blobs, self.kept, spool, remote, now)
        within = Within(self.fetch, remote, spool)
        files = Files(view, shelf, self.fetch, within, self.blobs)
        explain = Explain(view, FakeHoldings(self.kept))
        self.pages = Pages(view, shelf, files, explain, Builds(self.entries))

    async def upload(
        self, filename: str, metadata: bytes | None = None, index: Index = MAIN, **facts: Any
    ) -> Upload:
        """Publish an empty file under this name, with this metadata."""
        named = parse(filename)
        upload = Upload(
            index=index.name,
            project=named.project,
            display_name=named.project,
            version=str(named.version),
            filename=filename,
            filetype=named.filetype,
            digest=Digest(sha256(filename.encode()).hexdigest()),
            hashes={},
            metadata=self.blobs.add(metadata) if metadata is not None else None,
            uploaded_by="test",
            **{"size": 12_345, "requires_python": None, "uploaded_at": NOW, **facts},
        )
        await self.ledger.publish(upload)
        return upload

    async def build(self, filename: str, built: Built, index: Index = MAIN) -> None:
        """Publish a wheel, and note how it was built."""
        upload = await self.upload(filename, index=index)
        entry = Entry(
            serial=len(self.journal.changed),
            at=NOW,
            who="test",
            action="file uploaded",
            version=upload.version,
            filename=filename,
            detail={BUILT: msgspec.to_builtins(built)},
        )
        self.entries.of.setdefault((index.name, upload.project), []).append(entry)

    def offer(self, name: str, *files: Mapping[str, object], **page: object) -> ProjectName:
        """Let the upstream have a project with these files (PEP 691)."""
        listed = [
            {"url": f"{FILES_URL}{file['filename']}", "hashes": {}, "size": 1, **file}
            for file in files
        ]
        said = {"meta": {"api-version": "1.4"}, "name": name, "files": listed, **page}
        project = project_name(name)
        self.upstream.pages[project] = Document(
            body=msgspec.json.encode(said),
            content_type="application/vnd.pypi.simple.v1+json",
            url=f"https://index.test/simple/{name}/",
        )
        return project

    async def close(self) -> None:
        await self.fetch.close(1)


def core_metadata(body: str = "", **fields: str | list[str]) -> bytes:
    """Write METADATA; `Requires_Dist=[...]` makes a line of each."""
    said: dict[str, str | list[str]] = {"Metadata-Version": "2.4", "Name": "acme", "Version": "1.0"}
    said |= {key.replace("_", "-"): value for key, value in fields.items()}
    lines = [
        f"{key}: {each}"
        for key, value in said.items()
        for each in ([value] if isinstance(value, str) else value)
    ]
    return "\n".join([*lines, "", body]).encode()
