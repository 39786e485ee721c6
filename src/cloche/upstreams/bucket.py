"""Loose distributions in a bucket of an object store, below a prefix, as an upstream.

All objects are listed now and then, and what that says is what their pages have: name, size, and
when each was written. What is in them is not known before somebody fetches them.
"""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from time import monotonic
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import quote, unquote, urlsplit

import msgspec
from msgspec import Meta, Struct
from obstore.exceptions import BaseError, PreconditionError
from obstore.store import from_url

from cloche.core.errors import (
    BadSetting,
    NoSuchFile,
    NoSuchProject,
    TooLarge,
    TransferBroken,
    UpstreamDown,
    UpstreamLies,
)
from cloche.core.model import BESIDE, Artifact, ProjectName
from cloche.core.negotiation import Format
from cloche.core.objects import (
    BEYOND_THE_END,
    NO_BUCKET,
    NO_CREDENTIALS,
    REFUSED,
    first_line,
    is_endpoint,
    reason,
)
from cloche.ports import Document, Received, Rolled, Transfer, Upstream
from cloche.upstreams._remote import Count, Seconds
from cloche.upstreams._tree import age, project_of

if TYPE_CHECKING:  # obstore's stubs alone have them
    from obstore import GetOptions, GetResult
    from obstore.store import ClientConfig, ObjectStore, RetryConfig

SCHEMES = ("s3", "gs", "az")
KEYS = ("endpoint", "region", "access_key_id", "secret_access_key")
CHUNK = 256 << 10
BATCH = 1000  # objects: what S3 lists in one answer
METADATA = ".metadata"
RETRY: "RetryConfig" = {
    "max_retries": 2,
    "retry_timeout": timedelta(seconds=10),
    "backoff": {"init_backoff": timedelta(milliseconds=100), "max_backoff": timedelta(seconds=1)},
}


