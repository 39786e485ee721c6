"""Which projects an upstream has, and their serials: in the list's JSON, or by XML-RPC."""

import asyncio
from typing import Any, Protocol

from cloche.core.errors import NoSuchProject
from cloche.core.marshalled import Unreadable, unmarshalled
from cloche.core.model import ProjectName
from cloche.core.root_page import MAX_SERIAL, normal, read_root
from cloche.ports import Received, Rolled

MAX_ROLL = 256 << 20  # bytes of a list of all projects; PyPI's has some 40 MB
MAX_PROJECTS = 3_000_000
MAX_NUMBER = 4096  # bytes of an answer that is a number
TIMEOUT = 600.0  # seconds for the whole of a list
BY_CALL = "xmlrpc:"  # and a serial, where an ETag would be


class Asking(Protocol):
    """An upstream, as far as its list needs it."""

    @property
    def name(self) -> str: ...

    async def ask(
        self, url: str, etag: str | None, *, most: int | None = None, seconds: float | None = None
    ) -> Received | None: ...

    async def called(self, method: str, *, most: int) -> bytes | None: ...


async def rolled(upstream: Asking, url: str, etag: str | None) -> Rolled | None:
    """The list; None for "as before". Raise NoSuchProject when there is none.

    Without any serial it is never as before: the same names say nothing of their files.
    """
    told = etag is not None and etag.startswith(BY_CALL)
    newest = await _newest(upstream) if told else 0
    if told and etag == f"{BY_CALL}{newest}":
        return None
    received = await upstream.ask(url, None if told else etag, most=MAX_ROLL, seconds=TIMEOUT)
    if received is None:
        raise NoSuchProject(f"{upstream.name} has no list of its projects")
    document = received.document
    if document is None:
        return None
    root = await asyncio.to_thread(
        read_root, upstream.name, document.body, document.content_type, most=MAX_PROJECTS
    )
    if any(root.projects.values()):
        return Rolled(
            projects=root.projects, serial=root.serial or received.serial or 0, etag=received.etag
        )
    return await _by_calls(upstream, root.projects.keys(), newest)


async def _by_calls(upstream: Asking, names: Any, newest: int) -> Rolled:
    """The names with the serials that XML-RPC tells; without, if it does not."""
    # In this order: what changes in between is asked for once more, and never missed.
    newest = newest or await _newest(upstream)
    serials = await _serials(upstream) if newest else {}
    return Rolled(
        projects={name: serials.get(name, 0) for name in names},
        serial=newest,
        etag=f"{BY_CALL}{newest}" if serials else None,
    )


async def _newest(upstream: Asking) -> int:
    """The serial of the newest change of all; 0 when that is not told."""
    said = _answer(await upstream.called("changelog_last_serial", most=MAX_NUMBER))
    return said if _is_serial(said) else 0


async def _serials(upstream: Asking) -> dict[ProjectName, int]:
    body = await upstream.called("list_packages_with_serial", most=MAX_ROLL)
    said = await asyncio.to_thread(_answer, body)
    found: dict[ProjectName, int] = {}
    for raw, serial in said.items() if isinstance(said, dict) else ():
        name = normal(raw)
        if name is not None and _is_serial(serial):
            found[name] = max(serial, found.get(name, 0))
    return found


def _answer(body: bytes | None) -> Any:
    try:
        _, values = unmarshalled(body or b"")
    except Unreadable:
        return None
    return values[0] if len(values) == 1 else None


def _is_serial(said: object) -> bool:
    return type(said) is int and 0 < said <= MAX_SERIAL
