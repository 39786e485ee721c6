"""Upstreams of every kind, and what is asked of them."""

from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import AbstractContextManager, asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import pytest

from cloche import kinds as modules
from cloche import upstreams
from cloche.core.model import Artifact, FileKey, Page, ProjectName
from cloche.core.wire import read_page
from cloche.ports import Received, Transfer
from cloche.ports import Upstream as Port
from cloche.service.sight import artifact_of
from tests.packages import Built, wheel
from tests.services.s3 import Bucket, Server
from tests.upstream.controller import Upstream

DEMO = wheel("demo", "1.0", size=200_000)
NAME = ProjectName("demo")
PAGE = "/simple/demo/"
FILE = "/files/demo/demo-1.0-py3-none-any.whl"

QUICK: dict[str, Any] = {
    "connect_timeout": 10.0,
    "read_timeout": 1.0,
    "page_timeout": 3.0,
    "attempts": 1,
}
"""An upstream's patience, for tests in which it is tried."""


class Scene(Protocol):
    """A world that an upstream of some kind looks at."""

    def settings(self) -> dict[str, Any]: ...

    def add(self, built: Built) -> None: ...

    def remove(self, built: Built) -> None: ...

    def down(self) -> AbstractContextManager[None]: ...


@dataclass
class Web:
    """The fake upstream, which of its pages the kind begins at, and what it is reached through."""

    fake: Upstream
    start: str
    patience: Mapping[str, Any]
    front: str = ""

    def settings(self) -> dict[str, Any]:
        return {"url": (self.front or self.fake.url) + self.start, **self.patience}

    def add(self, built: Built) -> None:
        self.fake.add(built)

    def remove(self, built: Built) -> None:
        self.fake.remove(built)

    def down(self) -> AbstractContextManager[None]:
        return self.fake.down()


@dataclass
class Folder:
    """A folder of files; being down is having another name."""

    root: Path

    def settings(self) -> dict[str, Any]:
        self.root.mkdir(exist_ok=True)
        return {"path": str(self.root)}

    def add(self, built: Built) -> None:
        built.write(self.root)

    def remove(self, built: Built) -> None:
        (self.root / built.filename).unlink()

    @contextmanager
    def down(self) -> Iterator[None]:
        aside = self.root.rename(self.root.with_suffix(".aside"))
        yield
        aside.rename(self.root)


@dataclass
class Objects:
    """Objects below a prefix of a bucket; being down is having no bucket."""

    server: Server
    bucket: Bucket

    def settings(self) -> dict[str, Any]:
        where = {"url": f"{self.bucket.url}/all packages", "endpoint": self.bucket.endpoint}
        keys = {
            "access_key_id": self.bucket.access_key,
            "secret_access_key": self.bucket.secret_key,
            "region": self.bucket.region,
        }
        return {**where, **keys}

    def add(self, built: Built) -> None:
        for path, data in self._files(built).items():
            self.bucket.store("all packages").put(path, data)

    def remove(self, built: Built) -> None:
        for path in self._files(built):
            self.bucket.store("all packages").delete(path)

    @contextmanager
    def down(self) -> Iterator[None]:
        store = self.bucket.store()
        kept = {
            each["path"]: bytes(store.get(each["path"]).bytes()) for each in store.list().collect()
        }
        for path in kept:
            store.delete(path)
        assert self.server.ask("DELETE", f"/{self.bucket.bucket}")[0] == 204
        yield
        assert self.server.ask("PUT", f"/{self.bucket.bucket}")[0] == 200
        for path, data in kept.items():
            store.put(path, data)

    def _files(self, built: Built) -> dict[str, bytes]:
        path = f"by name/{built.filename}"
        return {path: built.content, f"{path}.metadata": built.metadata}


@dataclass(frozen=True)
class Kind:
    """How to try a kind of upstream."""

    scene: Callable[[pytest.FixtureRequest, Upstream, Path], Scene]
    max_age: int
    bad: dict[str, Any]
    page: str | None = None  # what is asked for over HTTP when a page is
    hashes: bool = True  # whether a page states them


def objects(request: pytest.FixtureRequest) -> Scene:
    return Objects(request.getfixturevalue("s3_process"), request.getfixturevalue("s3"))


def in_http2(request: pytest.FixtureRequest, fake: Upstream) -> Scene:
    return Web(fake, "/simple/", QUICK, request.getfixturevalue("in_http2"))


KINDS: Mapping[str, Kind] = {
    "bucket": Kind(
        scene=lambda request, *_: objects(request), max_age=0, bad={"url": "s3:"}, hashes=False
    ),
    "simple": Kind(
        scene=lambda _, fake, __: Web(fake, "/simple/", QUICK),
        max_age=600,
        bad={"url": "simple"},
        page=PAGE,
    ),
    "simple in HTTP/2": Kind(
        scene=lambda request, fake, _: in_http2(request, fake),
        max_age=600,
        bad={"url": "simple"},
        page=PAGE,
    ),
    "cloche": Kind(
        scene=lambda _, fake, __: Web(fake, "/", QUICK),
        max_age=600,
        bad={"url": "simple"},
        page=PAGE,
    ),
    "links": Kind(
        scene=lambda _, fake, __: Web(fake, "/links", QUICK),
        max_age=600,
        bad={"url": "nowhere.html"},
        page="/links",
    ),
    "directory": Kind(
        scene=lambda _, __, folder: Folder(folder / "packages"), max_age=0, bad={"path": "nowhere"}
    ),
}


def connected(kind: str, scene: Scene, **other: Any) -> Port:
    """An upstream of that kind; nothing is sent yet."""
    return opened(kind, {**scene.settings(), **other})


def opened(kind: str, settings: Mapping[str, Any]) -> Port:
    module = modules.load(upstreams, kind.partition(" ")[0])
    made: Port = module.connect("pypi", module.Settings(**settings))
    return made


@asynccontextmanager
async def simple(fake: Upstream, **other: Any) -> AsyncIterator[Port]:
    """An upstream of kind "simple", closed in the end."""
    made = opened("simple", {"url": fake.simple, **other})
    try:
        yield made
    finally:
        await made.close()


def parsed(received: Received, name: ProjectName = NAME) -> Page:
    document = received.document
    assert document is not None
    return read_page(name, document.body, document.content_type, document.url, max_files=1000)


async def artifact(port: Port, built: Built = DEMO) -> Artifact:
    """What the upstream's page says of the file."""
    name = ProjectName(built.project)
    file = parsed(await port.page(name, None), name).find(built.filename)
    assert file is not None
    return artifact_of("pypi", name, file)


async def content(transfer: Transfer) -> bytes:
    return b"".join([chunk async for chunk in transfer.chunks])


async def fetched(
    port: Port, wanted: Artifact, start: int = 0, etag: str | None = None
) -> tuple[Transfer, bytes]:
    async with port.transfer(wanted, start, etag) as transfer:
        return transfer, await content(transfer)


def nameless(url: str) -> Artifact:
    """A file of which nothing is known but its address."""
    return Artifact(
        upstream="pypi", project=NAME, filename="demo.whl", url=url, key=FileKey("0" * 64)
    )
