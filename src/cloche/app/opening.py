"""Everything that the settings name, opened: stores, upstreams, logins, feeds."""

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from pathlib import Path

from packaging import tags

from cloche import blobs as blob_kinds
from cloche import catalog, feeds, kinds, logins, ports, upstreams
from cloche.attestor import connect as connect_attestor
from cloche.catalog import Catalog, address
from cloche.config import Settings
from cloche.core.errors import BadSetting
from cloche.ports import Attestor, Blobs, Clock, Inspection, Outside, Primary, Upstream
from cloche.service.advisories import Subscription
from cloche.upstreams._offline import Offline


def utc_now() -> datetime:
    return datetime.now(UTC)


def open_blobs(settings: Settings) -> Blobs:
    """Open the blob store that the URL's scheme names. Raise BadSetting."""
    url = settings.blobs_url
    opened: Blobs = kinds.load(blob_kinds, blob_kind(url)).connect(url, settings.blobs_options)
    return opened


def open_inspection(settings: Settings) -> Inspection:
    """Open the same store for those who trust nothing it says. Raise BadSetting."""
    url = settings.blobs_url
    opened: Inspection = kinds.load(blob_kinds, blob_kind(url)).connect(url, settings.blobs_options)
    return opened


def blob_kind(url: str) -> str:
    """The kind of blob store at an address. Raise BadSetting."""
    kind, known = url.partition("://")[0], kinds.names(blob_kinds)
    if kind not in known:
        raise BadSetting(
            f"store.blobs is {url!r}; it begins with one of {', '.join(f'{k}://' for k in known)}"
        )
    return kind


def open_upstreams(settings: Settings) -> dict[str, Upstream]:
    """Make every upstream that is configured; nothing is asked yet. Raise BadSetting."""
    made: dict[str, Upstream] = {
        name: kinds.load(upstreams, each.kind).connect(name, each.own)
        for name, each in settings.upstreams.items()
    }
    if settings.server.offline:
        local = {name for name, each in settings.upstreams.items() if each.own.is_local}
        return {name: made[name] if name in local else Offline(name) for name in made}
    return made


def open_primaries(settings: Settings) -> dict[str, Primary]:
    """What indexes follow, by the index; nothing is asked yet. Raise BadSetting."""
    from cloche.upstreams._primary import ClochePrimary  # noqa: PLC0415  # for some servers alone

    return {
        name: ClochePrimary(index.follows, settings.upstreams[index.follows].own)
        for name, index in settings.indexes.items()
        if index.follows is not None
    }


def open_feeds(settings: Settings, spool: ports.Spool) -> dict[str, Subscription]:
    """Make every feed of advisories that may be asked; nothing is asked yet. Raise BadSetting."""
    made = {
        name: Subscription(
            feeds.connect(name, each.address, each.max_bytes, spool, settings.blobs_options),
            timedelta(seconds=each.refresh),
        )
        for name, each in settings.advisories.items()
    }
    offline = settings.server.offline
    return {name: each for name, each in made.items() if each.feed.is_local or not offline}


def open_logins(settings: Settings, clock: Clock) -> list[ports.Login]:
    """Open every login that is configured, besides the tokens. Raise BadSetting."""
    return [kinds.load(logins, kind).connect(own, clock) for kind, own in settings.logins.items()]


def open_attestor(settings: Settings) -> Attestor:
    """Make ready to find out who signs uploads; nothing is asked yet. Raise BadSetting."""
    said = settings.attestations.trust_root
    return connect_attestor(
        Path(said) if said else None,
        needed=any(index.publishers for index in settings.indexes.values()),
        offline=settings.server.offline,
    )


def open_outside(url: str, username: str | None, password: str | None) -> Outside:
    """An index elsewhere that takes uploads; nothing is sent yet. Raise BadSetting."""
    from cloche.upstreams._legacy import connect  # noqa: PLC0415  # for one command alone

    return connect(url, username, password)


def check_store(settings: Settings) -> None:
    """Look at the store's addresses without opening anything. Raise BadSetting."""
    blob_kind(settings.blobs_url)
    if settings.store.database:
        address.parse(settings.database_url)


def open_catalog(settings: Settings) -> Catalog:
    """Open the database, made or brought up to date if need be. Raise BadSetting."""
    make_data_folder(settings)
    return catalog.connect(settings.database_url)


def make_data_folder(settings: Settings) -> None:
    """Raise BadSetting when it is not there and cannot be made."""
    try:
        settings.data.mkdir(parents=True, exist_ok=True)
    except OSError as e:
        raise BadSetting(
            f"the data folder {settings.data} cannot be made ({e.strerror}); "
            "name another with --data"
        ) from None


@lru_cache
def this_platform() -> tuple[str, ...]:
    """The tags of wheels that run here (PEP 425), whatever the Python. The first call looks."""
    return tuple(dict.fromkeys(tags.platform_tags()))
