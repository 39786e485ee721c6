"""What a project's newest release requires, as PyPI's JSON API says it: for guesses alone.

The document lists every file that the project ever had, after its `info`. Only the beginning is
looked at; the rest is read where it is short, for a connection broken off costs another one.
"""

import json
import re
import zlib
from collections.abc import Callable

from cloche.core.model import ProjectName
from cloche.upstreams._answer import Answer

HEAD = 256 << 10  # bytes, decompressed, among which the requirements are sought
SHORT = 128 << 10  # bytes on the wire that are worth a connection
MAX_REQUIRED = 1000
HEADERS = {"Accept": "application/json", "Accept-Encoding": "gzip"}
GZIP = zlib.MAX_WBITS | 16
_KEY = re.compile(rb'"requires_dist"\s*:\s*')  # inside a string its quotes would be escaped
_decode = json.JSONDecoder().raw_decode


def address(project: ProjectName) -> str:
    """Where the document is, from where the simple index is."""
    return f"../pypi/{project}/json"


async def required(answer: Answer) -> list[str] | None:
    """The requirements in the beginning of the document that comes; None when none are there."""
    try:
        return _required(await _head(answer))
    except (zlib.error, ValueError, RecursionError):
        return None


async def _head(answer: Answer) -> bytes:
    is_short = (answer.content_length or SHORT + 1) <= SHORT
    unpack = _unpacking(answer)
    head, came = bytearray(), 0
    async for chunk in answer.content.iter_any():
        came += len(chunk)
        if len(head) < HEAD:
            head += unpack(chunk, HEAD - len(head))
        if not is_short and max(came, len(head)) >= HEAD:
            break
    return bytes(head)


def _unpacking(answer: Answer) -> Callable[[bytes, int], bytes]:
    if answer.headers.get("Content-Encoding", "").lower() == "gzip":
        return zlib.decompressobj(GZIP).decompress
    return lambda chunk, most: chunk[:most]


def _required(head: bytes) -> list[str] | None:
    """Raise ValueError or RecursionError where it ends too early, or is no JSON."""
    found = _KEY.search(head)
    if found is None:
        return None
    said, _ = _decode(head[found.end() :].decode(errors="replace"))
    if not isinstance(said, list):
        return [] if said is None else None
    return [each for each in said[:MAX_REQUIRED] if isinstance(each, str)]
