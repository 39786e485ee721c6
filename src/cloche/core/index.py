"""An index: a named view with a URL, and what it is made of."""

from collections.abc import Mapping

from msgspec import Struct

from cloche.core.access import ReadPolicy
from cloche.core.publishers import Publisher


class Index(Struct, frozen=True, kw_only=True):
    """Own uploads come first, then the sources in their order: the first owner answers alone."""

    name: str
    sources: tuple[str, ...] = ()  # names of other indexes and of upstreams
    uploads: bool = False
    read: ReadPolicy = "anyone"
    default: bool = False
    publishers: tuple[Publisher, ...] = ()  # who must have signed attestations, if anybody must


def asked(indexes: Mapping[str, Index], name: str) -> list[str]:
    """The index or upstream and all that it draws on, each time that it is asked."""
    sources = indexes[name].sources if name in indexes else ()
    return [name, *(each for source in sources for each in asked(indexes, source))]


def behind(indexes: Mapping[str, Index], upstream: str) -> tuple[str, str] | None:
    """An index in which something else is asked after the upstream, and what; None if none is."""
    for index in indexes:
        order = asked(indexes, index)
        for later in order[order.index(upstream) :] if upstream in order else ():
            if later != upstream:
                return index, later
    return None
