"""Every seam to the world. If it is not here, the services cannot do it."""

from collections.abc import (
    AsyncGenerator,
    AsyncIterator,
    Callable,
    Collection,
    Iterable,
    Iterator,
    Mapping,
    Sequence,
)
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, Protocol, Self, TypeVar

from msgspec import Struct

from cloche.core import backfill
from cloche.core.access import Action, Principal
from cloche.core.journal import Event, Way
from cloche.core.marks import Marks, Part
from cloche.core.model import Artifact, Digest, DocFile, FileKey, Held, ProjectName, Status, Upload
from cloche.core.publishers import Publisher

T = TypeVar("T")

Clock = Callable[[], datetime]
"""The time now, with its zone."""


# Upstreams ----------------------------------------------------------------------------------


class Document(Struct, frozen=True, kw_only=True):
    """A project's page as an upstream sent it, after decompression: received facts."""

    body: bytes
    content_type: str
    url: str  # after redirects: what relative links are relative to


class Received(Struct, frozen=True, kw_only=True):
    """An upstream's answer about one project. `document` is None for "as before" (304)."""

    document: Document | None
    etag: str | None
    max_age: int | None  # seconds, from Cache-Control; None when the upstream says nothing


class Transfer(Struct, frozen=True, kw_only=True):
    """A file on its way. `start` is where the upstream really begins, 0 if it ignored the Range."""

    start: int
    total: int | None  # bytes of the whole file, when known
    etag: str | None  # a strong validator to resume with
    chunks: AsyncIterator[bytes]


class Upstream(Protocol):
    """Somewhere else that projects come from. Every answer is bounded in size and time."""

    @property
    def name(self) -> str:
        """As the configuration names it."""

    async def page(self, project: ProjectName, etag: str | None) -> Received:
        """Ask for one project, never for the list of all.

        Raise NoSuchProject only when the upstream says so, UpstreamDown when it cannot be
        reached or is unwell, UpstreamLies when what it sends is no page.
        """

    def transfer(
        self, artifact: Artifact, start: int, etag: str | None
    ) -> AbstractAsyncContextManager[Transfer]:
        """Open a file from byte `start` on, if it still is the one with `etag`.

        Raise NoSuchFile when the upstream has it no longer, TransferBroken (also while its
        chunks are read) when the connection fails or stalls, TooLarge beyond the bound.
        """

    async def close(self) -> None:
        """Give back the connections."""


# Blobs --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Spooled:
    """A file on local disk whose bytes were hashed as they were written."""

    path: Path
    digest: Digest
    size: int


class Stored(Struct, frozen=True):
    digest: Digest
    size: int
    modified: datetime


class Blobs(Protocol):
    """Bytes by their sha256. Writing twice is harmless; reading never sees half."""

    async def put(self, spooled: Spooled, *, lasting: bool = True) -> None:
        """Keep the bytes under their digest, and take the spooled file away.

        A `lasting` blob survives a loss of power. Another may be cut short by one, or gone; its
        size tells. That is good enough for what is only cached.

        The caller has hashed them. Raise StorageFull, and keep nothing, when they do not fit.
        A blob that is there already becomes as young as a new one (`list`).
        """

    async def keep(self, digest: Digest, data: bytes, *, lasting: bool = True) -> None:
        """Keep bytes that are in memory, as `put` does those that are on disk."""

    async def size(self, digest: Digest) -> int | None:
        """Bytes, or None when there is no such blob."""

    def read(self, digest: Digest, start: int, stop: int) -> AsyncGenerator[bytes, None]:
        """Bytes `start` up to `stop`. Raise NoSuchBlob before the first chunk."""

    async def delete(self, digest: Digest) -> None:
        """Forget the bytes; harmless when there are none."""

    def list(self) -> AsyncIterator[Stored]:
        """Every blob, in no order, without holding them all in memory."""

    async def check(self) -> None:
        """Raise an Error that says cause and cure when the store cannot be used."""


# Spool --------------------------------------------------------------------------------------


