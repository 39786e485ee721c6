"""Building wheels of what only comes as an sdist, and keeping them in an index of their own."""

import asyncio
import os
import shutil
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import mkdtemp
from typing import Literal

import msgspec
from msgspec import Struct

from cloche.core import building
from cloche.core.access import Action, Principal
from cloche.core.building import BUILT, Built, Interpreter, Pin, check_wheel, lacking
from cloche.core.errors import BadUpload, DigestMismatch, Error, FileExists, NoSuchProject
from cloche.core.index import Index
from cloche.core.marks import Part
from cloche.core.model import Digest, File
from cloche.core.targets import Targets, targets
from cloche.core.wants import Want
from cloche.ports import Builder, Clock, Guests, Lodging, Scratch, Spool
from cloche.service.builds import Builds
from cloche.service.going import Goods
from cloche.service.publish import Incoming, Publish
from cloche.service.shelf import Shelf
from cloche.service.view import View

CHUNK = 1 << 20

State = Literal["wheel", "wanted", "here", "built", "failed"]
"""The index has a wheel; one is to be built, was built before, has been built, could not be."""


class Step(Struct, frozen=True, kw_only=True):
    """What became of one version on one Python."""

    python: str  # such as 3.12
    what: str  # the version, or what is wrong with the requirements as a whole
    state: State
    filename: str = ""  # of the wheel, or of the sdist as long as there is none
    why: str = ""
    log: str = ""  # the file that has all of it


