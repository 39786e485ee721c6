"""The reference of the configuration says what the code does."""

import tomllib
from collections.abc import Iterable, Iterator
from datetime import datetime
from enum import StrEnum
from types import ModuleType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin
from urllib.parse import urljoin

import pytest
from distlib.index import DEFAULT_INDEX
from msgspec import NODEFAULT, Meta, Struct
from msgspec.structs import FieldInfo, fields

from cloche import config, kinds, logins, upstreams
from cloche.config import advisories, caching, indexes, rules, storing, webhooks
from cloche.core import mirrors, retention
from cloche.core import upstreams as each_upstream
from tests.docs import markdown

PAGE = markdown.DOCS / "reference" / "configuration.md"
SECTIONS = markdown.sections(PAGE.read_text())
FILE: type[Struct] = vars(config)["_Tables"]
SIMPLE: type[Struct] = kinds.load(upstreams, "simple").Settings
LINKS = '`[upstream.NAME]` with `kind = "links"`'
CLOCHE = '`[upstream.NAME]` with `kind = "cloche"`'
TABLES: dict[str, type[Struct]] = {
    "`[server]`": config.Server,
    "`[server.tls]`": config.Tls,
    "`[store]`": storing.Store,
    "`[store.s3]`": storing.S3,
    "`[attestations]`": config.Attestations,
    "`[access]`": config.Access,
    "`[cache]`": caching.Cache,
    "`[upstream.NAME]`": SIMPLE,
    '`[upstream.NAME]` with `kind = "directory"`': kinds.load(upstreams, "directory").Settings,
    '`[upstream.NAME]` with `kind = "bucket"`': kinds.load(upstreams, "bucket").Settings,
    LINKS: kinds.load(upstreams, "links").Settings,
    CLOCHE: kinds.load(upstreams, "cloche").Settings,
    '`[upstream.NAME]` with `kind = "bundle"`': kinds.load(upstreams, "bundle").Settings,
    "`[upstream.NAME.freshness]`": each_upstream.Freshness,
    "`[upstream.NAME.recall]`": each_upstream.Policy,
    "`[upstream.NAME.mirror]`": mirrors.Mirror,
    "`[[upstream.NAME.mirror.environments]]`": mirrors.Environment,
    "`[upstream.NAME.retention]`": retention.Retention,
    "`[advisories.NAME]`": advisories.AdvisoriesTable,
    "`[index.NAME]`": indexes.IndexTable,
    "`[[index.NAME.route]]`": indexes.RouteTable,
    "`[[index.NAME.rule]]`": rules.Common,
    "`[login.htpasswd]`": kinds.load(logins, "htpasswd").Settings,
    "`[webhook.NAME]`": webhooks.WebhookTable,
}
# What the others are made into; no table of the file.
COMPLETED = {config.Settings, config.UpstreamSettings, FILE, rules.ExemptTable}
PLAIN = {str: "string", int: "integer", float: "number", bool: "boolean", datetime: "date"}


def every_field() -> Iterator[tuple[str, FieldInfo]]:
    return ((table, field) for table in TABLES for field in own(table))


def own(table: str) -> list[FieldInfo]:
    """The keys that a table's section lists: other remote kinds have most as an index has them."""
    if table not in {LINKS, CLOCHE}:
        return list(fields(TABLES[table]))
    same = {field.encode_name: _unsaid(field) for field in fields(SIMPLE)}
    return [f for f in fields(TABLES[table]) if _unsaid(f) != same.get(f.encode_name)]


def _unsaid(field: FieldInfo) -> tuple[Any, Any]:
    return field.default, field.default_factory


def documented(table: str) -> dict[str, dict[str, str]]:
    return {row["key"].strip("`"): row for row in markdown.rows(SECTIONS[table])}


