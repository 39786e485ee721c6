"""A mirror of 700,000 projects, of which 1,000 have changed: what it takes to find and bring them.

Its rows are those that complete runs leave behind, written in bulk. The upstream lists them all,
and has a page with one small file of each that changed.
"""

import asyncio
import hashlib
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

import msgspec
from sqlalchemy import insert

from benchmarks import many, mirrored
from benchmarks.figures import MIRROR_CHANGES, MIRROR_MEMORY
from benchmarks.mirror import Mirror, cloche, near
from benchmarks.processes import Unmeasured
from benchmarks.servers import OURS
from benchmarks.session import Session
from cloche import catalog
from cloche.app.plans import plans
from cloche.catalog import schema
from cloche.config import load
from cloche.core.mirrors import Mirrored, State
from cloche.core.model import ProjectName
from cloche.ports import Mirroring

PROJECTS, CHANGES = 700_000, 1000
UPSTREAM = "mirrored"


def measure(session: Session) -> None:
    """Bring the changes, each round on the rows of before."""
    took, used = session.figures.of(MIRROR_CHANGES, OURS), session.figures.of(MIRROR_MEMORY, OURS)
    with session.noting(took, used):
        kept = _kept(session)
        with near(session, mirrored.Tree(kept, 0)) as (master, _):
            for _ in session.rounds(session.plan.mirrors, MIRROR_CHANGES.title):
                made = _made(session, kept, master)
                run = made.run()
                if (held := made.held()) != 2 * CHANGES:
                    raise Unmeasured(f"{held} files came of {CHANGES}, with metadata twice")
                took.add(run.seconds, processor=run.processor)
                used.add(run.resident)


def _kept(session: Session) -> Path:
    """The upstream's tree, and the rows beside it: made once on this machine."""
    sources = (many, mirrored)
    seen = hashlib.sha256(schema.REVISION.encode() + Path(__file__).read_bytes())
    for module in sources:
        seen.update(Path(str(module.__file__)).read_bytes())
    kept = Path(tempfile.gettempdir()) / f"cloche-benchmark-changes-{seen.hexdigest()[:12]}"
    if not kept.exists():
        session.say(f"recording {PROJECTS:,} mirrored projects, which takes a minute")
        scratch = Path(tempfile.mkdtemp(prefix=f"{kept.name}-", dir=kept.parent))
        names = many.names(PROJECTS)
        _write_upstream(scratch, names)
        _record(scratch, names)
        scratch.chmod(0o755)  # nginx's worker is another user
        scratch.rename(kept)
    return kept


def _serial(number: int) -> int:
    """What the rows know of a project."""
    return number + 1


def _write_upstream(folder: Path, names: Sequence[str]) -> None:
    listed = [
        {"name": name, "_last-serial": mirrored.SERIAL if each < CHANGES else _serial(each)}
        for each, name in enumerate(names)
    ]
    mirrored.write_list(folder, listed)
    for name in names[:CHANGES]:
        mirrored.write_project(folder, name, 1)


def _record(folder: Path, names: Sequence[str]) -> None:
    stored = catalog.connect(f"sqlite:///{folder}/cloche.db")
    for start in range(0, len(names), many.AT_ONCE):
        rows = [
            _row(ProjectName(name), _serial(start + each))
            for each, name in enumerate(names[start : start + many.AT_ONCE])
        ]
        with stored.database.writing() as connection:
            connection.execute(insert(schema.mirrored), rows)
    asyncio.run(stored.close())


def _row(project: ProjectName, serial: int) -> dict[str, object]:
    row = Mirrored(project=project, state=State.HELD, listed=serial, seen=serial)
    return {"upstream": UPSTREAM, **msgspec.structs.asdict(row), "state": row.state.value}


def _made(session: Session, kept: Path, master: str) -> Mirror:
    """A mirror that was complete, as the settings have it now."""
    folder = session.folder / "mirror-changes"
    shutil.rmtree(folder, ignore_errors=True)
    data = folder / "data"
    data.mkdir(parents=True)
    shutil.copy(kept / "cloche.db", data)
    made = cloche(folder, master)
    (plan,) = plans(load(folder / "cloche.toml", data, environ={}), [UPSTREAM])
    before = Mirroring(policy=plan.policy, projects=PROJECTS, serial=PROJECTS)
    asyncio.run(_note(data, before))
    return made


async def _note(data: Path, before: Mirroring) -> None:
    stored = catalog.connect(f"sqlite:///{data}/cloche.db")
    await stored.mirrors.record(UPSTREAM, before)
    await stored.close()
