"""What an index had of a project, and said of it, at a moment: its journal, played again."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from cloche.core.journal import Change
from cloche.core.marks import Marks, Yank
from cloche.core.model import Status

MARK = "mark"
"""Key in the detail of a yank's entry which is a mark over a source's files: what it says."""

YANKED, NOT_YANKED, NOTHING = "yanked", "not yanked", "nothing"


class Said(Struct, frozen=True, kw_only=True):
    """What an entry says, besides its index and project."""

    serial: int
    at: datetime
    who: str
    action: str
    version: str | None
    filename: str | None
    detail: dict[str, Any]


class Live(Struct, frozen=True, kw_only=True):
    """An upload that was not deleted; who brought it where it was first, and when."""

    filename: str
    version: str | None
    serial: int
    at: datetime
    who: str
    yanked: bool = False
    reason: str = ""


class Standing(Struct, frozen=True, kw_only=True):
    """`uploads` is None where there never was one, in the order of their upload otherwise."""

    uploads: tuple[Live, ...] | None
    marks: Marks
    serial: int


def mark_of(yanked: bool | None) -> str:  # noqa: FBT001 - what a mark says
    """How the journal says it; None: nothing is said any more."""
    return NOTHING if yanked is None else YANKED if yanked else NOT_YANKED


def replayed(entries: Iterable[Said]) -> Standing:
    """Play the entries of one project of one index, the oldest first."""
    stage = _Stage()
    for said in entries:
        stage.play(said)
    uploads = None if stage.live is None else tuple(stage.live.values())
    return Standing(
        uploads=uploads,
        marks=Marks(status=stage.status, reason=stage.reason, yanks=tuple(stage.yanks.values())),
        serial=stage.serial,
    )


class _Stage:
    def __init__(self) -> None:
        self.live: dict[str, Live] | None = None
        self.yanks: dict[tuple[str, str], Yank] = {}
        self.status: Status | None = None
        self.reason = ""
        self.serial = 0

    def play(self, said: Said) -> None:
        self.serial = said.serial
        match said.action:
            case Change.FILE_UPLOADED:
                self._upload(said)
            case Change.FILE_DELETED:
                (self.live or {}).pop(said.filename or "", None)
            case Change.FILE_YANKED | Change.VERSION_YANKED:
                self._yank(said, yanked=True)
            case Change.FILE_UNYANKED | Change.VERSION_UNYANKED:
                self._yank(said, yanked=False)
            case Change.STATUS_CHANGED | Change.STATUS_REMOVED:
                status = said.detail.get("status")
                self.status = Status(status) if status else None
                self.reason = said.detail.get("reason", "") if status else ""

    def _upload(self, said: Said) -> None:
        live = self.live = {} if self.live is None else self.live
        beside = [each for each in live.values() if each.version == said.version]
        # A file that joins a version of which all is yanked is yanked like the rest of it.
        joins = bool(beside) and all(each.yanked for each in beside)
        reason = said.detail.get(YANKED, beside[-1].reason if joins else "")
        name = said.filename or ""
        live[name] = Live(
            filename=name,
            version=said.version,
            serial=said.serial,
            at=datetime.fromisoformat(said.detail.get("uploaded", said.at.isoformat())),
            who=said.detail.get("uploaded_by", said.who),
            yanked=joins or YANKED in said.detail,
            reason=reason,
        )

    def _yank(self, said: Said, *, yanked: bool) -> None:
        if MARK in said.detail or not self.live:
            self._mark(said, said.detail.get(MARK, YANKED if yanked else NOTHING))
            return
        reason = said.detail.get("reason", "") if yanked else ""
        for name, each in self.live.items():
            if name == said.filename if said.filename else each.version == said.version:
                self.live[name] = replace(each, yanked=yanked, reason=reason)

    def _mark(self, said: Said, word: str) -> None:
        version, filename = said.version or "", said.filename or ""
        self.yanks = {
            (of, name): each
            for (of, name), each in self.yanks.items()
            if (name != filename if filename else of != version)
        }
        if word != NOTHING:
            self.yanks[version, filename] = Yank(
                version=version,
                filename=filename,
                yanked=word == YANKED,
                reason=said.detail.get("reason", ""),
            )
