"""Routes for what shares its address with something else."""

from collections.abc import Collection

from starlette.routing import Match, Route
from starlette.types import Scope


class Addresses(Route):
    """One route at several plain addresses: a look-up in place of a pattern for each.

    One that `asks` is there only for requests that say `:action` in their query.
    """

    def __init__(
        self, addresses: Collection[str], endpoint: object, method: str, *, asks: bool = False
    ) -> None:
        super().__init__(next(iter(addresses)), endpoint, methods=[method])  # type: ignore[arg-type]
        self._addresses = frozenset(addresses)
        self._asks = asks

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        if scope["type"] != "http" or scope["path"] not in self._addresses:
            return Match.NONE, {}
        if self._asks and not _says_action(scope.get("query_string", b"")):
            return Match.NONE, {}
        found = Match.FULL if scope["method"] in (self.methods or ()) else Match.PARTIAL
        return found, {"endpoint": self.endpoint, "path_params": {}}


class Exact(Route):
    """A route that is there for its methods alone: to others it is 404 rather than 405."""

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        match, child = super().matches(scope)
        return (match, child) if match is Match.FULL else (Match.NONE, {})


def _says_action(query: bytes) -> bool:
    return b":action=" in query or b"%3aaction=" in query.lower()
