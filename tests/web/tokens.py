"""Tokens for the tests, written to a server's catalog as its command line does."""

import asyncio
import base64
from datetime import UTC, datetime
from pathlib import Path

from cloche.catalog import connect
from cloche.core.access import Action
from cloche.logins.tokens import make


def granted(
    data: Path,
    *can: str,
    index: str = "main",
    name: str = "tester",
    expires_at: datetime | None = None,
) -> str:
    """Make a token in the server's data folder, and return it."""
    actions = tuple(Action(each) for each in can)
    token, secret = make(name, (index,), actions, datetime.now(UTC), expires_at)

    async def add() -> None:
        catalog = connect(f"sqlite:///{data / 'cloche.db'}")
        await catalog.tokens.add(token, "ops")
        await catalog.close()

    asyncio.run(add())
    return secret


def revoke(data: Path, secret: str) -> None:
    """Revoke a token as `cloche token revoke` does."""

    async def run() -> None:
        catalog = connect(f"sqlite:///{data / 'cloche.db'}")
        assert await catalog.tokens.revoke(secret.split("_")[1], datetime.now(UTC), "ops")
        await catalog.close()

    asyncio.run(run())


def basic(secret: str, user: str = "__token__") -> dict[str, str]:
    """The header that clients send for a user and a password."""
    pair = base64.b64encode(f"{user}:{secret}".encode()).decode()
    return {"Authorization": f"Basic {pair}"}


def bearer(secret: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {secret}"}