class Note(Struct, frozen=True, kw_only=True):
    """What it takes to resume a transfer, in this process or the next."""

    total: int | None
    etag: str | None


@dataclass(frozen=True, slots=True)
class Growth:
    """How far a download has come; `same` is False when what was read is no longer it."""

    size: int
    total: int | None
    same: bool


class Scratch(Protocol):
    """An upload's bytes, hashed as they come. What is not taken is removed on exit."""

    size: int

    async def write(self, data: bytes) -> None: ...

    @property
    def digests(self) -> dict[str, str]:
        """md5, sha256 and blake2_256, in hexadecimal."""

    @property
    def spooled(self) -> Spooled: ...

    def __enter__(self) -> Self: ...

    def __exit__(self, *_: object) -> None: ...


class Partial(Protocol):
    """A file being fetched. One process of the node writes it; the others read along."""

    size: int

    def claim(self) -> bool:
        """Become the writer, unless another process is."""

    async def start(self, algorithms: set[str], *, resume: bool) -> Note | None:
        """Open for writing; return the note of the attempt that is being resumed, if any."""

    @property
    def begun(self) -> bool:
        """Whether anything of it is there, from this process or an earlier one."""

    async def note(self, note: Note) -> None:
        """Write down what resuming will need to know."""

    async def write(self, data: bytes) -> None:
        """Append. Raise StorageFull."""

    def growth(self) -> Growth:
        """How far the writer, in another process, has come."""

    def read(self, start: int, most: int) -> bytes:
        """Read bytes that are there already."""

    @property
    def digests(self) -> dict[str, str]: ...

    @property
    def spooled(self) -> Spooled: ...

    def discard(self) -> None:
        """Throw away what has come. Emptied first, so that whoever reads along notices."""

    def release(self) -> None:
        """Stop being the writer: finished, or leaving it to be resumed."""

    def close(self) -> None:
        """Let go of the open file. Call when no reader is left."""


class Spool(Protocol):
    """This node's scratch disk, shared by its workers."""

    def scratch(self) -> Scratch:
        """Open a new file for an upload."""

    def partial(self, key: str) -> Partial:
        """The download named `key`, as far as it has come."""

    def lock(self, name: str) -> AbstractAsyncContextManager[None]:
        """Keep everybody else on this node out of `name` meanwhile."""

    async def sweep(self, older_than: float) -> int:
        """Remove what crashed processes left; return how many files."""


# Catalog ------------------------------------------------------------------------------------


class Kept(Struct, frozen=True, kw_only=True):
    """The newest document that an upstream sent about a project, and how fresh it is."""

    document: Document
    serial: int  # of the journal entry that brought it
    etag: str | None
    first_seen: datetime
    checked_at: datetime
    fresh_until: datetime


@dataclass(frozen=True, slots=True)
class Changes:
    """What the journal says: its newest serial, and the newest of each (place, project) named.

    A place is the name of an index or of an upstream.
    """

    serial: int
    named: Mapping[tuple[str, ProjectName], int]


class Own(Struct, frozen=True, kw_only=True):
    """What an index itself has of a project, and says of it."""

    uploads: tuple[Upload, ...] | None  # None: there never was one; empty: all are deleted
    marks: Marks = Marks()
    serial: int = 0  # of the journal's newest entry about both


class Ledger(Protocol):
    """Uploads and the journal: never evicted, and every change numbered by a serial."""

    async def publish(self, upload: Upload) -> bool:
        """Record an upload, its journal entry, and nothing if anything fails.

        It is yanked if all of its version is. Return False when the very same bytes are there
        already under that name. Raise FileExists when other bytes hold the filename, or held it
        before they were deleted, Forbidden when the project takes no uploads (PEP 792).
        """

    async def own(self, index: str, project: ProjectName) -> Own:
        """Own uploads in their order, and marks, in one question."""

    async def files(self, index: str, project: ProjectName) -> list[Upload]:
        """In the order of their upload. Raise NoSuchProject when the index never had any."""

    async def projects(self, index: str) -> list[ProjectName]:
        """The projects of which the index has uploads, sorted."""

    async def changes(self, since: int) -> Changes:
        """What the journal names after `since`."""