Tell = Callable[[Step], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What is to be had, from where and for whom."""

    wants: Sequence[Want]
    pythons: Sequence[Interpreter]
    platform: tuple[str, ...]  # tags
    source: str
    target: Index
    who: str
    jobs: int = 1
    dry: bool = False

    def targets(self, python: Interpreter) -> Targets:
        return targets(self.platform, pythons=[python.short], implementation=python.kind)


@dataclass(frozen=True, slots=True)
class _Job:
    order: Order
    python: Interpreter
    pin: Pin
    file: File

    @property
    def name(self) -> str:
        return f"{self.pin.project}-{self.pin.version}-{self.python.kind}{self.python.short}"

    def step(self, state: State, filename: str = "", why: str = "", log: str = "") -> Step:
        return Step(
            python=self.python.short,
            what=f"{self.pin.project}=={self.pin.version}",
            state=state,
            filename=filename or self.file.filename,
            why=why,
            log=log,
        )


@dataclass(frozen=True, slots=True)
class Wheelhouse:
    """One build of an sdist at a time on this node, whoever runs it."""

    view: View
    shelf: Shelf
    goods: Goods
    builds: Builds
    publish: Publish
    spool: Spool
    builder: Builder
    guests: Guests
    clock: Clock
    logs: Path

    async def run(self, order: Order, tell: Tell) -> None:
        """Build what is lacking, and tell of each version; what fails stops nothing else.

        Raise Forbidden when the target takes no uploads.
        """
        await self.publish.check_open(order.target)
        for python in order.pythons:
            try:
                pins = await self._pins(order, python)
            except Error as e:
                tell(Step(python=python.short, what="requirements", state="failed", why=e.detail))
                continue
            turns = asyncio.Semaphore(order.jobs)
            async with asyncio.TaskGroup() as group:
                for pin in pins:
                    group.create_task(self._in_turn(turns, order, python, pin, tell))

    async def _pins(self, order: Order, python: Interpreter) -> list[Pin]:
        async with self._lodged() as at:
            lines = building.wanted(order.wants)
            return await self.builder.resolve(lines, python, at)

    async def _in_turn(
        self, turns: asyncio.Semaphore, order: Order, python: Interpreter, pin: Pin, tell: Tell
    ) -> None:
        async with turns:
            what = f"{pin.project}=={pin.version}"
            try:
                tell(await self._one(order, python, pin))
            except Error as e:
                tell(Step(python=python.short, what=what, state="failed", why=e.detail))

    async def _one(self, order: Order, python: Interpreter, pin: Pin) -> Step:
        shown = await self.shelf.get(order.source, pin.project)
        file = lacking(shown.page, pin.version, order.targets(python))
        if file is None:
            what = f"{pin.project}=={pin.version}"
            return Step(python=python.short, what=what, state="wheel")
        job = _Job(order, python, pin, file)
        async with self.spool.lock(f"wheelhouse {order.target.name} {file.key}"):
            return await self._built(job)

    async def _built(self, job: _Job) -> Step:
        found = await self._before(job, job.file.sha256) if job.file.sha256 else None
        if found:
            return job.step("here", found)
        if job.order.dry:
            return job.step("wanted")
        part = Part(index=job.order.source, project=job.pin.project, version=job.pin.version)
        with self.spool.scratch() as sdist:
            await self.goods.fill(part, job.file, sdist)
            digest = _same(job, sdist)
            found = await self._before(job, digest)
            return job.step("here", found) if found else await self._made(job, sdist)

    async def _before(self, job: _Job, sdist: Digest) -> str | None:
        """The wheel that was built of the same bytes before, is there still, and runs there."""
        index, project = job.order.target.name, job.pin.project
        try:
            there = {each.filename for each in await self.view.ledger.files(index, project)}
        except NoSuchProject:
            return None
        runs = job.order.targets(job.python).runs
        built = await self.builds.of(index, project)
        same = (name for name, each in built.items() if each.sdist_sha256 == sdist)
        return next((name for name in same if name in there and runs(name)), None)

    async def _made(self, job: _Job, sdist: Scratch) -> Step:
        async with self._lodged() as at:
            path = at.folder / job.file.filename
            await asyncio.to_thread(shutil.copyfile, sdist.spooled.path, path)
            began = self.clock()
            ran = await self.builder.build(path, job.python, at)
            log = await asyncio.to_thread(self._keep, job, sdist.spooled.digest, ran.log)
            if ran.failure is not None or len(ran.wheels) != 1:
                cause = ran.failure or f"{len(ran.wheels)} wheels in place of one"
                why = f"{cause}; its log ends with\n{building.tail(ran.log)}"
                return job.step("failed", why=why, log=log)
            built = Built(
                sdist=job.file.filename,
                sdist_sha256=sdist.spooled.digest,
                source=job.order.source,
                builder=await self.builder.name(job.python),
                python=f"{job.python.implementation} {job.python.version}",
                platform=job.python.platform,
                began=began,
                ended=self.clock(),
                requires=tuple(sorted(self.guests.given(at))),
            )
            return await self._outcome(job, ran.wheels[0], built, log)

    async def _outcome(self, job: _Job, wheel: Path, built: Built, log: str) -> Step:
        try:
            await self._published(job, wheel, built)
        except FileExists as e:  # another node may have been first
            there = await self._before(job, built.sdist_sha256)
            if there:
                return job.step("here", there, log=log)
            return job.step("failed", wheel.name, e.detail, log)
        except Error as e:
            return job.step("failed", wheel.name, e.detail, log)
        return job.step("built", wheel.name, log=log)

    async def _published(self, job: _Job, wheel: Path, built: Built) -> None:
        """Take the wheel as any upload is taken. Raise as `Publish.publish` does."""
        target = job.order.target
        check_wheel(wheel.name, job.pin, job.order.targets(job.python))
        who = Principal(name=job.order.who, indexes=(target.name,), can=(Action.UPLOAD,))
        incoming = Incoming(filename=wheel.name, fields={":action": ["file_upload"]})
        with self.spool.scratch() as content:
            await _copied(wheel, content)
            detail = {BUILT: msgspec.to_builtins(built)}
            await self.publish.publish(target, who, incoming, content, detail)

    def _keep(self, job: _Job, sdist: Digest, said: str) -> str:
        self.logs.mkdir(parents=True, exist_ok=True)
        path = self.logs / f"{job.name}-{sdist[:12]}.log"
        path.write_text(said, encoding="utf-8")
        return str(path)

    @asynccontextmanager
    async def _lodged(self) -> AsyncIterator[Lodging]:
        folder = Path(await asyncio.to_thread(mkdtemp, prefix="cloche-wheelhouse-"))
        try:
            yield self.guests.lodging(folder)
        finally:
            await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)


def _same(job: _Job, sdist: Scratch) -> Digest:
    """Hold the sdist against those that a lock file names. Raise DigestMismatch."""
    digest = sdist.spooled.digest
    named = [
        dict(each.hashes).get("sha256")
        for want in job.order.wants
        if want.project == job.pin.project
        for each in want.files
    ]
    if named and digest not in named:
        raise DigestMismatch(
            f"{job.file.filename} has sha256 {digest}, which is none of those asked for; lock anew"
        )
    return digest


async def _copied(wheel: Path, content: Scratch) -> None:
    """Raise BadUpload when it is no file of its own."""
    try:
        handle = await asyncio.to_thread(os.open, wheel, os.O_RDONLY | os.O_NOFOLLOW)
    except OSError as e:
        raise BadUpload(
            [f"{wheel.name} cannot be read ({e.strerror}); a build makes a file"]
        ) from None
    with open(handle, "rb") as file:  # noqa: ASYNC230, PTH123 - it is open
        while chunk := await asyncio.to_thread(file.read, CHUNK):
            await content.write(chunk)
