"""Webhooks: which entries of the journal somebody wants to hear of, and how they are told."""

import base64
import hashlib
import hmac
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import msgspec
from msgspec import Struct

from cloche.core.journal import Change

PUSH = "push"
EVENTS: Mapping[str, tuple[Change, ...]] = {
    "upload": (Change.FILE_UPLOADED,),
    PUSH: (Change.FILE_UPLOADED,),  # from another index; the entry says from which
    "delete": (Change.FILE_DELETED,),
    "yank": (
        Change.FILE_YANKED,
        Change.VERSION_YANKED,
        Change.FILE_UNYANKED,
        Change.VERSION_UNYANKED,
    ),
    "status": (Change.STATUS_CHANGED, Change.STATUS_REMOVED),
    "admission": (Change.ADMITTED, Change.ADMISSION_ENDED),
    "documentation": (Change.DOCUMENTED,),
    "advisory": (Change.ADVISORIES_CHANGED,),
    "recall": (Change.FILE_RECALLED,),
    "gone": (Change.PAGE_GONE,),
}
"""What a webhook can be told of, in the settings' words."""

TYPE = "application/cloudevents+json"
_ENCODED = "whsec_"


class Hook(Struct, frozen=True, kw_only=True):
    """Somebody who wants to hear of some events."""

    name: str
    url: str
    secret: bytes
    events: tuple[str, ...]
    indexes: tuple[str, ...] = ()  # of these alone, and of what they draw on
    give_up: float = 72  # hours after which an event that is not taken is told no more

    @property
    def actions(self) -> list[str]:
        return sorted({action.value for event in self.events for action in EVENTS[event]})


class Told(Struct, frozen=True, kw_only=True):
    """An entry of the journal. `place` is an index, an upstream or whoever else it speaks of."""

    serial: int
    at: datetime
    who: str
    action: str
    place: str | None
    project: str | None
    version: str | None
    filename: str | None
    detail: dict[str, Any]

    @property
    def event(self) -> str | None:
        """By which name it is told; None when it is not."""
        if self.action == Change.FILE_UPLOADED:
            return PUSH if "from" in self.detail else "upload"
        return next((name for name, of in EVENTS.items() if self.action in of), None)


def body(told: Told, base: str) -> bytes:
    """The event as CloudEvents 1.0 has it, in JSON. `base` is the server's address, if known."""
    said = {
        "specversion": "1.0",
        "id": str(told.serial),
        "source": f"{base.rstrip('/')}/{quote(told.place or '')}",
        "type": f"cloche.{told.event}",
        "time": told.at.astimezone(UTC),
        "subject": "/".join(each for each in (told.project, told.filename or told.version) if each),
        "datacontenttype": "application/json",
        "data": {
            "serial": told.serial,
            "action": told.action,
            "index": told.place,
            "project": told.project,
            "version": told.version,
            "filename": told.filename,
            "who": told.who,
            "detail": told.detail,
        },
    }
    return msgspec.json.encode(said)


def headers(hook: Hook, told: Told, now: datetime, content: bytes) -> dict[str, str]:
    """What the receiver knows us by: HMAC-SHA256, as Standard Webhooks has it."""
    number, at = str(told.serial), str(int(now.timestamp()))
    signed = f"{number}.{at}.".encode() + content
    mac = base64.b64encode(hmac.digest(hook.secret, signed, hashlib.sha256)).decode()
    return {
        "Content-Type": TYPE,
        "webhook-id": number,
        "webhook-timestamp": at,
        "webhook-signature": f"v1,{mac}",
    }


def key(secret: str) -> bytes:
    """The key that a secret means: its bytes, or what follows `whsec_` in base64.

    Raise ValueError when that is none.
    """
    if secret.startswith(_ENCODED):
        return base64.b64decode(secret.removeprefix(_ENCODED), validate=True)
    return secret.encode()
