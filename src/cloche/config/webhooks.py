"""`[webhook.NAME]`: who is told what happens."""

from collections.abc import Mapping
from typing import Annotated, Any
from urllib.parse import urlsplit

from msgspec import Meta, Struct

from cloche.core import hooks
from cloche.core.conversion import convert, nearest
from cloche.core.errors import BadSetting
from cloche.core.hooks import EVENTS, Hook
from cloche.core.index import Index

MIN_SECRET = 16  # bytes


class WebhookTable(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[webhook.NAME]`."""

    url: str
    secret: str
    events: tuple[str, ...] = ()  # none named: all
    indexes: tuple[str, ...] = ()  # none named: all
    give_up: Annotated[float, Meta(gt=0, le=8760)] = 72  # hours


def listeners(
    tables: Mapping[str, Any], indexes: Mapping[str, Index], where: str
) -> tuple[Hook, ...]:
    """Raise BadSetting."""
    return tuple(_hook(name, table, indexes, where) for name, table in tables.items())


def _hook(name: str, table: Any, indexes: Mapping[str, Index], where: str) -> Hook:
    key = f"webhook.{name}"
    found: WebhookTable = convert(table, WebhookTable, key, where)
    _check_address(f"{where}: {key}.url", found.url)
    for of, said, known in (("events", found.events, EVENTS), ("indexes", found.indexes, indexes)):
        for word in said:
            if word not in known:
                raise BadSetting(
                    f"{where}: {key}.{of} has {word!r}, which is none{nearest(word, list(known))}"
                )
    return Hook(
        name=name,
        url=found.url,
        secret=_secret(f"{where}: {key}.secret", found.secret),
        events=found.events or tuple(EVENTS),
        indexes=found.indexes,
        give_up=found.give_up,
    )


def _check_address(key: str, url: str) -> None:
    try:
        parts = urlsplit(url)
        sound = parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0
    except ValueError:
        sound = False
    if not sound:
        raise BadSetting(f"{key} is no address; give one such as https://host/path")


def _secret(key: str, said: str) -> bytes:
    try:
        found = hooks.key(said)
    except ValueError:
        found = b""
    if len(found) < MIN_SECRET:
        raise BadSetting(
            f"{key} has fewer than {MIN_SECRET} bytes, or no base64 behind whsec_; make one with "
            "`openssl rand -hex 32`"
        )
    return found
