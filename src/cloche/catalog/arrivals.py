"""Uploads that were made elsewhere, entered with the time and the yank they had there."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from sqlalchemy import bindparam, select

from cloche.catalog.database import Database
from cloche.catalog.ledger import enter
from cloche.catalog.schema import uploads
from cloche.catalog.together import Together
from cloche.core.model import Upload
from cloche.ports import Bearer, Deed

_Entered = tuple[Upload, Deed, Mapping[str, Any]]


class SqlArrivals:
    def __init__(self, database: Database) -> None:
        self._database = database
        self._entering = Together(database, self._enter)

    async def bearer(self, index: str, filename: str) -> Bearer | None:
        return await self._database.to_reader(self._bearer, index, filename)

    async def enter(self, upload: Upload, deed: Deed, detail: Mapping[str, Any]) -> bool:
        return await self._entering((upload, deed, detail))

    def _bearer(self, index: str, filename: str) -> Bearer | None:
        asked = {"index": index, "filename": filename}
        with self._database.reading() as connection:
            row = connection.execute(_BEARER, asked).one_or_none()
        if row is None:
            return None
        return Bearer(
            digest=row.digest,
            size=row.size,
            hashes=msgspec.json.decode(row.hashes),
            uploaded_at=row.uploaded_at,
            deleted=row.deleted_at is not None,
        )

    def _enter(self, batch: Sequence[_Entered]) -> list[bool]:
        with self._database.writing() as connection:
            return [enter(connection, *each) for each in batch]


_BEARER = select(
    uploads.c.digest,
    uploads.c.size,
    uploads.c.hashes,
    uploads.c.uploaded_at,
    uploads.c.deleted_at,
).where(uploads.c.index_name == bindparam("index"), uploads.c.filename == bindparam("filename"))
