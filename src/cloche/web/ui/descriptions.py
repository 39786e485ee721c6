"""Descriptions as HTML: rendered once, in a process of their own, or shown as they are written."""

import asyncio
import hashlib
import sys
from collections import OrderedDict
from dataclasses import dataclass
from html import escape
from pathlib import Path

from cloche.logs import Log

log = Log(__name__)

MAX_SOURCE = 1 << 20
MAX_KEPT = 16 << 20  # characters
KEY_WEIGHT = 200  # what an entry takes beside them, about
DEADLINE = 4.0  # seconds for one description: ordinary ones take 0.1 to 0.3
PATIENCE = 6.0  # seconds that a page waits, for those before it too

_PROGRAM = str(Path(__file__).with_name("rendering.py"))
_KINDS = {None: "rst", "text/x-rst": "rst", "text/markdown": "markdown"}
_TOO_LONG = "The description is too long to be shown whole."
_AS_WRITTEN = "The description is shown as it is written: it could not be rendered."


@dataclass(frozen=True, slots=True)
class Description:
    """HTML that is safe to show. `note` says what is missing from it, if anything is."""

    html: str
    note: str = ""


class Descriptions:
    """At most one is rendered at a time; the least recently shown is forgotten first."""

    def __init__(
        self, *, max_kept: int = MAX_KEPT, deadline: float = DEADLINE, patience: float = PATIENCE
    ) -> None:
        self._max_kept = max_kept
        self._deadline = deadline
        self._patience = patience
        self._kept: OrderedDict[bytes, str] = OrderedDict()
        self._weight = 0
        self._one = asyncio.Lock()

    async def show(self, text: str, content_type: str | None) -> Description:
        """Render by the stated type; text/plain, and whatever resists, is shown as written."""
        if len(text) > MAX_SOURCE:
            return Description(_plain(text[:MAX_SOURCE]), _TOO_LONG)
        stated = content_type.partition(";")[0].strip().lower() if content_type else None
        kind = _KINDS.get(stated)
        if kind is None or not text.strip():
            return Description(_plain(text))
        html = await self._html(kind, text)
        if html:
            return Description(html)
        # Without a stated type it was only a guess (core metadata's specification).
        return Description(_plain(text), _AS_WRITTEN if stated else "")

    async def _html(self, kind: str, text: str) -> str:
        """Empty when there is none to be had, at least not soon enough."""
        key = hashlib.sha256(f"{kind} {text}".encode(errors="replace")).digest()
        html = self._recall(key)
        if html is not None:
            return html
        try:
            async with asyncio.timeout(self._patience):
                return await self._make(key, kind, text)
        except TimeoutError:
            return ""

    async def _make(self, key: bytes, kind: str, text: str) -> str:
        """Render it, and remember failure too: trying again would take as long."""
        async with self._one:
            html = self._recall(key)
            if html is None:
                html = await self._render(kind, text)
                self._keep(key, html)
            return html

    async def _render(self, kind: str, text: str) -> str:
        try:
            async with asyncio.timeout(self._deadline):
                return await _rendered(kind, text)
        except OSError as e:  # TimeoutError among them
            log.warning("description not rendered", kind=kind, size=len(text), error=repr(e))
            return ""

    def _recall(self, key: bytes) -> str | None:
        found = self._kept.get(key)
        if found is not None:
            self._kept.move_to_end(key)
        return found

    def _keep(self, key: bytes, html: str) -> None:
        self._kept[key] = html
        self._weight += len(html) + KEY_WEIGHT
        while self._weight > self._max_kept:
            _, forgotten = self._kept.popitem(last=False)
            self._weight -= len(forgotten) + KEY_WEIGHT


async def _rendered(kind: str, text: str) -> str:
    """Run the renderer, and leave nothing running however this ends."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-I",
        _PROGRAM,
        kind,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        html, _ = await process.communicate(text.encode(errors="replace"))
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return html.decode() if process.returncode == 0 else ""


def _plain(text: str) -> str:
    return f'<pre class="plain">{escape(text)}</pre>'
