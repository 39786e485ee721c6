"""What another process says of the projects that it settles, in whatever order it comes."""

import asyncio
import gc
import socket
from typing import Any, cast

import msgspec
import pytest

from cloche.app import hands
from cloche.app.hand import Ceased, Ended, Ready, framed, frames
from cloche.core.errors import StorageFull
from cloche.core.mirrors import Mirrored, State
from cloche.core.model import ProjectName
from cloche.core.plan import Plan
from cloche.service.one import Result, Watch

pytestmark = pytest.mark.anyio


class Unwatched:
    def expect(self, **_: int) -> None: ...

    def done(self, **_: int) -> None: ...

    def settled(self, *_: object) -> None: ...


class Joined:
    """A process that has ended."""

    def join(self) -> None: ...


def row(name: str) -> Mirrored:
    return Mirrored(project=ProjectName(name), state=State.DUE, listed=1)


async def test_a_project_that_ends_after_all_did(monkeypatch: pytest.MonkeyPatch) -> None:
    """Once a disk is full, what comes of the projects that were under way harms nobody."""
    ours: list[socket.socket] = []
    wrong: list[dict[str, Any]] = []

    def started(_settings: object, _plan: object, end: socket.socket, **_: object) -> Joined:
        ours.append(end.dup())
        return Joined()

    monkeypatch.setattr(hands, "_started", started)
    asyncio.get_running_loop().set_exception_handler(lambda _, context: wrong.append(context))
    nothing = cast("Any", None)
    said = {"mode": "all", "choice": nothing, "gone": "keep", "indexes": (), "policy": ""}
    plan = Plan(upstream="far", jobs=1, **said)
    hand = hands.hiring(nothing, plan)(1, True)  # noqa: FBT003 - the protocol's
    reader, writer = await asyncio.open_unix_connection(sock=ours[0])
    writer.write(framed(Ready()))
    assert await hand.ready()

    watch = cast("Watch", Unwatched())
    settling = [asyncio.ensure_future(hand.settle(row(each), watch)) for each in ("one", "two")]
    asked = frames(reader)
    rows = [msgspec.msgpack.decode(await anext(asked), type=Mirrored) for _ in settling]
    writer.write(framed(Ceased(full=True, detail="no room")))
    writer.write(framed(Ended(rows[0].project, Result(State.HELD))))
    for each in settling:
        with pytest.raises(StorageFull, match="no room"):
            await each
    dismissing = asyncio.ensure_future(hand.dismiss())
    assert await anext(asked) == b""
    writer.close()
    await dismissing
    del hand, dismissing
    gc.collect()

    assert wrong == []
