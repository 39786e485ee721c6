"""The catalog: what is known about projects, files, pages and people, and the journal.

`Catalog` and `connect` are imported when they are asked for: SQLAlchemy takes 0.2 s, and `resting`
does without it.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cloche.catalog.connecting import Catalog, connect

__all__ = ["Catalog", "connect"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(name)
    from cloche.catalog import connecting  # noqa: PLC0415

    return getattr(connecting, name)
