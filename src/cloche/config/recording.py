"""Rules as they are recorded: so that they can judge again when the settings are others."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import msgspec
from msgspec import Struct

from cloche.config.rules import clauses, dated
from cloche.core.errors import BadSetting
from cloche.core.index import Index
from cloche.core.policy import Clause

FILES = "files"
"""The setting of those kinds whose settings go on in files: it names them."""

UNKNOWN = "?"
MAX_FILES = 16 << 20  # characters of an index's files


class _Policy(Struct, frozen=True):
    rules: list[dict[str, Any]]
    files: dict[str, str]  # what they held, by the names that the rules have for them


def recorded(tables: Sequence[Mapping[str, Any]], folder: Path) -> str:
    """The rules of an index and the files that they name, by value; "" for no rules.

    It is UNKNOWN where a file cannot be read as text, or they are too large: doubt is recorded too.
    """
    if not tables:
        return ""
    names = sorted({name for table in tables for name in table.get(FILES, ())})
    try:
        files = {name: (folder / name).read_text(encoding="utf-8") for name in names}
    except (OSError, ValueError):
        return UNKNOWN
    if sum(map(len, files.values())) > MAX_FILES:
        return UNKNOWN
    return msgspec.json.encode(_Policy([dict(dated(t)) for t in tables], files)).decode()


def sources_of(index: Index) -> str:
    """Whom the index asks, for which projects: all that decides which page is whose."""
    said = {
        "sources": index.sources,
        "routes": [(route.projects.says, route.sources) for route in index.routes],
        "merge": index.merge.says if index.merge else None,
        "fallthrough": index.fallthrough,
    }
    return msgspec.json.encode(said).decode()


def rebuilt(index: str, said: str) -> tuple[Clause, ...]:
    """The rules that were recorded. Raise BadSetting when they mean nothing any more."""
    if not said:
        return ()
    if said == UNKNOWN:
        raise BadSetting(f"the rules that index {index} had could not be recorded")
    policy = msgspec.json.decode(said, type=_Policy)
    with TemporaryDirectory(prefix="cloche-rules-") as made:
        folder = Path(made)
        places = {name: _put(folder, n, name, text) for n, (name, text) in _numbered(policy)}
        tables = [
            {**table, FILES: [places[name] for name in table[FILES]]} if FILES in table else table
            for table in policy.rules
        ]
        return clauses(index, tables, f"the rules that index {index} had", folder)


def _numbered(policy: _Policy) -> enumerate[tuple[str, str]]:
    return enumerate(policy.files.items())


def _put(folder: Path, number: int, name: str, text: str) -> str:
    """Write a file under its own last name, which tells its format; return where it is."""
    place = Path(str(number)) / Path(name).name
    (folder / place.parent).mkdir()
    (folder / place).write_text(text, encoding="utf-8")
    return str(place)
