"""Pages and files of a bundle before anything shows them, and the one step that does.

They are laid down some at a time, each time in a short transaction: who else writes waits for no
more than that. What a run leaves behind that was cut off is cleared away by the next.
"""

from asyncio import CancelledError
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from threading import Event
from typing import Any
from uuid import uuid4

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Connection,
    Table,
    bindparam,
    delete,
    exists,
    func,
    insert,
    literal,
    select,
    tuple_,
)

from cloche.catalog.database import Database
from cloche.catalog.journal import encoded
from cloche.catalog.pages import drop, hold, lay, packed, shown
from cloche.catalog.recalls import settle, tell
from cloche.catalog.schema import (
    Instant,
    arriving,
    arriving_files,
    documents,
    held,
    journal,
    pages,
    recalls,
)
from cloche.core.bundles import BASE, MAX_FILES, Entry, Member, page
from cloche.core.errors import BadBundle
from cloche.core.journal import Change
from cloche.core.model import Held, Page, ProjectName
from cloche.core.negotiation import Format
from cloche.core.policy import FOREVER
from cloche.core.recalls import Recall, distributions, vanished, yanked
from cloche.core.wire import read_page
from cloche.ports import Document, Kept

PROJECTS = 50  # laid down in one transaction
ROWS = 500  # cleared away in one
_SERVER = "cloche"  # in the journal: nobody asked for it

_Given = tuple[Entry, bytes | None]
_Place = tuple[str, str]  # key and filename


@dataclass(frozen=True, slots=True)
class _Fate:
    """What the next page of a project means for its files that are kept."""

    project: ProjectName
    gone: Sequence[Recall]
    yanked: Sequence[Recall]


@dataclass(slots=True)
class Arrival:
    """One bundle on its way to one upstream. It blocks."""

    database: Database
    upstream: str
    at: datetime
    run: str = field(default_factory=lambda: uuid4().hex)
    pages: int = 0  # laid down
    files: int = 0
    gone: list[ProjectName] = field(default_factory=list)
    _moved: list[Held] = field(default_factory=list)  # kept already, as something else
    _fates: list[_Fate] = field(default_factory=list)
    _stopped: Event = field(default_factory=Event)

    def stop(self) -> None:
        """From another thread: lay no more down. What is being shown by then will be."""
        self._stopped.set()

    def lay(self, given: Iterator[_Given]) -> None:
        """Lay all of it down, unless it is stopped: then raise CancelledError.

        Raise BadBundle when it supposes a page that is not here.
        """
        with self.database.reading() as connection:
            here = current(connection, self.upstream)
        while batch := list(islice(given, PROJECTS)):
            self._lay(batch, here)
            if self._stopped.is_set():
                raise CancelledError
        self.gone = [ProjectName(name) for name in here]
        for names in _some(self.gone, PROJECTS):
            with self.database.reading() as connection:
                for project in names:
                    self._foresee(connection, project, None, ())

    def _lay(self, batch: Sequence[_Given], here: dict[str, str]) -> None:
        changed: list[dict[str, Any]] = []
        files: dict[_Place, Held] = {}
        with self.database.reading() as connection:
            for entry, body in batch:
                changes = _changes(entry, body, here.pop(entry.project, None))
                new = [_held(self.upstream, entry, each, self.at) for each in entry.files]
                if changes or body is not None:
                    files.update({(each.key, each.filename): each for each in new})
                if changes and body is not None:
                    self._foresee(connection, entry.project, page(entry, body), new)
                    changed.append(_document(self.upstream, entry, body, self.at))
            rows = self._unknown(connection, files)
        with self.database.appending() as connection:
            self._put(connection, changed, rows)

    def _foresee(
        self,
        connection: Connection,
        project: ProjectName,
        after: Page | None,
        new: Sequence[Held],
    ) -> None:
        """Work out before the switch what it will mean."""
        name = {"of_upstream": self.upstream, "of_project": project}
        rows = [Held(**row._asdict()) for row in connection.execute(_FILES, name)]
        if not rows:
            return
        known = {(each.key, each.filename) for each in rows}
        rows += [each for each in new if (each.key, each.filename) not in known]
        kept, before = distributions(rows), _before(connection, self.upstream, project)
        gone = list(vanished(before, after, kept))
        taken = list(yanked(before, after, kept))
        if gone or taken or connection.execute(_RECALLED, name).scalar():
            self._fates.append(_Fate(project, gone, taken))

    def _unknown(
        self, connection: Connection, files: Mapping[_Place, Held]
    ) -> list[dict[str, Any]]:
        """Rows for the files that are not kept yet."""
        known: dict[_Place, Any] = {}
        for some in _some(sorted({key for key, _ in files}), ROWS):
            asked = {"upstream": self.upstream, "run": self.run, "keys": some}
            for query in (_KNOWN, _LAID):
                rows = connection.execute(query, asked)
                known |= {(row.key, row.filename): row for row in rows}
        for place, row in known.items():
            one = files.get(place)
            if one is not None and (row.digest, row.project) != (one.digest, one.project):
                self._moved.append(one)
        return [_laid(self.run, each) for place, each in files.items() if place not in known]

    def _put(
        self, connection: Connection, changed: Sequence[dict[str, Any]], rows: Sequence[Any]
    ) -> None:
        if rows:
            connection.execute(insert(arriving_files), rows)
        for each in changed:
            laid = lay(connection, each["document"])
            row = {
                "run": self.run,
                "project": each["project"],
                "upstream": self.upstream,
                "document": laid.number,
                "made": laid.made,
                "etag": each["etag"],
                "detail": encoded({"content": laid.content}),
            }
            connection.execute(insert(arriving), row)
        self.pages, self.files = self.pages + len(changed), self.files + len(rows)

    def show(self, connection: Connection) -> None:
        """Show all of it, in the caller's transaction. Raise BadBundle if it is there no more."""
        mine = {"run": self.run}
        counts = tuple(connection.execute(query, mine).scalar_one() for query in _COUNTS)
        if counts != (self.pages, self.files):
            raise BadBundle(f"another process applies a bundle to {self.upstream}; run it again")
        connection.execute(_HOLD, {**mine, "at": self.at})
        for one in self._moved:
            hold(connection, one)
        for fate in self._fates:
            settle(connection, self.upstream, fate.project, fate.gone, self.at)
            tell(connection, fate.yanked, self.at)
        for project in self.gone:
            drop(connection, self.upstream, project, self.at)
        self._turn(connection)

    def _turn(self, connection: Connection) -> None:
        """Each page is the one that was laid down, by a journal entry of its own."""
        before = connection.execute(_NEWEST).scalar() or 0
        asked = {"run": self.run, "upstream": self.upstream, "at": self.at, "before": before}
        connection.execute(_JOURNAL, asked)
        connection.execute(_TAKE_DOWN, asked)
        connection.execute(_PUT_UP, {**asked, "fresh_until": FOREVER})
        connection.execute(_SHOWN, asked)


