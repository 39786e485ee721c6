"""What the rest of the server must not throw away, and whether the database is well."""

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice

from sqlalchemy import Connection, func, or_, select, union

from cloche.catalog.address import shown
from cloche.catalog.database import Database
from cloche.catalog.engine import is_sqlite
from cloche.catalog.revisions import stored
from cloche.catalog.schema import REVISION, documentation, held, uploads
from cloche.catalog.snapshots import PINNED
from cloche.core.errors import StorageDown
from cloche.core.model import Digest

_BATCH = 500  # digests in one query: SQLite takes 32,766 values, older ones 999


@dataclass(frozen=True, slots=True)
class SqlUpkeep:
    database: Database

    async def referenced(self, digests: Iterable[Digest]) -> set[Digest]:
        return await self.database.to_reader(self._referenced, digests)

    async def check(self) -> None:
        await self.database.to_reader(self._check)

    def _referenced(self, digests: Iterable[Digest]) -> set[Digest]:
        needed: set[Digest] = set()
        for batch in _batches(digests):
            with self.database.reading() as connection:
                needed |= _needed(connection, batch)
        return needed

    def _check(self) -> None:
        with self.database.reading() as connection:
            found = stored(connection)
            writable = self._writable(connection)
        if found != REVISION:
            raise StorageDown(
                f"the database {self._shown} has the revision {found} in place of {REVISION}; "
                "restart cloche, all of its nodes in the same release"
            )
        if not writable:
            raise StorageDown(
                f"the database {self._shown} cannot be written to; put the file back with its "
                "permissions, or point cloche at the PostgreSQL server that is no standby"
            )

    def _writable(self, connection: Connection) -> bool:
        if is_sqlite(self.database.engine):
            # An open connection goes on with a deleted file, until nothing is left at its end.
            return os.access(str(self.database.engine.url.database), os.W_OK)
        state = connection.execute(select(func.current_setting("transaction_read_only")))
        return state.scalar() == "off"

    @property
    def _shown(self) -> str:
        return shown(self.database.engine.url)


def _batches(digests: Iterable[Digest]) -> Iterator[list[Digest]]:
    remaining = iter(digests)
    while batch := list(islice(remaining, _BATCH)):
        yield batch


def _needed(connection: Connection, batch: list[Digest]) -> set[Digest]:
    """Those of `batch` that an upload, documentation or a held file needs.

    A deleted upload needs them where it was there at the moment of a snapshot.
    """
    kept = or_(uploads.c.deleted_at.is_(None), PINNED)
    blobs = (uploads.c.digest, uploads.c.metadata, uploads.c.signature, uploads.c.provenance)
    query = union(
        *(select(blob).where(blob.in_(batch), kept) for blob in blobs),
        select(documentation.c.digest).where(documentation.c.digest.in_(batch)),
        select(held.c.digest).where(held.c.digest.in_(batch)),
    )
    return set(map(Digest, connection.execute(query).scalars()))
