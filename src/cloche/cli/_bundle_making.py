"""Making a bundle, step by step, told as it goes."""

import hashlib
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from cloche.app.opening import this_platform
from cloche.app.services import Services, opened
from cloche.bundles.archive import Archive
from cloche.bundles.keys import Signer
from cloche.bundles.parts import found
from cloche.bundles.writing import Bench, Output, keep_head
from cloche.cli._bundle_told import Made, made
from cloche.cli._progress import Amount, Report
from cloche.config import Settings
from cloche.core import bundles
from cloche.core.bundles import Entry, Member
from cloche.core.choosing import Rules
from cloche.core.errors import BadSetting, Error, NoSuchBlob, NoSuchFile, NoSuchProject
from cloche.core.targets import targets
from cloche.core.wants import Wants
from cloche.service.pack import Lacked, Packed, Passed, Selection
from cloche.service.past import Past

HEADS = "bundles"
"""The folder, in the data folder, of what earlier bundles said."""

MAX_MARK = 1 << 16


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be made."""

    settings: Settings
    index: str
    as_of: str | None
    base: Archive | None
    wants: Wants | None
    signer: Signer | None

    def asked(self, split: int | None) -> bytes:
        """By which it is known that an interrupted run was for the same."""
        wants = hashlib.sha256(repr(self.wants).encode()).hexdigest() if self.wants else None
        said = {
            "index": self.index,
            "as_of": self.as_of,
            "base": self.base.identity if self.base else None,
            "wants": wants,
            "split": split,
            "key": self.signer.public if self.signer else None,
        }
        return msgspec.json.encode(said)

    @property
    def selection(self) -> Selection | None:
        if self.wants is None:
            return None
        # Who carries a version over carries all of it: the other side has other platforms, too.
        rules = Rules(targets=targets(this_platform()), everything=True)
        return Selection.of(self.wants.wants, rules)


def base_of(said: str, settings: Settings) -> Archive:
    """The earlier bundle that is meant: by itself, by a mark, or by its name.

    Raise BadSetting when it is not known here.
    """
    heads, path = settings.data / HEADS, Path(said)
    known = heads / said
    try:
        if len(said) == 2 * hashlib.sha256().digest_size and known.exists():
            return Archive([known])
        paths = found([path])
        with paths[0].open("rb") as file:
            start = file.read(MAX_MARK)
        if not start.lstrip().startswith(b"{"):
            return Archive(paths)
        known = heads / bundles.mark(start).bundle
        return Archive(found([known]))
    except OSError as e:
        raise BadSetting(
            f"{said} cannot be read ({e.strerror}); name another with --since"
        ) from None
    except BadSetting:
        if known.parent == heads and not known.exists() and path.exists():
            raise BadSetting(
                f"the bundle {known.name[:12]} was not made with this data folder; give the bundle "
                "itself with --since, or make a whole one"
            ) from None
        raise


async def make(order: Order, bench: Bench, report: Report) -> tuple[Made, list[Lacked]]:
    """Make the bundle, or go on with it where an earlier run was interrupted."""
    async with opened(order.settings, patience=0) as services:
        if not bench.planned:
            await _plan(services, order, bench, report)
        if not bench.written:
            await _write(services, bench, report)
    lacked = msgspec.json.decode(bench.lacked, type=list[Lacked])
    paths = bench.publish()
    archive = Archive(paths)
    keep_head(archive, paths, order.settings.data / HEADS)
    return made(archive, paths), lacked


async def _plan(services: Services, order: Order, bench: Bench, report: Report) -> None:
    selection = order.selection
    if selection is not None and order.as_of is None:
        await _look(services, order.index, selection)
    past = await services.times.at(order.index, order.as_of or datetime.now(UTC).isoformat())
    _check_later(order, past)
    lacked: list[Lacked] = []
    base = order.base.entries() if order.base else iter(())
    with closing(bench.draft()) as draft:
        async for each in services.pack.of(order.index, past, selection, base):
            entry = _draft(each, lacked, report)
            if entry is not None:
                draft.add(*entry)
        origin = bundles.Origin(index=order.index, serial=past.moment.serial, at=past.moment.at)
        if draft.empty:
            # Applied, it would take away all that the other side has.
            why = lacked[0].why if lacked else "it shows no project"
            raise NoSuchProject(f"there is nothing of index {order.index} to carry: {why}")
        bench.note(msgspec.json.encode(lacked))
        draft.finish(origin, order.base.identity if order.base else None, order.signer)


def _draft(
    each: Packed | Passed, lacked: list[Lacked], report: Report
) -> tuple[Entry, bytes | None] | None:
    """The manifest's line, and the page if it is to go along."""
    lacked += each.lacked if isinstance(each, Packed) else (each.lacked,)
    entry = each.entry
    if entry is None:
        return None
    size = sum(member.size for member in bundles.here(entry))
    files = sum(1 for _ in bundles.here(entry))
    report.expect(Amount(projects=1, files=files, size=size))
    report.done(Amount(projects=1))
    return entry, each.body if isinstance(each, Packed) and each.news else None


async def _look(services: Services, index: str, selection: Selection) -> None:
    """Have the pages kept of what is wanted, as the past knows nothing that nobody looked at."""
    for project in selection.wants:
        try:
            await services.shelf.get(index, project)
        except Error:
            continue  # it is told when it is looked for
    for cached in services.cached.values():
        for project in selection.wants:
            await cached.keeps(project)


def _check_later(order: Order, past: Past) -> None:
    before = order.base.header if order.base else None
    if before is not None and (before.index != order.index or before.at > past.moment.at):
        raise BadSetting(
            f"the bundle to stand on is of index {before.index} at {before.at:%Y-%m-%d %H:%M:%S} "
            "UTC; make one of the same index, and of a later moment"
        )


async def _write(services: Services, bench: Bench, report: Report) -> None:
    plan, output = bench.plan, bench.output()
    try:
        output.begin(plan)
        for entry in plan.entries():
            for member in bundles.here(entry):
                await _write_file(services, output, entry, member)
                report.done(Amount(files=1, size=member.size))
        output.finish()
    except (NoSuchBlob, NoSuchFile) as e:
        bench.forget()
        raise NoSuchFile(f"{e}; what was planned has changed meanwhile, run it again") from None
    finally:
        output.close()


async def _write_file(services: Services, output: Output, entry: Entry, member: Member) -> None:
    head = bundles.head(bundles.file_name(entry, member), member.size)
    if output.has(member, head):
        return
    output.write(head)
    seen = hashlib.sha256()
    async for chunk in services.pack.blobs.read(member.sha256, 0, member.size):
        seen.update(chunk)
        output.write(chunk)
    if seen.hexdigest() != member.sha256:
        raise NoSuchFile(f"the bytes of {member.filename} are damaged in the blob store")
    output.write(bytes(bundles.padding(member.size)))