class Deed(Struct, frozen=True, kw_only=True):
    """Who did something, when and why."""

    who: str
    at: datetime
    reason: str = ""


class Entry(Struct, frozen=True, kw_only=True):
    """An entry of the journal."""

    serial: int
    at: datetime
    who: str
    action: str
    version: str | None
    filename: str | None
    detail: dict[str, Any]


class Stewardship(Protocol):
    """Changing what was uploaded, and what an index says of projects.

    Each change is one transaction with its journal entries; one that changes nothing has none.
    """

    async def yank(self, part: Part, deed: Deed, *, yanked: bool) -> None:
        """Yank own uploads, or take that back. Raise NoSuchFile when the part has none."""

    async def mark(self, part: Part, deed: Deed, *, yanked: bool | None) -> None:
        """Say that files of the index's sources are yanked, or are not; None: say nothing.

        Of a version, this takes the place of what was said of its single files.
        """

    async def delete(self, part: Part, deed: Deed) -> list[str]:
        """Take own uploads away, and return their names, which stay taken. Raise NoSuchFile."""

    async def declare(
        self, index: str, project: ProjectName, status: Status | None, deed: Deed
    ) -> None:
        """Give a project a status of the index's own; None: leave it to the source."""

    async def journal(self, index: str, project: ProjectName, since: int, most: int) -> list[Entry]:
        """At most `most` entries about the project in this index after serial `since`."""


Opening = Literal["project", "version"]
Survey = Iterator[tuple[ProjectName, int]]
"""Projects, each with the serial of its last change."""


class Journal(Protocol):
    """The record of every change, as it is read: entries that name a project, by their places.

    A place is the name of an index or of an upstream.
    """

    async def newest(self, places: Sequence[str]) -> int:
        """The serial of the newest entry, 0 when there is none."""

    async def events(self, places: Sequence[str], since: int, most: int) -> list[Event]:
        """The first so many after the serial `since`, the oldest first."""

    async def before(self, at: datetime) -> int:
        """The newest serial that is older than this, of any place; 0 when there is none."""

    async def uploaded_by(self, places: Sequence[str], who: str) -> list[ProjectName]:
        """The projects of which somebody uploaded anything, sorted."""

    async def openings(self, places: Sequence[str], of: Opening, most: int) -> list[Event]:
        """The last so many projects or versions that began, the newest first."""

    async def standings(
        self, ways: Sequence[Way], projects: Collection[ProjectName]
    ) -> dict[ProjectName, int | None]:
        """The serial of each project's last change, or None for one that is not there to show."""

    async def survey(self, ways: Sequence[Way], take: Callable[[Survey], T]) -> T:
        """Let `take`, in a thread, see every project that is there to show, sorted by name."""


class PageStore(Protocol):
    """What upstreams said, and the files of theirs that are kept. Evictable."""

    async def recall(self, upstream: str, project: ProjectName) -> Kept | None:
        """The newest document, or None when none is kept or the project is gone upstream."""

    async def keep(self, upstream: str, project: ProjectName, kept: Kept) -> int:
        """Keep a document, once for each distinct content, and journal it if it is new.

        `kept.serial` is ignored: the entry's serial is returned. At most 100 older
        documents of a project are kept.
        """

    async def touch(
        self, upstream: str, project: ProjectName, checked_at: datetime, fresh_until: datetime
    ) -> None:
        """The upstream says that nothing has changed."""

    async def gone(self, upstream: str, project: ProjectName, at: datetime) -> None:
        """The upstream says that it has the project no more; journaled if one was kept."""

    async def projects(self, upstream: str) -> list[ProjectName]:
        """The projects of which a document is kept, sorted."""

    async def hold(self, held: Held, *, news: bool = False) -> None:
        """Record that an upstream's bytes are kept as a blob; again is harmless.

        With `news` their project's page says more from now on: journaled, unless it did before.
        """

    async def held(self, upstream: str, key: FileKey, filename: str) -> Held | None:
        """What is kept of one upstream file, or of its `.metadata`."""


