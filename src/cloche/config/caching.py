"""`[cache]`: how much of upstreams' files is kept."""

from collections.abc import Collection

from msgspec import Struct

from cloche.core.conversion import nearest
from cloche.core.errors import BadName, BadSetting
from cloche.core.quantities import byte_count


class Cache(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[cache]`."""

    limit: str | None = None  # such as "50 GB"
    spare: tuple[str, ...] = ()  # upstreams of which nothing goes

    @property
    def bytes(self) -> int | None:
        """The limit, or None where there is none."""
        return None if self.limit is None else byte_count(self.limit)


def check(cache: Cache, upstreams: Collection[str], where: str) -> None:
    """Raise BadSetting."""
    try:
        _ = cache.bytes
    except BadName as e:
        raise BadSetting(f"{where}: cache.limit: {e}") from None
    for name in cache.spare:
        if name not in upstreams:
            raise BadSetting(
                f"{where}: cache.spare names {name!r}, which is no upstream"
                f"{nearest(name, list(upstreams))}"
            )