@pytest.mark.parametrize(
    ("table", "field"), [pytest.param(t, f, id=f"{t} {f.encode_name}") for t, f in every_field()]
)
def test_every_key_is_documented(table: str, field: FieldInfo) -> None:
    """Each key of each table is there, with its type, its bounds and its default."""
    row = documented(table)[field.encode_name]

    assert row["type"] == _type(field.type)
    assert _default(row["default"]) == _said(field)


@pytest.mark.parametrize("table", TABLES)
def test_nothing_is_documented_that_is_not_there(table: str) -> None:
    """Each documented key is one that the table has."""
    assert documented(table).keys() == {field.encode_name for field in own(table)}


def test_every_table_is_documented() -> None:
    """Each settings struct has its section, and each section its struct."""
    assert {heading for heading in SECTIONS if heading.startswith("`[")} == TABLES.keys()
    found = {
        each
        for module in (config, advisories, caching, indexes, rules, storing)
        for each in _structs(module)
    }
    assert found - COMPLETED <= set(TABLES.values())
    assert {field.encode_name for field in fields(FILE)} == {
        heading.strip("`[]").partition("]")[0].partition(".")[0] for heading in TABLES
    }


def test_every_kind_of_upstream_is_documented() -> None:
    """The reference speaks of each kind of upstream that there is."""
    assert [kind for kind in kinds.names(upstreams) if f'"{kind}"' not in PAGE.read_text()] == []


def test_every_reserved_name_is_documented() -> None:
    """The page on indexes lists each name that an index cannot have."""
    page = markdown.DOCS / "how-to" / "indexes.md"
    section = markdown.sections(page.read_text())["Names that are taken"]

    assert set(markdown.code(section)) >= config.RESERVED


def _structs(module: ModuleType) -> set[type[Struct]]:
    found = (value for value in vars(module).values() if isinstance(value, type))
    return {
        kind for kind in found if issubclass(kind, Struct) and kind.__module__ == module.__name__
    }


def _default(cell: str) -> Any:
    if cell in {"unset", "required"}:
        return cell
    if cell == "PyPI's":
        return urljoin(f"{DEFAULT_INDEX}/", "../simple/")
    return tomllib.loads(f"value = {cell.strip('`')}")["value"]


def _said(field: FieldInfo) -> Any:
    if field.required:
        return "required"
    if field.default_factory not in (NODEFAULT, dict, list):
        return field.default_factory()
    if field.default is None:
        return "unset"
    return list(field.default) if isinstance(field.default, tuple) else field.default


def _type(kind: Any) -> str:
    """A type as the reference spells it."""
    if get_origin(kind) is Annotated:
        plain, *notes = get_args(kind)
        bounds = [_bounds(note) for note in notes if isinstance(note, Meta)]
        return ", ".join([_type(plain), *bounds])
    if get_origin(kind) is Literal:
        return _words(get_args(kind))
    if get_origin(kind) is tuple:
        return _list(get_args(kind)[0])
    if isinstance(kind, type) and issubclass(kind, StrEnum):
        return _words(kind)
    if get_origin(kind) in {UnionType, Union}:
        return " or ".join(_type(each) for each in get_args(kind) if each is not type(None))
    return PLAIN.get(kind) or "table"


def _list(each: Any) -> str:
    every = get_args(each) if get_origin(each) is UnionType else (each,)
    names = (PLAIN[str] if _is_text(kind) else "table" for kind in every)
    return "list of " + " and ".join(f"{name}s" for name in names)


def _is_text(kind: Any) -> bool:
    return get_origin(kind) is Literal or (isinstance(kind, type) and issubclass(kind, str))


def _words(words: Iterable[str]) -> str:
    return " or ".join(f'`"{word}"`' for word in words)


def _bounds(note: Meta) -> str:
    if note.ge is not None and note.le is not None:
        return f"{note.ge} to {note.le}"
    if note.ge is not None:
        return f"at least {note.ge}"
    assert note.gt is not None, note
    most = "" if note.le is None else f", at most {note.le}"
    return f"more than {note.gt}{most}"
