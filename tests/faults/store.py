"""What lies on the disks of a server, read without it: what is needed, what is litter."""

import asyncio
import hashlib
import os
import sqlite3
import time
from contextlib import closing
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from cloche.app.opening import open_blobs, open_catalog, utc_now
from cloche.app.services import compose
from cloche.config import load
from cloche.spool import Spool

DEADLINE = 60.0
NEEDED = """
    SELECT digest FROM uploads WHERE deleted_at IS NULL
    UNION SELECT metadata FROM uploads WHERE deleted_at IS NULL AND metadata IS NOT NULL
    UNION SELECT provenance FROM uploads WHERE deleted_at IS NULL AND provenance IS NOT NULL
    UNION SELECT digest FROM documentation
    UNION SELECT digest FROM held
"""


@dataclass(frozen=True, slots=True)
class Store:
    """Where a server keeps what. `config` says so to the server when it is not the usual."""

    data: Path
    database: Path
    blobs: Path
    config: Path | None = None

    @classmethod
    def usual(cls, data: Path) -> "Store":
        return cls(data, data / "cloche.db", data / "blobs")

    @property
    def accesses(self) -> Path:
        """The access journal, beside the database."""
        return self.database.with_stem(f"{self.database.stem}-access")

    def age(self) -> None:
        """Make what lies about in the blob store old: what is young may be another node's work."""
        for path in (self.blobs / "tmp").iterdir():
            os.utime(path, (0, 0))

    def sweep(self) -> None:
        """Sweep as the server does, but without sparing what is young."""
        asyncio.run(self._sweep())

    async def _sweep(self) -> None:
        settings = load(self.config, self.data, {}, environ={})
        catalog = open_catalog(settings)
        try:
            services = compose(
                settings,
                stored=catalog,
                blobs=open_blobs(settings),
                spool=Spool(settings.data / "spool"),
                remote={},
                clock=utc_now,
            )
            await services.sweep.run(timedelta(0))
        finally:
            await catalog.close()

    def swept(self) -> None:
        """Sweep while a server runs; fail if anything stays that nobody needs.

        The server may be about something at its start: it is given a moment to end that.
        """
        deadline = time.monotonic() + DEADLINE
        while True:
            self.sweep()
            found = self.litter()
            if not found:
                return
            assert time.monotonic() < deadline, found
            time.sleep(0.05)

    def litter(self) -> set[Path]:
        """Every file that is neither the databases' nor a blob that a row needs."""
        needed = {self._blob(digest) for digest in self._rows(NEEDED)}
        database = {
            one.with_name(one.name + end)
            for one in (self.database, self.accesses)
            for end in ("", "-wal", "-shm")
        }
        locks = {self.data / "spool" / "locked"}
        return (_files(self.data) | _files(self.blobs)) - needed - database - locks

    def unsound(self) -> list[str]:
        """What is wrong with the database, and with the blobs that its rows need."""
        found = [text for text in self._rows("PRAGMA integrity_check") if text != "ok"]
        found += [str(table) for table in self._rows("PRAGMA foreign_key_check")]
        return found + [f"blob {one}" for one in self._rows(NEEDED) if not self._is_right(one)]

    def _is_right(self, digest: str) -> bool:
        path = self._blob(digest)
        return path.exists() and hashlib.sha256(path.read_bytes()).hexdigest() == digest

    def _blob(self, digest: str) -> Path:
        return self.blobs / "sha256" / digest[:2] / digest

    def _rows(self, query: str) -> list[str]:
        with closing(sqlite3.connect(self.database)) as connection:
            return [row[0] for row in connection.execute(query)]


def _files(folder: Path) -> set[Path]:
    # A walk passes over what goes away meanwhile: a server may be at work in there.
    return {Path(where, name) for where, _, names in os.walk(folder) for name in names}
