"""Which client it was, as far as its `User-Agent` tells; all of it is hearsay."""

import re
from functools import lru_cache

import msgspec
from msgspec import Struct

MAX_AGENT = 2048  # characters that are looked at: pip tells its whole environment
MAX_WORD = 40
MAX_CLIENT = 160

_PRODUCT = re.compile(r"([!#$%&'*+.^_`|~0-9A-Za-z-]{1,40})(?:/([!#$%&'*+.^_`|~0-9A-Za-z-]{1,40}))?")
_PYTHONS = {"cpython": "Python", "python": "Python", "pypy": "PyPy"}
_SYSTEMS = {"linux", "darwin", "windows", "macos"}


class _Named(Struct, frozen=True):
    name: str | None = None
    version: str | None = None


class _Environment(Struct, frozen=True):
    """What pip and uv tell beside their own names, for statistics."""

    python: str | None = None
    implementation: _Named | None = None
    system: _Named | None = None
    ci: bool | None = None


@lru_cache(maxsize=4096)
def client(agent: str) -> str:
    """Name and version, and in brackets the Python, the system and whether it is CI, if told.

    Such as `pip 26.0 (Python 3.12.1, Linux)`. Printable, and short.
    """
    agent = agent[:MAX_AGENT].strip()
    found = _PRODUCT.match(agent)
    if found is None:
        return _plain(agent) or "unknown"
    name = " ".join(filter(None, found.groups()))
    rest = agent[found.end() :].strip()
    told = _told(rest) if rest.startswith("{") else _products(rest)
    return _plain(f"{name} ({', '.join(told)})" if told else name)[:MAX_CLIENT]


def _told(said: str) -> list[str]:
    try:
        found = msgspec.json.decode(said, type=_Environment)
    except (msgspec.DecodeError, UnicodeEncodeError):
        return []
    made = found.implementation.name if found.implementation else None
    python = _PYTHONS.get((made or "CPython").lower(), made)
    words = [f"{python} {found.python}"] if found.python else []
    words += [found.system.name] if found.system and found.system.name else []
    return [word[:MAX_WORD] for word in words] + ["CI"] * bool(found.ci)


def _products(said: str) -> list[str]:
    """What other clients tell as further products: `CPython/3.12.1 Linux/6.1`."""
    words = []
    for name, version in _PRODUCT.findall(said):
        if python := _PYTHONS.get(name.lower()):
            words.append(f"{python} {version}".rstrip())
        elif name.lower() in _SYSTEMS:
            words.append(name)
    return words[:3]


def _plain(text: str) -> str:
    return "".join(c if c.isprintable() else "?" for c in text)[:MAX_CLIENT]
