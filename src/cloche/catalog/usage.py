"""What of the upstreams' files is used, and what may go."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any

from sqlalchemy import (
    BindParameter,
    Connection,
    and_,
    bindparam,
    case,
    delete,
    exists,
    func,
    insert,
    literal,
    or_,
    select,
    update,
)

from cloche.catalog.database import Database
from cloche.catalog.journal import record
from cloche.catalog.schema import Instant, held, journal, pages, reading, recalls, uploads, uses
from cloche.core.journal import Change
from cloche.core.model import BESIDE, Digest, Held
from cloche.ports.usage import Idle

AT_ONCE = 400  # values of one statement: SQLite takes some thousand

_ACCESSES = "accesses"
_SERVER = "cloche"


@dataclass(frozen=True, slots=True)
class SqlUsage:
    database: Database

    async def total(self) -> int:
        return await self.database.to_reader(self._total)

    async def oldest(
        self, after: Idle | None, before: datetime, most: int, spared: Collection[str]
    ) -> Sequence[Idle]:
        return await self.database.to_reader(self._oldest, after, before, most, spared)

    async def files(self, digest: Digest) -> Sequence[Held]:
        return await self.database.to_reader(self._files, digest)

    async def evict(
        self, files: Sequence[Held], before: datetime, now: datetime, why: str
    ) -> list[Held]:
        return await self.database.to_writer(self._evict, files, before, now, why)

    async def read(self) -> int:
        return await self.database.to_reader(self._read)

    async def used(self, last: Mapping[Digest, datetime], read: int) -> None:
        await self.database.to_writer(self._used, last, read)

    async def last(self, digests: Sequence[Digest]) -> dict[Digest, datetime]:
        return await self.database.to_reader(self._last, digests)

    def _last(self, digests: Sequence[Digest]) -> dict[Digest, datetime]:
        found: dict[Digest, datetime] = {}
        with self.database.reading() as connection:
            for batch in _batches(digests):
                rows = connection.execute(_USES, {"digests": batch})
                found |= {Digest(row.digest): row.at for row in rows}
        return found

    def _total(self) -> int:
        with self.database.reading() as connection:
            return int(connection.execute(_TOTAL).scalar() or 0)

    def _oldest(
        self, after: Idle | None, before: datetime, most: int, spared: Collection[str]
    ) -> list[Idle]:
        asked: dict[str, Any] = {"before": before, "most": most, "spared": list(spared)}
        query = _OLDEST
        if after is not None:
            query = _OLDER
            asked |= {"beside": int(after.beside), "used": after.used, "digest": after.digest}
        with self.database.reading() as connection:
            rows = connection.execute(query, asked).all()
        return [
            Idle(digest=row.digest, size=row.size, used=row.used, beside=bool(row.beside))
            for row in rows
        ]

    def _files(self, digest: Digest) -> list[Held]:
        with self.database.reading() as connection:
            rows = connection.execute(_FILES, {"digest": digest})
            return [Held(**row._asdict()) for row in rows]

    def _evict(
        self, files: Sequence[Held], before: datetime, now: datetime, why: str
    ) -> list[Held]:
        with self.database.writing(lasting=False) as connection:
            return [each for each in files if _gone(connection, each, before, now, why)]

    def _read(self) -> int:
        with self.database.reading() as connection:
            return connection.execute(_POSITION, {"of": _ACCESSES}).scalar() or 0

    def _used(self, last: Mapping[Digest, datetime], read: int) -> None:
        with self.database.writing(lasting=False) as connection:
            for batch in _batches(last):
                known = connection.execute(_USES, {"digests": batch}).all()
                newer = {row.digest: max(row.at, last[Digest(row.digest)]) for row in known}
                connection.execute(_FORGET, {"digests": batch})
                rows = [{"digest": each, "at": newer.get(each, last[each])} for each in batch]
                connection.execute(insert(uses), rows)
            connection.execute(_PRUNE)
            if connection.execute(_MOVE, {"of": _ACCESSES, "to": read}).rowcount == 0:
                connection.execute(insert(reading), {"name": _ACCESSES, "position": read})


def _gone(connection: Connection, one: Held, before: datetime, now: datetime, why: str) -> bool:
    same = {"upstream": one.upstream, "key": one.key, "filename": one.filename}
    same |= {"digest": one.digest}
    if connection.execute(_EVICT, {**same, "before": before}).rowcount == 0:
        return False
    about = {"place": one.upstream, "project": one.project}
    if connection.execute(_LEARNED, {**about, "filename": one.filename}).scalar():
        serial = record(
            connection,
            Change.FILE_EVICTED,
            at=now,
            who=_SERVER,
            detail={"key": one.key, "sha256": one.digest, "reason": why},
            filename=one.filename,
            **about,
        )
        named = {f"of_{key}": value for key, value in about.items()}
        connection.execute(_TOLD, {**named, "to": serial})
    return True


def _batches(items: Iterable[Digest]) -> Iterator[list[Digest]]:
    remaining = iter(items)
    while batch := list(islice(remaining, AT_ONCE)):
        yield batch


# Statements are made once: making one takes 60 µs, executing it 20.

_OWN = exists().where(uploads.c.digest == held.c.digest)
_IS_BESIDE = or_(*(held.c.filename.like(f"%{end}") for end in BESIDE))
# What lies beside a distribution that is gone is gone with it.
_OF_RECALLED = or_(
    recalls.c.filename == held.c.filename,
    *(recalls.c.filename + end == held.c.filename for end in BESIDE),
)
_RECALLED = exists().where(
    recalls.c.upstream == held.c.upstream, recalls.c.key == held.c.key, _OF_RECALLED
)
_SPARED: BindParameter[Any] = bindparam("spared", expanding=True)
_LAST = case((uses.c.at > held.c.at, uses.c.at), else_=held.c.at)
_TOTAL = select(func.sum(select(func.max(held.c.size).label("size")).where(~_OWN)
    .group_by(held.c.digest).subquery().c.size))  # fmt: skip
_BLOBS = (
    select(
        held.c.digest.label("digest"),
        func.max(held.c.size).label("size"),
        func.max(_LAST, type_=Instant()).label("used"),
        func.min(case((_IS_BESIDE, 1), else_=0)).label("beside"),
        func.max(case((or_(held.c.upstream.in_(_SPARED), _RECALLED), 1), else_=0)).label("spared"),
    )
    .select_from(held.outerjoin(uses, uses.c.digest == held.c.digest))
    .where(~_OWN)
    .group_by(held.c.digest)
    .subquery("blobs")
)
_ORDER = (_BLOBS.c.beside, _BLOBS.c.used, _BLOBS.c.digest)
_OLDEST = (
    select(_BLOBS)
    .where(_BLOBS.c.spared == 0, _BLOBS.c.used < bindparam("before", type_=Instant()))
    .order_by(*_ORDER)
    .limit(bindparam("most"))
)
_BESIDE_AFTER: Any = bindparam("beside")
_USED_AFTER: Any = bindparam("used", type_=Instant())
_OLDER = _OLDEST.where(
    or_(
        _BLOBS.c.beside > _BESIDE_AFTER,
        and_(_BLOBS.c.beside == _BESIDE_AFTER, _BLOBS.c.used > _USED_AFTER),
        and_(
            _BLOBS.c.beside == _BESIDE_AFTER,
            _BLOBS.c.used == _USED_AFTER,
            _BLOBS.c.digest > bindparam("digest"),
        ),
    )
)
_FILES = select(held).where(held.c.digest == bindparam("digest"))
_RECENTLY = exists().where(uses.c.digest == held.c.digest, uses.c.at >= bindparam("before"))
_EVICT = delete(held).where(
    *(held.c[name] == bindparam(name) for name in ("upstream", "key", "filename", "digest")),
    held.c.at < bindparam("before", type_=Instant()),
    ~_RECENTLY,
)
_LEARNED = (
    select(literal(1))
    .where(
        *(journal.c[name] == bindparam(name) for name in ("place", "project", "filename")),
        journal.c.version.is_(None),
        journal.c.action == Change.FILE_LEARNED.value,
    )
    .limit(1)
)
_TOLD = (
    update(pages)
    .where(pages.c.upstream == bindparam("of_place"), pages.c.project == bindparam("of_project"))
    .values(serial=bindparam("to"))
)
_DIGESTS: BindParameter[Any] = bindparam("digests", expanding=True)
_USES = select(uses).where(uses.c.digest.in_(_DIGESTS))
_FORGET = delete(uses).where(uses.c.digest.in_(_DIGESTS))
_PRUNE = delete(uses).where(
    ~exists().where(held.c.digest == uses.c.digest),
    ~exists().where(uploads.c.digest == uses.c.digest),
)
_POSITION = select(reading.c.position).where(reading.c.name == bindparam("of"))
_MOVE = update(reading).where(reading.c.name == bindparam("of")).values(position=bindparam("to"))
