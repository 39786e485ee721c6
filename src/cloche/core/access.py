"""Who may do what. Doubt means no."""

from datetime import datetime
from enum import StrEnum
from typing import Literal

from msgspec import Struct


class Action(StrEnum):
    READ = "read"
    UPLOAD = "upload"
    FOLLOW = "follow"  # all that an index itself has and says, whatever its rules withhold
    ADMIN = "admin"


EVERY_INDEX = "*"


class Principal(Struct, frozen=True, kw_only=True):
    """Somebody who has proved who they are, and what their credential lets them do."""

    name: str
    indexes: tuple[str, ...]  # names of indexes, or EVERY_INDEX
    can: tuple[Action, ...]
    expires_at: datetime | None = None
    ask_again_at: datetime | None = None  # when the login may have another opinion

    def holds(self, action: Action, index: str, now: datetime) -> bool:
        """Whether the credential covers `action` on `index` at `now`; admin covers all."""
        if self.expires_at is not None and now >= self.expires_at:
            return False
        if EVERY_INDEX not in self.indexes and index not in self.indexes:
            return False
        return action in self.can or Action.ADMIN in self.can


ReadPolicy = Literal["anyone", "authenticated"] | tuple[str, ...]


def may_read(policy: ReadPolicy, who: Principal | None, index: str, now: datetime) -> bool:
    """Apply an index's `read` setting: anyone, any credential that can read, or named ones."""
    if policy == "anyone":
        return True
    if who is None or not who.holds(Action.READ, index, now):
        return False
    return policy == "authenticated" or who.name in policy


def may_manage(who: Principal | None, index: str, now: datetime) -> bool:
    """Managing always takes a credential, on loopback too."""
    return who is not None and who.holds(Action.ADMIN, index, now)


def may_upload(who: Principal | None, index: str, now: datetime) -> bool:
    """Uploading always takes a credential, on loopback too."""
    return who is not None and who.holds(Action.UPLOAD, index, now)


def may_follow(who: Principal | None, index: str, now: datetime) -> bool:
    """Following always takes a credential, on loopback too: it sees what no page shows."""
    return who is not None and who.holds(Action.FOLLOW, index, now)
