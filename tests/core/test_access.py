from datetime import UTC, datetime, timedelta

import pytest

from cloche.core.access import (
    EVERY_INDEX,
    Action,
    Principal,
    ReadPolicy,
    may_read,
    may_upload,
)

NOW = datetime(2026, 1, 1, tzinfo=UTC)
READ, UPLOAD, ADMIN = Action.READ, Action.UPLOAD, Action.ADMIN
SECOND = timedelta(seconds=1)


def somebody(
    *can: Action,
    name: str = "ada",
    indexes: tuple[str, ...] = ("main",),
    expires_at: datetime | None = None,
) -> Principal:
    return Principal(name=name, indexes=indexes, can=can, expires_at=expires_at)


@pytest.mark.parametrize(
    ("who", "reads", "uploads", "administers"),
    [
        (somebody(), False, False, False),
        (somebody(READ), True, False, False),
        (somebody(UPLOAD), False, True, False),
        (somebody(READ, UPLOAD), True, True, False),
        (somebody(ADMIN), True, True, True),
        (somebody(READ, UPLOAD, indexes=(EVERY_INDEX,)), True, True, False),
        (somebody(READ, UPLOAD, indexes=("team", "main")), True, True, False),
        (somebody(ADMIN, indexes=("team",)), False, False, False),
        (somebody(ADMIN, indexes=()), False, False, False),
        (somebody(ADMIN, indexes=("main/dev",)), False, False, False),
        (somebody(ADMIN, indexes=("mai",)), False, False, False),
        (somebody(ADMIN, expires_at=NOW + SECOND), True, True, True),
        (somebody(ADMIN, expires_at=NOW), False, False, False),
        (somebody(ADMIN, expires_at=NOW - SECOND), False, False, False),
    ],
)
def test_holds(who: Principal, *, reads: bool, uploads: bool, administers: bool) -> None:
    """A credential covers its actions on its indexes until it expires; admin covers all."""
    assert who.holds(READ, "main", NOW) is reads
    assert who.holds(UPLOAD, "main", NOW) is uploads
    assert who.holds(ADMIN, "main", NOW) is administers


NOBODY = None
READER = somebody(READ)
OTHER = somebody(READ, name="bob")
WRITER = somebody(UPLOAD)
STRANGER = somebody(READ, indexes=("team",))
EXPIRED = somebody(READ, expires_at=NOW)


@pytest.mark.parametrize(
    ("policy", "allowed", "refused"),
    [
        ("anyone", (NOBODY, READER, OTHER, WRITER, STRANGER, EXPIRED), ()),
        ("authenticated", (READER, OTHER), (NOBODY, WRITER, STRANGER, EXPIRED)),
        (("ada",), (READER,), (NOBODY, OTHER, WRITER, STRANGER, EXPIRED)),
        (("ada", "bob"), (READER, OTHER), (NOBODY, WRITER, STRANGER, EXPIRED)),
        (("adam", "d"), (), (NOBODY, READER, OTHER)),
        ((), (), (NOBODY, READER, OTHER)),
        (("anyone",), (), (NOBODY, READER)),
        (("authenticated",), (), (NOBODY, READER)),
    ],
)
def test_may_read(
    policy: ReadPolicy, allowed: tuple[Principal | None, ...], refused: tuple[Principal | None, ...]
) -> None:
    """An index's policy decides who reads; named ones need a credential too, and the whole name."""
    assert all(may_read(policy, who, "main", NOW) for who in allowed)
    assert not any(may_read(policy, who, "main", NOW) for who in refused)


@pytest.mark.parametrize(
    ("who", "allowed"),
    [
        (NOBODY, False),
        (READER, False),
        (WRITER, True),
        (somebody(ADMIN), True),
        (somebody(UPLOAD, indexes=("team",)), False),
        (somebody(UPLOAD, indexes=(EVERY_INDEX,)), True),
        (somebody(UPLOAD, expires_at=NOW), False),
    ],
)
def test_may_upload(who: Principal | None, *, allowed: bool) -> None:
    """Uploading takes a credential for it, whatever the index lets anyone read."""
    assert may_upload(who, "main", NOW) is allowed


def test_actions_are_their_words() -> None:
    """Actions are written in configuration and catalog as their words."""
    assert [*Action] == ["read", "upload", "follow", "admin"]
