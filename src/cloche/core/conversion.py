"""Settings as they are written, made into structs; what is wrong is said with its cure."""

import difflib
import re
from typing import Any, Literal, get_args, get_origin

import msgspec

from cloche.core.errors import BadSetting

TOML = {"object": "table", "array": "list", "str": "string"}


def convert(raw: Any, kind: type[Any], prefix: str, where: str) -> Any:
    """Make a struct of what stands below the key `prefix`. Raise BadSetting."""
    try:
        return msgspec.convert(raw, kind)
    except msgspec.ValidationError as e:
        raise BadSetting(f"{where}: {_explain(str(e), kind, prefix)}") from None


def _explain(message: str, kind: type[Any], prefix: str) -> str:
    """Turn a validator's words into a sentence that names the key and the nearest right one."""
    message = re.sub("`(object|array|str)", lambda word: f"`{TOML[word[1]]}", message)
    what, _, at = message.partition(" - at `")
    path = at.rstrip("`").removeprefix("$").lstrip(".")
    key = ".".join(part for part in (prefix, path) if part)
    unknown = re.search(r"unknown field `(.*)`", what)
    if unknown is None:
        wanted = _choices(kind, path) if "enum" in what else ""
        return f"{key}: {what[:1].lower()}{what[1:]}{wanted}"
    full = ".".join(part for part in (key, unknown[1]) if part)
    return f"unknown key {full}{nearest(unknown[1], _keys(kind, path))}"


def _keys(kind: type[Any], path: str) -> list[str]:
    """The keys that a table has, found by walking the types along `path`."""
    found = _type_at(kind, path)
    table = next((t for t in get_args(found) if hasattr(t, "__struct_fields__")), found)
    return [f.encode_name for f in msgspec.structs.fields(table)]


def _choices(kind: type[Any], path: str) -> str:
    """The words that a setting can be, and what else it can be."""
    found = _type_at(kind, path)
    words = [w for t in (found, *get_args(found)) if get_origin(t) is Literal for w in get_args(t)]
    lists = [t for t in get_args(found) if get_origin(t) is tuple]
    return f"; it can be {' or '.join(map(repr, words))}{' or a list of names' * bool(lists)}"


def _type_at(kind: Any, path: str) -> Any:
    """The type of a setting, found by walking the tables along `path`."""
    for part in filter(None, path.split(".")):
        table = next((t for t in get_args(kind) if hasattr(t, "__struct_fields__")), kind)
        kind = next(f.type for f in msgspec.structs.fields(table) if f.encode_name == part)
    return kind


def nearest(word: str, known: list[str]) -> str:
    """The end of a sentence that says what was perhaps meant."""
    near = difflib.get_close_matches(word, known, 1, 0.5)
    return f"; did you mean {near[0]}?" if near else f"; known are {', '.join(known)}"