class Documentation(Protocol):
    """Which files make a project's documentation. An index has one of each of its projects."""

    async def replace(
        self, index: str, project: ProjectName, files: Sequence[DocFile], *, at: datetime, who: str
    ) -> None:
        """Put these in place of what there was, all or nothing, and journal it."""

    async def find(self, index: str, project: ProjectName, path: str) -> DocFile | None: ...


class Findings(Protocol):
    """What this server found out itself about files of which an upstream says too little."""

    async def kept(self, upstream: str, project: ProjectName) -> backfill.Kept:
        """Digest and size of all that is held of the project's files."""

    async def seen(self, upstream: str, project: ProjectName) -> backfill.Seen:
        """When files of the project were first seen. Outlives the documents that listed them."""

    async def see(
        self, upstream: str, project: ProjectName, sightings: Collection[str], at: datetime
    ) -> None:
        """Record when these were first seen; what was seen before stays as it is.

        Of files that are listed no longer at most 10,000 a project are remembered.
        """


class Holdings(Protocol):
    """The files of upstreams that are kept, by project."""

    async def files(self, upstream: str, project: ProjectName) -> list[Held]:
        """Every kept file and `.metadata` of the project, the first kept first."""

    async def projects(self, upstream: str) -> list[ProjectName]:
        """The projects of which a distribution is kept, sorted."""


class Expiry(Protocol):
    """Having an upstream asked before what it said has lost its time."""

    async def expire(self, upstream: str, project: ProjectName, at: datetime, who: str) -> bool:
        """Take the kept page for stale from `at` on; journaled. Return whether there is one."""


class Token(Struct, frozen=True, kw_only=True):
    """A credential as the catalog knows it: never its secret."""

    id: str
    name: str
    secret_hash: bytes  # sha256 of the secret: 256 random bits need no slow hash
    indexes: tuple[str, ...]
    can: tuple[Action, ...]
    created_at: datetime
    expires_at: datetime | None = None
    revoked_at: datetime | None = None


class Tokens(Protocol):
    """Credentials. Making and revoking one is journaled."""

    async def add(self, token: Token, who: str) -> None:
        """`who` makes it, for the journal."""

    async def find(self, token_id: str) -> Token | None: ...

    async def list(self) -> list[Token]:
        """All, the oldest first, the revoked and expired ones too."""

    async def revoke(self, token_id: str, at: datetime, who: str) -> bool:
        """Return whether there was such a token, and it was not revoked before."""


class Pulse(Protocol):
    """Tells that somebody, in any process or node, has written to the catalog."""

    def beat(self) -> int:
        """A number that is another one if anybody wrote since the last call.

        It may be another one without that, while the pulse is in doubt. Costs microseconds.
        """

    async def settle(self) -> None:
        """Return when everybody's next `beat` shows all that this process has written."""


class Upkeep(Protocol):
    async def referenced(self, digests: Iterable[Digest]) -> set[Digest]:
        """Those of `digests` that some row needs."""

    async def check(self) -> None:
        """Raise an Error that says cause and cure when the database cannot be used."""


# Attestations -------------------------------------------------------------------------------


class Attestor(Protocol):
    """Tells who signed."""

    async def verify(
        self, attestations: Sequence[bytes], publishers: Sequence[Publisher]
    ) -> Publisher:
        """The first of the publishers that has signed all of these, each in JSON (PEP 740).

        Raise BadUpload when none has, UpstreamDown when it cannot be found out now.
        """


# Logins -------------------------------------------------------------------------------------


class Login(Protocol):
    """One way of proving who you are."""

    async def principal(self, user: str, secret: str) -> Principal | None:
        """Who this is, or None when the credential is unknown, expired or revoked."""