def clear(database: Database, upstream: str) -> None:
    """Clear away what runs have laid down that nothing shows."""
    asked = {"upstream": upstream}
    while True:
        with database.appending() as connection:
            rows = connection.execute(_LEFT, asked).all()
            made = [{"id": row.document} for row in rows if row.made]
            if made:
                connection.execute(_FORGET, made)
            if rows:
                named = [{"of_run": row.run, "of_project": row.project} for row in rows]
                connection.execute(_CLEAR, named)
            files = connection.execute(_CLEAR_FILES, asked).rowcount
        if not rows and not files:
            return


def _changes(entry: Entry, body: bytes | None, before: str | None) -> bool:
    """Whether the page is another one than is shown. Raise BadBundle when it is not here."""
    changes = before != _etag(entry)
    if changes and body is None:
        raise BadBundle(
            f"the bundle supposes a page of {entry.project} to be here that is not; apply the one "
            "before it again, or a whole one"
        )
    return changes


def _etag(entry: Entry) -> str:
    return f'"{entry.sha256}"'


def _document(upstream: str, entry: Entry, body: bytes, at: datetime) -> dict[str, Any]:
    kept = Kept(
        document=Document(body=body, content_type=Format.JSON, url=f"{BASE}{entry.project}/"),
        serial=0,
        etag=_etag(entry),
        first_seen=at,
        checked_at=at,
        fresh_until=FOREVER,
    )
    document = packed(upstream, entry.project, kept)
    return {"project": entry.project, "etag": kept.etag, "document": document}


def _before(connection: Connection, upstream: str, project: ProjectName) -> Page | None:
    kept = shown(connection, upstream, project)
    if kept is None:
        return None
    said = kept.document
    return read_page(project, said.body, said.content_type, said.url, max_files=MAX_FILES)


