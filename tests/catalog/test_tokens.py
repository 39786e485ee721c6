import msgspec
import pytest

from cloche.catalog import Catalog
from cloche.core.access import Action
from tests.catalog.samples import HOUR, NOON, entries, token

pytestmark = pytest.mark.anyio


async def test_token_is_found_as_added(catalog: Catalog) -> None:
    """A token is found by its id, with every one of its facts."""
    mine = token(expires_at=NOON + HOUR, can=(Action.ADMIN,))

    await catalog.tokens.add(mine, "ops")

    assert await catalog.tokens.find(mine.id) == mine
    assert await catalog.tokens.find("id-of-nobody") is None


async def test_tokens_are_listed_by_age(catalog: Catalog) -> None:
    """All tokens are listed, the oldest first, the revoked and expired ones too."""
    newer = token("newer", created_at=NOON + HOUR)
    older = token("older", expires_at=NOON - HOUR)
    for one in (newer, older):
        await catalog.tokens.add(one, "ops")
    await catalog.tokens.revoke(older.id, NOON, "ops")

    listed = await catalog.tokens.list()

    assert listed == [msgspec.structs.replace(older, revoked_at=NOON), newer]


async def test_token_is_revoked_once(catalog: Catalog) -> None:
    """A token can be revoked once, and an unknown one never."""
    await catalog.tokens.add(token(), "ops")

    assert await catalog.tokens.revoke("id-of-alice", NOON + HOUR, "ops")
    assert not await catalog.tokens.revoke("id-of-alice", NOON + 2 * HOUR, "ops")
    assert not await catalog.tokens.revoke("id-of-nobody", NOON, "ops")

    found = await catalog.tokens.find("id-of-alice")
    assert found == token(revoked_at=NOON + HOUR)


async def test_tokens_are_journaled_without_secrets(catalog: Catalog) -> None:
    """Making and revoking a token are journaled, and no hash of its secret is."""
    await catalog.tokens.add(token(), "root")
    await catalog.tokens.revoke("id-of-alice", NOON + HOUR, "ops")

    created, revoked = entries(catalog)

    assert (created["action"], created["at"], created["who"]) == ("token created", NOON, "root")
    assert (revoked["action"], revoked["at"]) == ("token revoked", NOON + HOUR)
    assert revoked["who"] == "ops"
    assert "alice" in created["detail"]
    assert "id-of-alice" in revoked["detail"]
    assert token().secret_hash.hex() not in str(created) + str(revoked)
    assert (await catalog.ledger.changes(0)).named == {}
