"""Settings: a TOML file, `CLOCHE_…` variables and command-line flags, as one frozen struct.

Every key has a default; an unknown one is an error that names the nearest right one.
"""

import ipaddress
import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

import msgspec
from msgspec import Meta, Struct

from cloche import kinds, logins, upstreams
from cloche.config import advisories as feeds
from cloche.config import caching, storing
from cloche.config.advisories import AdvisoriesTable
from cloche.config.caching import Cache
from cloche.config.indexes import RESERVED, At, IndexTable, build, read, redirects
from cloche.config.storing import Store
from cloche.config.webhooks import listeners
from cloche.core.access import EVERY_INDEX
from cloche.core.conversion import convert, nearest
from cloche.core.errors import BadName, BadSetting
from cloche.core.hooks import Hook
from cloche.core.index import Index
from cloche.core.mirrors import Choice, Mirror, recalled
from cloche.core.retention import Retention
from cloche.core.upstreams import Freshness, Policy

__all__ = ["RESERVED", "Settings", "is_loopback", "load"]

DEFAULT_DATA = Path("cloche-data")
DEFAULT_UPSTREAM = "pypi"
VARIABLE = "CLOCHE_"


class Tls(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[server.tls]`: paths of PEM files."""

    certificate: str
    key: str


class Server(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[server]`: how it listens and speaks."""

    host: str = "127.0.0.1"
    port: Annotated[int, Meta(ge=0, le=65535)] = 8080  # 0: any free one
    workers: Annotated[int, Meta(ge=1, le=256)] = 1
    public_url: str | None = None  # where users see it, if that is not what requests say
    trusted_proxies: tuple[str, ...] = ()  # addresses whose X-Forwarded-* headers are believed
    tls: Tls | None = None
    log: Literal["text", "json"] = "text"
    shutdown_grace: Annotated[float, Meta(ge=0, le=3600)] = 10  # seconds for what is in flight
    max_upload: Annotated[int, Meta(ge=1)] = 4 << 30  # bytes of one file
    prefetch: Annotated[int, Meta(ge=0)] = 32 << 20  # bytes of a file to guess ahead; 0: never
    offline: bool = False  # serve what is kept, ask nobody

    @property
    def is_secure(self) -> bool:
        """Whether clients are known to come by https."""
        return self.tls is not None or (self.public_url or "").lower().startswith("https:")


class Attestations(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[attestations]`: what is trusted about who signed an upload's attestations."""

    trust_root: str | None = None  # path of a Sigstore trust root; else the public Sigstore's


class Access(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[access]`: the journal of who fetched which file."""

    journal: bool = True
    days: Annotated[float, Meta(gt=0, le=36500)] = 400  # that entries are kept
    addresses: bool = True  # whether clients' addresses are written down


class UpstreamSettings(Struct, frozen=True, kw_only=True):
    """`[upstream.NAME]`: a kind, that kind's own settings, and how long its answers hold."""

    kind: str
    own: Any  # the kind's Settings
    freshness: Freshness
    recall: Policy = Policy()
    mirror: Mirror = Mirror()
    retention: Retention = Retention()


class Settings(Struct, frozen=True, kw_only=True):
    """All of it, checked."""

    data: Path
    server: Server
    store: Store
    attestations: Attestations
    access: Access
    cache: Cache = Cache()
    upstreams: dict[str, UpstreamSettings]
    indexes: dict[str, Index]
    advisories: dict[str, AdvisoriesTable] = {}
    rules: dict[str, tuple[dict[str, Any], ...]] = {}  # of each index, as they are written
    retention: dict[str, Retention] = {}  # of indexes and upstreams that have any
    folder: Path = Path()  # what paths in them are relative to
    logins: dict[str, Any] = {}  # besides tokens: a kind, and that kind's own settings
    webhooks: tuple[Hook, ...] = ()

    @property
    def redirects(self) -> dict[str, str]:
        """Where clients are sent for what an upstream may have, by its name."""
        return redirects(self.indexes, self.upstreams)

    @property
    def spared(self) -> frozenset[str]:
        """The upstreams of which the cache's limit takes nothing.

        Those that are to be here as a whole, and those that cannot be asked: nobody would send
        it again.
        """
        offline = self.server.offline
        whole = (
            name
            for name, each in self.upstreams.items()
            if each.mirror.mode == "all" or each.kind == "bundle" or offline
        )
        return frozenset((*whole, *self.cache.spare))

    @property
    def default_index(self) -> Index:
        return next(index for index in self.indexes.values() if index.default)

    @property
    def database_url(self) -> str:
        return self.store.database or f"sqlite:///{self.data.absolute() / 'cloche.db'}"

    @property
    def blobs_url(self) -> str:
        return self.store.blobs or (self.data.absolute() / "blobs").as_uri()

    @property
    def blobs_options(self) -> dict[str, str]:
        """What opens a bucket. Where clients find it is no business of most who do."""
        found = msgspec.to_builtins(self.store.s3) if self.store.s3 else {}
        found.pop("public_endpoint", None)
        return {key: value for key, value in found.items() if value is not None}


class _Tables(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The file's own shape, before it is completed and checked."""

    server: Server = Server()
    store: Store = Store()
    attestations: Attestations = Attestations()
    access: Access = Access()
    cache: Cache = Cache()
    upstream: dict[str, Any] = {}
    advisories: dict[str, Any] = {}
    index: dict[str, Any] = {}
    login: dict[str, Any] = {}
    webhook: dict[str, Any] = {}


def load(
    file: Path | None = None,
    data: Path | None = None,
    flags: Mapping[str, Any] | None = None,
    environ: Mapping[str, str] = os.environ,
) -> Settings:
    """Read the file, then the variables, then `flags` (dotted key -> value): the last wins.

    `CLOCHE_SERVER__PORT=8081` sets `server.port`: two underscores stand for each dot. Raise
    BadSetting, with the key, what is wrong with it and what would be right.
    """
    raw = _read(file) if file else {}
    folder = data or Path(environ.get(f"{VARIABLE}DATA") or DEFAULT_DATA)
    variables = _variables(environ)
    for key, value in variables.items():
        _set(raw, key.split("."), value)
    for key, value in (flags or {}).items():
        if value is not None:
            _set(raw, key.split("."), value)
    said = [str(file)] * bool(file) + [f"the {VARIABLE}… variables"] * bool(variables)
    where = " and ".join(said) or "the settings"
    beside = file.absolute().parent if file else Path.cwd()
    settings = _complete(folder, convert(raw, _Tables, "", where), where, beside)
    _check_flags(settings, flags or {})
    return settings


def _check_flags(settings: Settings, flags: Mapping[str, Any]) -> None:
    """A flag that would have no effect is a mistake, or the file has one."""
    for key in [key for key, value in flags.items() if value is not None]:
        table, _, rest = key.partition(".")
        name = rest.rpartition(".")[0]
        if table == "upstream" and not any(
            name in index.every_source for index in settings.indexes.values()
        ):
            raise BadSetting(
                f"{key} is given, but no index draws on the upstream {name}; "
                f'add sources = ["{name}"] under [index.…]'
            )


def _read(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as e:
        raise BadSetting(
            f"the settings {file} cannot be read ({e.strerror}); name another file with --config"
        ) from None
    except (ValueError, RecursionError) as e:
        raise BadSetting(f"{file} is not TOML: {e}") from None


def _variables(environ: Mapping[str, str]) -> dict[str, Any]:
    """Settings among the variables; those with `__` are ours, others may be anybody's."""
    return {
        name.removeprefix(VARIABLE).lower().replace("__", "."): _value(text)
        for name, text in sorted(environ.items())
        if name.startswith(VARIABLE) and "__" in name
    }


def _value(text: str) -> Any:
    """Read a value as TOML would, and as plain text if it is none."""
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except (ValueError, RecursionError):
        return text


def _set(tables: dict[str, Any], path: list[str], value: Any) -> None:
    for key in path[:-1]:
        tables = tables.setdefault(key, {})
        if not isinstance(tables, dict):
            raise BadSetting(f"{'.'.join(path)} cannot be set: {key} is not a table")
    tables[path[-1]] = value


def _complete(data: Path, tables: _Tables, where: str, folder: Path) -> Settings:
    """Add the defaults that depend on each other, and check what only the whole can show."""
    _check_server(tables.server, where)
    proxied, secure = bool(tables.server.trusted_proxies), tables.server.is_secure
    storing.check(tables.store, where, proxied=proxied, secure=secure)
    settings = {name: _upstream(name, table, where) for name, table in tables.upstream.items()}
    given = {name: read(name, table, where) for name, table in tables.index.items()}
    needed = not given or any(DEFAULT_UPSTREAM in table.every_source for table in given.values())
    if needed and DEFAULT_UPSTREAM not in settings:
        settings[DEFAULT_UPSTREAM] = _upstream(DEFAULT_UPSTREAM, {}, where)
    made = given or {"main": IndexTable(sources=tuple(settings), uploads=True, default=True)}
    indexes = build(made, settings, At(where, folder, is_local=is_loopback(tables.server.host)))
    caching.check(tables.cache, settings, where)
    feeds.check_needed(indexes.values(), tables.advisories, where)
    return Settings(
        data=data,
        server=tables.server,
        store=tables.store,
        attestations=tables.attestations,
        access=tables.access,
        cache=tables.cache,
        upstreams=settings,
        indexes=indexes,
        rules={name: table.rule for name, table in made.items()},
        retention=_retention(made, settings, where),
        folder=folder,
        advisories={
            name: feeds.read(name, table, where, folder)
            for name, table in tables.advisories.items()
        },
        logins={kind: _login(kind, table, indexes, where) for kind, table in tables.login.items()},
        webhooks=listeners(tables.webhook, indexes, where),
    )


def _retention(
    indexes: Mapping[str, IndexTable], upstreams: Mapping[str, UpstreamSettings], where: str
) -> dict[str, Retention]:
    own = {name: each.retention or Retention() for name, each in indexes.items()}
    every = {**{name: each.retention for name, each in upstreams.items()}, **own}
    for name, each in every.items():
        if each.every and not each.says_something:
            raise BadSetting(
                f"{where}: the retention of {name} has `every` and does not say what is kept; add "
                "newest, fetched_within or named_by"
            )
    return {name: each for name, each in every.items() if each.says_something}


def _check_server(server: Server, where: str) -> None:
    try:
        outside = urlsplit(server.public_url or "http://unset")
        sound = outside.scheme in {"http", "https"} and outside.hostname and not outside.query
    except ValueError:
        sound = False
    if not sound:
        raise BadSetting(
            f"{where}: server.public_url is {server.public_url!r}; "
            "give the address that users see, such as https://pypi.example.org"
        )
    for proxy in server.trusted_proxies:
        try:
            ipaddress.ip_network(proxy)
        except ValueError:
            raise BadSetting(
                f"{where}: server.trusted_proxies has {proxy!r}; give IP addresses or networks, "
                "such as 10.0.0.0/8"
            ) from None


def _upstream(name: str, table: Any, where: str) -> UpstreamSettings:
    if not name or not name.isprintable():
        raise BadSetting(f"{where}: upstream.{name!r} has no name that can be shown; rename it")
    own = dict(convert(table, dict, f"upstream.{name}", where))
    kind = own.get("kind", "simple")
    known = kinds.names(upstreams)
    if kind not in known:
        raise BadSetting(
            f"{where}: upstream.{name}.kind is {kind!r}; known kinds are {', '.join(known)}"
        )
    freshness = convert(own.pop("freshness", {}), Freshness, f"upstream.{name}.freshness", where)
    said = own.pop("recall", {})
    recall = convert(said, Policy, f"upstream.{name}.recall", where)
    mirror = _mirror(name, own.pop("mirror", {}), where)
    if mirror.gone is not None:
        if "deleted" in said and recall.deleted != recalled(mirror.gone):
            raise BadSetting(
                f"{where}: upstream.{name}.recall.deleted is {recall.deleted!r} and "
                f"upstream.{name}.mirror.gone is {mirror.gone!r}, which contradict each other; "
                "leave one of them out"
            )
        recall = Policy(deleted=recalled(mirror.gone))
    kept = convert(own.pop("retention", {}), Retention, f"upstream.{name}.retention", where)
    settings = kinds.load(upstreams, kind).Settings
    return UpstreamSettings(
        kind=kind,
        own=convert(own, settings, f"upstream.{name}", where),
        freshness=freshness,
        recall=recall,
        mirror=mirror,
        retention=kept,
    )


def _mirror(name: str, table: Any, where: str) -> Mirror:
    key = f"upstream.{name}.mirror"
    found: Mirror = convert(table, Mirror, key, where)
    try:
        Choice(found.projects)
    except BadName as e:
        raise BadSetting(f"{where}: {key}.projects: {e}") from None
    return found


def _login(kind: str, table: Any, indexes: Mapping[str, Index], where: str) -> Any:
    known = [name for name in kinds.names(logins) if name != "tokens"]  # they need no settings
    if kind not in known:
        raise BadSetting(f"{where}: unknown key login.{kind}; known are {', '.join(known)}")
    own = convert(table, kinds.load(logins, kind).Settings, f"login.{kind}", where)
    for name in own.indexes:
        if name not in indexes and name != EVERY_INDEX:
            raise BadSetting(
                f"{where}: login.{kind}.indexes names {name!r}, which is no index"
                f"{nearest(name, list(indexes))}"
            )
    return own


def is_loopback(host: str) -> bool:
    """Whether only this machine can connect to `host`."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