def _held(upstream: str, entry: Entry, member: Member, at: datetime) -> Held:
    return Held(
        upstream=upstream,
        project=entry.project,
        filename=member.filename,
        key=member.key,
        digest=member.sha256,
        size=member.size,
        at=at,
    )


def _laid(run: str, one: Held) -> dict[str, Any]:
    return {
        "run": run,
        "key": one.key,
        "filename": one.filename,
        "upstream": one.upstream,
        "project": one.project,
        "digest": one.digest,
        "size": one.size,
    }


def current(connection: Connection, upstream: str) -> dict[str, str]:
    """The projects that are shown, and which page of each."""
    rows = connection.execute(_CURRENT, {"of_upstream": upstream})
    return {row.project: row.etag or "" for row in rows}


def _some(all_: Sequence[Any], most: int) -> Iterator[Sequence[Any]]:
    for start in range(0, len(all_), most):
        yield all_[start : start + most]


# Statements are made once: making one takes 60 µs, executing it 20.


def _of(table: Table, *columns: str) -> list[ColumnElement[bool]]:
    return [table.c[column] == bindparam(f"of_{column}") for column in columns]


_CURRENT = select(pages.c.project, pages.c.etag).where(
    *_of(pages, "upstream"), pages.c.document.is_not(None)
)
_FILES = select(held).where(*_of(held, "upstream", "project"))
_RECALLED = select(exists().where(*_of(recalls, "upstream", "project")))
_KEYS: BindParameter[Any] = bindparam("keys", expanding=True)
_COLUMNS = ("key", "filename", "project", "digest")
_KNOWN = select(*(held.c[name] for name in _COLUMNS)).where(
    held.c.upstream == bindparam("upstream"), held.c.key.in_(_KEYS)
)
_MINE = arriving.c.run == bindparam("run")
_MY_FILES = arriving_files.c.run == bindparam("run")
_LAID = select(*(arriving_files.c[name] for name in _COLUMNS)).where(
    _MY_FILES, arriving_files.c.key.in_(_KEYS)
)
_COUNTS = (
    select(func.count()).select_from(arriving).where(_MINE),
    select(func.count()).select_from(arriving_files).where(_MY_FILES),
)
_AT = bindparam("at", type_=Instant())
_HELD = ("upstream", "key", "filename", "project", "digest", "size")
_HOLD = insert(held).from_select(
    [*_HELD, "at"], select(*(arriving_files.c[name] for name in _HELD), _AT).where(_MY_FILES)
)
_NEWEST = select(func.max(journal.c.serial))
_JOURNAL = insert(journal).from_select(
    ["at", "who", "action", "place", "project", "detail"],
    select(
        _AT,
        literal(_SERVER),
        literal(Change.PAGE_CHANGED.value),
        arriving.c.upstream,
        arriving.c.project,
        arriving.c.detail,
    )
    .where(_MINE)
    .order_by(arriving.c.project),
)
_TAKE_DOWN = delete(pages).where(
    pages.c.upstream == bindparam("upstream"),
    pages.c.project.in_(select(arriving.c.project).where(_MINE)),
)
_SERIAL = (
    select(func.max(journal.c.serial))
    .where(
        journal.c.place == bindparam("upstream"),
        journal.c.project == arriving.c.project,
        journal.c.version.is_(None),
        journal.c.serial > bindparam("before"),
    )
    .correlate(arriving)
    .scalar_subquery()
)
_PUT_UP = insert(pages).from_select(
    ["upstream", "project", "document", "serial", "etag", "checked_at", "fresh_until"],
    select(
        arriving.c.upstream,
        arriving.c.project,
        arriving.c.document,
        _SERIAL,
        arriving.c.etag,
        _AT,
        bindparam("fresh_until", type_=Instant()),
    ).where(_MINE),
)
_SHOWN = delete(arriving).where(_MINE)
_LEFT = (
    select(arriving.c.run, arriving.c.project, arriving.c.document, arriving.c.made)
    .where(arriving.c.upstream == bindparam("upstream"))
    .limit(ROWS)
)
_FORGET = delete(documents).where(documents.c.id == bindparam("id"))
_CLEAR = delete(arriving).where(*_of(arriving, "run", "project"))
_NAMED = tuple_(arriving_files.c.run, arriving_files.c.key, arriving_files.c.filename)
_CLEAR_FILES = delete(arriving_files).where(
    _NAMED.in_(
        select(arriving_files.c.run, arriving_files.c.key, arriving_files.c.filename)
        .where(arriving_files.c.upstream == bindparam("upstream"))
        .limit(ROWS)
    )
)
