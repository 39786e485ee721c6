"""Uploads that another index gets: all of a version together, or none."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, bindparam, select

from cloche.catalog.database import Database
from cloche.catalog.ledger import enter
from cloche.catalog.schema import uploads
from cloche.core.errors import NoSuchFile
from cloche.ports import Copy, Deed


@dataclass(frozen=True, slots=True)
class SqlPromotion:
    database: Database

    async def push(self, copies: Sequence[Copy], deed: Deed, *, dry: bool) -> list[str]:
        return await self.database.to_writer(self._push, copies, deed, dry=dry)

    def _push(self, copies: Sequence[Copy], deed: Deed, *, dry: bool) -> list[str]:
        with self.database.writing() as connection, connection.begin_nested() as trial:
            new = [
                copy.upload.filename
                # What is yanked last: a file that joins a version all yanked is yanked with it.
                for copy in sorted(copies, key=lambda each: each.upload.yanked)
                if _enter(connection, copy, deed)
            ]
            if dry:
                trial.rollback()
            return new


def _enter(connection: Connection, copy: Copy, deed: Deed) -> bool:
    upload = copy.upload
    if copy.hosted:
        asked = {"index": copy.source, "filename": upload.filename, "digest": upload.digest}
        if connection.execute(_THERE, asked).one_or_none() is None:
            raise NoSuchFile(f"{upload.filename} was deleted from index {copy.source} just now")
    detail: dict[str, Any] = {
        "from": copy.source,
        "reason": deed.reason,
        "uploaded": upload.uploaded_at.isoformat(),
        "uploaded_by": upload.uploaded_by,
    }
    if upload.first_index != copy.source:
        detail["first"] = upload.first_index
    return enter(connection, upload, deed, {key: value for key, value in detail.items() if value})


_THERE = select(uploads.c.serial).where(
    uploads.c.index_name == bindparam("index"),
    uploads.c.filename == bindparam("filename"),
    uploads.c.digest == bindparam("digest"),
    uploads.c.deleted_at.is_(None),
)
