"""How long a list may take, and how many at once."""

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest
from starlette.requests import Request
from starlette.types import Message

from cloche.service.gather import Gather
from cloche.web.gate import Gate
from cloche.web.indexes import INDEX
from cloche.web.requirements import LISTS_AT_ONCE, NO_TIME, Requirements
from tests.packages import wheel
from tests.service.worker import Options, Worker, worker
from tests.upstream.controller import Upstream

pytestmark = pytest.mark.anyio

SALT, EGGS = wheel("salt", "1.0"), wheel("eggs", "1.0")


def room(node: Worker, seconds: float) -> Requirements:
    gate = Gate(node.view, [], node.catalog.pulse, Options().clock)
    gather = Gather(node.shelf, node.files)
    return Requirements(node.view, gather, gate, node.spool, lambda: ("any",), seconds)


async def answer(asked: Requirements, text: str) -> dict[str, Any]:
    async def receive() -> Message:
        return {"type": "http.request", "body": text.encode(), "more_body": False}

    scope = {"type": "http", "method": "POST", "headers": [], "query_string": b"", INDEX: "main"}
    response = await asked.post(Request(scope, receive))
    said: dict[str, Any] = msgspec.json.decode(bytes(response.body))
    return said


async def test_what_there_was_no_time_for(tmp_path: Path, upstream: Upstream) -> None:
    """When the time is over the answer says what has come, and what has not for want of time."""
    upstream.add(SALT)
    upstream.add(EGGS)
    async with worker(tmp_path, upstream.simple) as node:
        await answer(room(node, 60), "salt==1.0")
        with upstream.gate(upstream.file(EGGS)):
            said = await answer(room(node, 1), "salt==1.0\neggs==1.0")

    assert said == {
        "cached": [SALT.filename],
        "unparseable": [],
        "failed": ["eggs==1.0"],
        "reasons": {"eggs==1.0": NO_TIME},
    }


async def test_few_lists_at_once(tmp_path: Path, upstream: Upstream) -> None:
    """A list waits for its turn, and its time for that is bounded too."""
    upstream.add(SALT)
    upstream.add(EGGS)
    async with worker(tmp_path, upstream.simple) as node:
        asked = room(node, 60)
        with upstream.gate(upstream.page("eggs")):
            busy = [asyncio.ensure_future(answer(asked, "eggs")) for _ in range(LISTS_AT_ONCE)]
            await asyncio.to_thread(upstream.wait_for, 1, upstream.page("eggs"))
            late = await answer(replace(asked, seconds=0.3), "salt")
        await asyncio.gather(*busy)

        assert late["failed"] == ["salt"]
        assert upstream.requests(upstream.page("salt")) == []
        assert (await answer(asked, "salt"))["cached"] == [SALT.filename]