class Settings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[upstream.NAME]` of kind "bucket"."""

    kind: str = "bucket"
    url: str  # s3://bucket/prefix
    endpoint: str | None = None
    region: str | None = None
    access_key_id: str | None = None
    secret_access_key: str | None = None
    refresh: Annotated[float, Meta(ge=0)] = 60  # seconds for which one list of objects holds
    connect_timeout: Seconds = 5
    read_timeout: Seconds = 20
    list_timeout: Seconds = 120  # for the whole list
    max_entries: Count = 1_000_000  # objects, all of them
    max_files: Count = 100_000  # of one project
    max_file_bytes: Count = 20 << 30
    max_metadata_bytes: Count = 16 << 20

    @property
    def is_local(self) -> bool:
        return False


class _Object(Struct, frozen=True, gc=False):
    path: str
    size: int
    etag: str
    written: datetime
    has_metadata: bool = False  # an object of its name and `.metadata` lies beside it


@dataclass(frozen=True, slots=True)
class _Seen:
    """One look at the bucket; a million objects are some 300 MB."""

    projects: dict[ProjectName, tuple[_Object, ...]]
    until: float


def connect(name: str, settings: Settings) -> Upstream:
    """Open the bucket; nothing is sent yet. Raise BadSetting when the address is of none."""
    scheme, bucket, path, *rest = urlsplit(settings.url)
    given = {key: value for key in KEYS if (value := getattr(settings, key)) is not None}
    if scheme not in SCHEMES or not bucket or "@" in bucket or any(rest):
        # Without the address itself: it may hold a secret.
        raise BadSetting(
            f"upstream {name}: url names no bucket; write s3://bucket/prefix, and no more"
        )
    if given and scheme != "s3":
        raise BadSetting(
            f"upstream {name}: {next(iter(given))} is for s3:// only; the credentials of "
            f"{scheme}:// are taken from its own variables"
        )
    if settings.endpoint is not None and not is_endpoint(settings.endpoint):
        raise BadSetting(
            f"upstream {name}: endpoint is {settings.endpoint!r}; write https://host or "
            "http://host:port"
        )
    try:
        store = from_url(
            settings.url.rstrip("/"),
            config={**given} or None,  # type: ignore[arg-type]  # KEYS are keys of it
            client_options=_client(settings),
            retry_config=RETRY,
        )
    except (BaseError, ValueError) as e:
        raise BadSetting(
            f"upstream {name}: the bucket {bucket} cannot be used ({first_line(e)}); correct it"
        ) from None
    root = f"{scheme}://{bucket}/{quote(unquote(path).strip('/'))}".rstrip("/")
    return _Bucket(name, settings, store, root)


def _client(settings: Settings) -> "ClientConfig":
    return {
        "allow_http": True,  # only where the address says http
        "connect_timeout": f"{settings.connect_timeout}s",
        "read_timeout": f"{settings.read_timeout}s",
        "timeout": "1day",  # of a whole transfer, which is as slow as the client that reads along
    }


class _Bucket:
    def __init__(self, name: str, settings: Settings, store: "ObjectStore", root: str) -> None:
        self.name = name
        self._settings = settings
        self._store = store
        self._root = root  # without a slash at the end
        self._seen = _Seen({}, 0.0)
        self._turn = asyncio.Lock()

    async def close(self) -> None:
        pass

    async def page(self, project: ProjectName, etag: str | None) -> Received:
        async with self._turn:
            if monotonic() >= self._seen.until:
                self._seen = await self._look()
        found = self._seen.projects.get(project)
        if not found:
            raise NoSuchProject(f"{self.name} has no project {project}", max_age=0)
        entries = [self._entry(each) for each in found]
        body = msgspec.json.encode(
            {"meta": {"api-version": "1.1"}, "name": project, "files": entries}
        )
        own = f'"{hashlib.sha256(body).hexdigest()}"'
        if own == etag:
            return Received(document=None, etag=own, max_age=0)
        document = Document(body=body, content_type=Format.JSON, url=f"{self._root}/")
        return Received(document=document, etag=own, max_age=0)

    async def roll(self, etag: str | None) -> Rolled | None:  # noqa: ARG002 - names have none
        async with self._turn:
            if monotonic() >= self._seen.until:
                self._seen = await self._look()
            return Rolled(projects=dict.fromkeys(self._seen.projects, 0))

    @asynccontextmanager
    async def transfer(
        self, artifact: Artifact, start: int, etag: str | None
    ) -> AsyncIterator[Transfer]:
        path, wanted = self._path(artifact.url)
        with self._translated(TransferBroken, artifact):
            begin, found = await self._open(path, start, etag)
        size, now = found.meta["size"], found.meta["e_tag"] or ""
        beside = artifact.filename.endswith(BESIDE)
        if not beside and wanted not in {now, ""}:  # another file has that name by now
            raise NoSuchFile(f"{self.name} has {artifact.filename} no longer")
        most = self._settings.max_metadata_bytes if beside else self._settings.max_file_bytes
        if size > most:
            raise TooLarge(f"{self.name} has more of {artifact.filename} than the {most} allowed")
        chunks = self._chunks(artifact, found)
        yield Transfer(start=begin, total=size, etag=_strong(now), chunks=chunks)

    async def _open(self, path: str, start: int, etag: str | None) -> "tuple[int, GetResult]":
        """Where it begins: at the start asked for, if it is that file and so long; else at 0."""
        if start:
            options: GetOptions = {"range": {"offset": start}}
            if etag is not None:
                options["if_match"] = etag
            try:
                return start, await self._store.get_async(path, options=options)
            except PreconditionError:
                pass
            except BaseError as e:
                if reason(e) not in BEYOND_THE_END:
                    raise
        return 0, await self._store.get_async(path)

    async def _chunks(self, artifact: Artifact, found: "GetResult") -> AsyncIterator[bytes]:
        with self._translated(TransferBroken, artifact):
            async for chunk in found.stream(CHUNK):
                yield bytes(chunk)

    async def _look(self) -> _Seen:
        """List all objects. Raise UpstreamDown when that fails, UpstreamLies when they are many."""
        found: dict[str, _Object] = {}
        with self._translated(UpstreamDown):
            async with asyncio.timeout(self._settings.list_timeout):
                async for batch in self._store.list(chunk_size=BATCH):
                    found |= {each["path"]: _object(each) for each in batch}
                    if len(found) > self._settings.max_entries:
                        raise UpstreamLies(
                            f"{self.name} has more than {self._settings.max_entries} objects; "
                            "raise max_entries"
                        )
        projects = await asyncio.to_thread(_by_project, found)
        return _Seen(projects, monotonic() + self._settings.refresh)

    def _entry(self, of: _Object) -> dict[str, Any]:
        at = of.written.astimezone(UTC)
        return {
            "filename": of.path.rpartition("/")[2],
            # With the ETag an object that is overwritten is another file.
            "url": f"{self._root}/{quote(of.path)}?{quote(of.etag, safe='')}",
            "hashes": {},
            "size": of.size,
            "upload-time": f"{at:%Y-%m-%dT%H:%M:%S.%f}Z",
            "core-metadata": of.has_metadata,
        }

    def _path(self, url: str) -> tuple[str, str]:
        """Path and ETag that an address names. Raise UpstreamLies when it leads elsewhere."""
        address, _, etag = url.partition("?")
        if not address.startswith(f"{self._root}/"):
            raise UpstreamLies(f"{self.name} leads nowhere: out of its bucket")
        return unquote(address.removeprefix(f"{self._root}/")), unquote(etag)

    @contextmanager
    def _translated(
        self, kind: type[UpstreamDown], artifact: Artifact | None = None
    ) -> Iterator[None]:
        """Raise errors of the tree in place of obstore's."""
        try:
            yield
        except TimeoutError:
            raise kind(f"{self.name} takes too long to list its objects") from None
        except (BaseError, FileNotFoundError) as e:
            said = reason(e)
            if artifact is not None and isinstance(e, FileNotFoundError) and said != NO_BUCKET:
                raise NoSuchFile(f"{self.name} has {artifact.filename} no longer") from None
            cure = "check url and credentials" if said in _SETTINGS else "try again"
            raise kind(f"{self.name} cannot be reached ({said}); {cure}") from None


_SETTINGS = (*REFUSED, NO_BUCKET, NO_CREDENTIALS)


def _object(found: Any) -> _Object:
    return _Object(found["path"], found["size"], found["e_tag"] or "", found["last_modified"])


def _by_project(found: dict[str, _Object]) -> dict[ProjectName, tuple[_Object, ...]]:
    """The distributions, of one name that which lies highest; what is hidden is passed over."""
    highest: dict[str, str] = {}
    for path in sorted(found, key=lambda path: (path.count("/"), path)):
        if not any(part.startswith(".") for part in path.split("/")):
            highest.setdefault(path.rpartition("/")[2], path)
    projects: dict[ProjectName, list[_Object]] = {}
    for path in sorted(highest.values(), key=age):
        project = project_of(path.rpartition("/")[2])
        if project is not None:
            beside = path + METADATA in found
            one = msgspec.structs.replace(found[path], has_metadata=beside)
            projects.setdefault(project, []).append(one)
    return {name: tuple(files) for name, files in projects.items()}


def _strong(etag: str) -> str | None:
    return etag if etag.startswith('"') else None
