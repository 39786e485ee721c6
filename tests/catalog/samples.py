"""Uploads, documents and tokens to put into a catalog."""

import hashlib
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from sqlalchemy import func, select

from cloche.catalog import Catalog
from cloche.catalog.schema import journal
from cloche.core.access import Action
from cloche.core.filenames import parse
from cloche.core.marks import Part
from cloche.core.model import Digest, FileKey, Held, ProjectName, Upload
from cloche.ports import Deed, Document, Kept, Token

NOON = datetime(2026, 5, 4, 12, 0, 0, 123456, tzinfo=UTC)
HOUR = timedelta(hours=1)
DEMO = ProjectName("demo")


def sha256(text: str) -> Digest:
    return Digest(hashlib.sha256(text.encode()).hexdigest())


def upload(
    project: str = "demo", version: str = "1.0", said: str = "bytes", **other: Any
) -> Upload:
    """An upload whose bytes are `said`."""
    digest = sha256(said)
    first = Upload(
        index="main",
        project=ProjectName(project),
        display_name=project.title(),
        version=version,
        filename=f"{project}-{version}.tar.gz",
        filetype="sdist",
        digest=digest,
        size=len(said),
        hashes={"sha256": digest, "md5": "0" * 32},
        metadata=sha256(f"metadata of {said}"),
        requires_python=">=3.11",
        uploaded_at=NOON,
        uploaded_by="alice",
    )
    return msgspec.structs.replace(first, **other)


def part(filename: str = "", version: str | None = None, index: str = "main") -> Part:
    """A file, a version of `demo` or, without either, all of it."""
    project = parse(filename).project if filename else DEMO
    return Part(index=index, project=project, version=version, filename=filename or None)


async def remove(catalog: Catalog, filename: str, index: str = "main", *, who: str = "bob") -> None:
    """Delete an upload."""
    await catalog.stewardship.delete(part(filename, index=index), Deed(who=who, at=NOON))


def kept(body: bytes = b"{}", at: datetime = NOON, **other: Any) -> Kept:
    """A document as an upstream's first answer brings it."""
    document = Document(body=body, content_type="text/html", url="http://upstream/simple/demo/")
    first = Kept(
        document=document,
        serial=0,
        etag='"one"',
        first_seen=at,
        checked_at=at,
        fresh_until=at + HOUR,
    )
    return msgspec.structs.replace(first, **other)


def held(said: str = "bytes", **other: Any) -> Held:
    digest = sha256(said)
    first = Held(
        upstream="pypi",
        project=DEMO,
        filename="demo-1.0.tar.gz",
        key=FileKey(digest),
        digest=digest,
        size=len(said),
        at=NOON,
    )
    return msgspec.structs.replace(first, **other)


def token(name: str = "alice", **other: Any) -> Token:
    first = Token(
        id=f"id-of-{name}",
        name=name,
        secret_hash=hashlib.sha256(b"secret").digest(),
        indexes=("main", "team/dev"),
        can=(Action.READ, Action.UPLOAD),
        created_at=NOON,
    )
    return msgspec.structs.replace(first, **other)


def entries(catalog: Catalog) -> list[dict[str, Any]]:
    """The whole journal."""
    with catalog.database.reading() as connection:
        rows = connection.execute(select(journal).order_by(journal.c.serial)).all()
    return [row._asdict() for row in rows]


def newest(catalog: Catalog) -> int:
    with catalog.database.reading() as connection:
        return connection.execute(select(func.max(journal.c.serial))).scalar() or 0
