"""`[[index.NAME.rule]]`: what every rule can have, and what its kind adds."""

from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Any

from msgspec import Struct

from cloche import kinds, rules
from cloche.core.conversion import convert, nearest
from cloche.core.errors import BadName, BadSetting
from cloche.core.patterns import names, selector
from cloche.core.policy import Clause, Effect, Exemption


class ExemptTable(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An item of `except` that ends by itself."""

    what: str
    until: datetime


class Common(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a rule of any kind can have besides its kind's own settings."""

    name: str | None = None
    effect: Effect = Effect.DENY
    projects: tuple[str, ...] = ()
    exempt: tuple[str | ExemptTable, ...] = ()
    expires: datetime | None = None


COMMON = frozenset(Common.__struct_fields__)
MAX_NAME = 80  # characters


def clauses(
    index: str, tables: Iterable[Mapping[str, Any]], where: str, folder: Path
) -> tuple[Clause, ...]:
    """The rules of an index. Paths in them are relative to `folder`. Raise BadSetting."""
    found: dict[str, Clause] = {}
    for table in tables:
        clause = _clause(index, dated(table), where, folder, len(found) + 1)
        if clause.name in found:
            raise BadSetting(
                f"{where}: index.{index} has two rules of the name {clause.name}; give one of "
                "them another"
            )
        found[clause.name] = clause
    return tuple(found.values())


def dated(value: Any) -> Any:
    """The same, with TOML's dates as the instants at which they begin: in UTC if they say none."""
    if isinstance(value, Mapping):
        return {key: dated(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [dated(inner) for inner in value]
    if isinstance(value, datetime):
        return value if value.tzinfo else value.replace(tzinfo=UTC)
    if isinstance(value, date):
        return datetime.combine(value, time.min, UTC)
    return value


def _clause(index: str, table: Mapping[str, Any], where: str, folder: Path, number: int) -> Clause:
    kind, known = table.get("kind"), kinds.names(rules)
    if kind not in known:
        near = nearest(kind, known) if isinstance(kind, str) else f"; known are {', '.join(known)}"
        raise BadSetting(f"{where}: rule {number} of index.{index} has kind = {kind!r}{near}")
    key = f"index.{index}.rule.{kind}"
    common = convert({k: v for k, v in table.items() if k in COMMON}, Common, key, where)
    own = {k: v for k, v in table.items() if k not in {*COMMON, "kind"}}
    module = kinds.load(rules, kind)
    _check_keys(own, [*module.Settings.__struct_fields__, *sorted(COMMON)], key, where)
    settings = convert(own, module.Settings, key, where)
    try:
        return Clause(
            name=_name(common.name or kind),
            kind=kind,
            rule=module.connect(settings, folder),
            effect=common.effect,
            projects=names(common.projects) if common.projects else None,
            exempt=tuple(map(_exemption, common.exempt)),
            expires=common.expires,
        )
    except (BadName, BadSetting) as e:
        raise BadSetting(f"{where}: {key}: {e}") from None


def _check_keys(own: Iterable[str], known: list[str], key: str, where: str) -> None:
    """Raise BadSetting for a key that neither the kind has nor every rule."""
    for each in own:
        if each not in known:
            raise BadSetting(f"{where}: unknown key {key}.{each}{nearest(each, known)}")


def _name(raw: str) -> str:
    if not raw.isprintable() or not 0 < len(raw) <= MAX_NAME:
        raise BadName(f"a rule's name is one line of at most {MAX_NAME} printable characters")
    return raw


def _exemption(said: str | ExemptTable) -> Exemption:
    if isinstance(said, str):
        return Exemption(selector(said))
    return Exemption(selector(said.what), said.until)
