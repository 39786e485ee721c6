"""The rest of the database: credentials, its pulse, its upkeep."""

from collections.abc import Iterable
from datetime import datetime
from typing import Protocol

from msgspec import Struct

from cloche.core.access import Action
from cloche.core.model import Digest


class Token(Struct, frozen=True, kw_only=True):
    """A credential as the catalog knows it: never its secret."""

    id: str
    name: str
    secret_hash: bytes  # sha256 of the secret: 256 random bits need no slow hash
    indexes: tuple[str, ...]
    can: tuple[Action, ...]
    created_at: datetime
    expires_at: datetime | None = None
    revoked_at: datetime | None = None


class Tokens(Protocol):
    """Credentials. Making and revoking one is journaled."""

    async def add(self, token: Token, who: str) -> None:
        """`who` makes it, for the journal."""

    async def find(self, token_id: str) -> Token | None: ...

    async def list(self) -> list[Token]:
        """All, the oldest first, the revoked and expired ones too."""

    async def revoke(self, token_id: str, at: datetime, who: str) -> bool:
        """Return whether there was such a token, and it was not revoked before."""


class Pulse(Protocol):
    """Tells that somebody, in any process or node, has written to the catalog."""

    def beat(self) -> int:
        """A number that is another one if anybody wrote since the last call.

        It may be another one without that, while the pulse is in doubt. Costs microseconds.
        """

    async def settle(self) -> None:
        """Return when everybody's next `beat` shows all that this process has written."""


class Upkeep(Protocol):
    async def referenced(self, digests: Iterable[Digest]) -> set[Digest]:
        """Those of `digests` that some row needs."""

    async def check(self) -> None:
        """Raise an Error that says cause and cure when the database cannot be used."""
