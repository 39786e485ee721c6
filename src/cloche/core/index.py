"""An index: a named view with a URL, and what it is made of."""

from msgspec import Struct

from cloche.core.access import ReadPolicy


class Index(Struct, frozen=True, kw_only=True):
    """Own uploads come first, then the sources in their order: the first owner answers alone."""

    name: str
    sources: tuple[str, ...] = ()  # names of other indexes and of upstreams
    uploads: bool = False
    read: ReadPolicy = "anyone"
    default: bool = False
