"""`[advisories.NAME]`: where it comes from what is known against versions of projects."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any

from msgspec import Meta, Struct
from msgspec.structs import replace

from cloche.core.conversion import convert
from cloche.core.errors import BadSetting
from cloche.core.index import Index


class AdvisoriesTable(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[advisories.NAME]`."""

    address: str
    refresh: Annotated[float, Meta(ge=1)] = 3600  # seconds
    max_bytes: Annotated[int, Meta(ge=1)] = 1 << 30  # as it is sent


def read(name: str, table: Any, where: str, folder: Path) -> AdvisoriesTable:
    """Paths are relative to `folder`. Raise BadSetting."""
    if not name or not name.isprintable():
        raise BadSetting(f"{where}: advisories.{name!r} has no name that can be shown; rename it")
    found: AdvisoriesTable = convert(table, AdvisoriesTable, f"advisories.{name}", where)
    if not found.address:
        raise BadSetting(f"{where}: advisories.{name}.address is empty; give an address or a path")
    if "://" in found.address:
        return found
    return replace(found, address=str(folder / found.address))


def check_needed(indexes: Iterable[Index], tables: Mapping[str, Any], where: str) -> None:
    """Raise BadSetting when a rule needs advisories, and there are none: it would deny all."""
    for index in indexes:
        for clause in index.clauses:
            if "advisories" in clause.needs and not tables:
                raise BadSetting(
                    f"{where}: the rule {clause.name} of index.{index.name} needs advisories; say "
                    "where they come from in a table [advisories.osv] with an address"
                )
