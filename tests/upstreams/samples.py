"""Upstreams of every kind, and what is asked of them."""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

from cloche import kinds as modules
from cloche import upstreams
from cloche.core.model import Artifact, FileKey, Page, ProjectName
from cloche.core.wire import read_page
from cloche.ports import Received, Transfer
from cloche.ports import Upstream as Port
from cloche.service.view import artifact_of
from tests.packages import Built, wheel
from tests.upstream.controller import Upstream

DEMO = wheel("demo", "1.0", size=200_000)
NAME = ProjectName("demo")
PAGE = "/simple/demo/"
FILE = "/files/demo/demo-1.0-py3-none-any.whl"

QUICK: dict[str, Any] = {
    "connect_timeout": 1.0,
    "read_timeout": 0.3,
    "page_timeout": 1.0,
    "attempts": 1,
}
"""An upstream's patience, for tests in which it is tried."""

SETTINGS: Mapping[str, Callable[[Upstream], dict[str, Any]]] = {
    "simple": lambda fake: {"url": fake.simple},
}
"""For each kind, how to make it look at the fake upstream."""


def connected(kind: str, fake: Upstream, **other: Any) -> Port:
    """An upstream of that kind; nothing is sent yet."""
    module = modules.load(upstreams, kind)
    made: Port = module.connect("pypi", module.Settings(**{**SETTINGS[kind](fake), **other}))
    return made


@asynccontextmanager
async def simple(fake: Upstream, **other: Any) -> AsyncIterator[Port]:
    """An upstream of kind "simple", closed in the end."""
    made = connected("simple", fake, **other)
    try:
        yield made
    finally:
        await made.close()


def parsed(received: Received, name: ProjectName = NAME) -> Page:
    document = received.document
    assert document is not None
    return read_page(name, document.body, document.content_type, document.url, max_files=1000)


async def artifact(port: Port, built: Built = DEMO) -> Artifact:
    """What the upstream's page says of the file."""
    name = ProjectName(built.project)
    file = parsed(await port.page(name, None), name).find(built.filename)
    assert file is not None
    return artifact_of("pypi", name, file)


async def content(transfer: Transfer) -> bytes:
    return b"".join([chunk async for chunk in transfer.chunks])


async def fetched(
    port: Port, wanted: Artifact, start: int = 0, etag: str | None = None
) -> tuple[Transfer, bytes]:
    async with port.transfer(wanted, start, etag) as transfer:
        return transfer, await content(transfer)


def nameless(url: str) -> Artifact:
    """A file of which nothing is known but its address."""
    return Artifact(
        upstream="pypi", project=NAME, filename="demo.whl", url=url, key=FileKey("0" * 64)
    )
