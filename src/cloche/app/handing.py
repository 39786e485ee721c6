"""Who hands kept files out besides the server, as the settings have it."""

import ipaddress
from types import ModuleType
from typing import Any

from cloche import blobs as blob_kinds
from cloche import kinds
from cloche.app.opening import blob_kind
from cloche.config import Settings
from cloche.core.errors import BadSetting
from cloche.ports import Signing
from cloche.web.handing import Accel, Handing, Redirects


def open_handing(settings: Settings) -> Handing | None:
    """Nothing is sent yet. Raise BadSetting where the store has nothing for others to hand out."""
    store = settings.store
    if store.redirect_files:
        return Redirects(open_signing(settings))
    if store.x_accel is None:
        return None
    placing = _able(settings, "place", "x_accel", "name a folder (file:///path)")
    networks = [ipaddress.ip_network(each) for each in settings.server.trusted_proxies]
    return Accel(placing, store.x_accel, networks)


def open_signing(settings: Settings) -> Signing:
    """Who signs addresses of the store's blobs; nothing is sent yet. Raise BadSetting."""
    signing = _able(settings, "signing", "redirect_files", "name a bucket (s3://bucket/prefix)")
    seen = settings.store.s3.public_endpoint if settings.store.s3 else None
    made: Signing = signing(settings.blobs_url, settings.blobs_options, seen)
    return made


def _able(settings: Settings, name: str, key: str, cure: str) -> Any:
    """What a kind of blob store has under this name, if it has."""
    kind = blob_kind(settings.blobs_url)
    module: ModuleType = kinds.load(blob_kinds, kind)
    if not hasattr(module, name):
        raise BadSetting(
            f"store.{key} is set, but store.blobs is in {kind}://…, from where nobody else can "
            f"hand files out so; {cure}, or remove {key}"
        )
    return getattr(module, name)
