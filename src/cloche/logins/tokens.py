"""Tokens: `cloche_<id>_<secret>`, given as the password of any user name, or as a bearer."""

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from datetime import datetime

from cloche.core.access import Action, Principal
from cloche.ports import Clock, Token, Tokens

PREFIX = "cloche"
NOBODY = hashlib.sha256(b"").digest()


@dataclass(frozen=True, slots=True)
class Login:
    tokens: Tokens
    clock: Clock

    async def principal(self, user: str, secret: str) -> Principal | None:  # noqa: ARG002 - any user name will do
        """Who holds the token, or None when it is unknown, wrong, expired or revoked."""
        token_id, given = _split(secret)
        token = await self.tokens.find(token_id) if token_id else None
        # An unknown id is compared too: the time that it takes tells nobody which ids exist.
        if not hmac.compare_digest(_hash(given), token.secret_hash if token else NOBODY):
            return None
        if token is None or not _live(token, self.clock()):
            return None
        return Principal(
            name=token.name, indexes=token.indexes, can=token.can, expires_at=token.expires_at
        )


def make(
    name: str,
    indexes: tuple[str, ...],
    can: tuple[Action, ...],
    now: datetime,
    expires_at: datetime | None = None,
) -> tuple[Token, str]:
    """Make a token: the record to keep, and the secret to show once."""
    token_id, secret = secrets.token_hex(6), secrets.token_urlsafe(32)
    token = Token(
        id=token_id,
        name=name,
        secret_hash=_hash(secret),
        indexes=indexes,
        can=can,
        created_at=now,
        expires_at=expires_at,
    )
    return token, f"{PREFIX}_{token_id}_{secret}"


def _split(secret: str) -> tuple[str, str]:
    prefix, _, rest = secret.partition("_")
    token_id, _, given = rest.partition("_")
    return (token_id, given) if prefix == PREFIX and token_id.isalnum() else ("", "")


def _hash(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()


def _live(token: Token, now: datetime) -> bool:
    return token.revoked_at is None and (token.expires_at is None or now < token.expires_at)
