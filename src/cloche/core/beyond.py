"""What an upstream says beyond the standards known here, and how much of it is passed on.

A key that a later standard adds, or a private one (PEP 691: `_…`), is for clients to understand.
Passed on is what cannot harm the page that it is on: sound JSON, no deeper than clients read.
"""

import re
from collections.abc import Collection, Mapping
from typing import Any

import msgspec
from msgspec import Raw

MAX_DEPTH = 32  # of a value: uv gives up a page at 128
MAX_KEYS = 64  # beside the known ones

_META = re.compile(r"pypi:[a-z0-9_.-]{1,100}\Z")
_ATTRIBUTE = re.compile(r"data-[a-z0-9_.-]{1,100}\Z")


def unknown(said: Mapping[str, Raw], known: Collection[str]) -> dict[str, Raw] | None:
    """The members of a JSON object that are not `known`, as they were written.

    A null says nothing, and clients fail on some: it is left out.
    """
    found = {key: raw.copy() for key, raw in said.items() if key not in known and _sound(raw)}
    return dict(list(found.items())[:MAX_KEYS]) or None


def attributes(said: Mapping[str, str | None], known: Collection[str]) -> dict[str, str] | None:
    """The `data-…` attributes of an HTML link that are not `known`."""
    found = {
        name: value or ""
        for name, value in said.items()
        if name not in known and _ATTRIBUTE.match(name)
    }
    return dict(list(found.items())[:MAX_KEYS]) or None


def metas(said: Mapping[str, str | None], known: Collection[str]) -> dict[str, str] | None:
    """The `pypi:…` metas of an HTML page that are not `known`."""
    found = {
        name: value or "" for name, value in said.items() if name not in known and _META.match(name)
    }
    return dict(list(found.items())[:MAX_KEYS]) or None


def _sound(raw: Raw) -> bool:
    """Whether it is a value that every client can read past. A Raw is only skipped, not read."""
    try:
        value = msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False
    return value is not None and _shallow(value, MAX_DEPTH)


def _shallow(value: Any, depth: int) -> bool:
    if not isinstance(value, dict | list):
        return True
    inner = value.values() if isinstance(value, dict) else value
    return depth > 0 and all(_shallow(each, depth - 1) for each in inner)
