"""Clients that mirror a whole index, and what they are asked to do."""

import base64
import hashlib
import json
import xmlrpc.client
from abc import abstractmethod
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, ClassVar, cast
from urllib.parse import urlsplit

import msgspec

from tests.clients.client import Client
from tests.clients.matrix.model import Finding, Row
from tests.packages import Built, sdist, wheel
from tests.server import Cloche

BANDERSNATCH = """\
[mirror]
directory = {folder}
master = {master}
allow-non-https = true
json = true
workers = 2
stop-on-error = true
api-method = {method}
download-mirror = {files}
download-mirror-no-fallback = true
"""
# bandersnatch takes a proxy from the environment, and does not look at NO_PROXY.
_NO_PROXY = {f"{scheme}_proxy": "" for scheme in ("http", "https", "all")}
NO_PROXY = {**_NO_PROXY, **{name.upper(): "" for name in _NO_PROXY}}

FIRST = (wheel("acme", "1.0"), sdist("acme", "1.0"), wheel("brie", "1.0"))
SECOND = wheel("acme", "2.0")
SIMPLE = "application/vnd.pypi.simple.v1+json"

Held = dict[str, tuple[str, bool]]
"""Of files by their names: the SHA-256 of what is there, and whether they are yanked."""


class Mirroring(StrEnum):
    """The columns of clients that mirror, by their headings."""

    FULL = "full"
    INCREMENTAL = "incremental"
    YANK = "yank"
    DELETION = "deletion"
    RULES = "rules"
    QUARANTINE = "quarantine"
    PRIVATE = "private"


@dataclass(frozen=True, slots=True)
class Source:
    """What is mirrored: an index of a server, and the token to read it with if one is needed."""

    server: Cloche
    token: str = ""
    path: str = ""

    @property
    def host(self) -> str:
        """The server's address, with the credentials in it."""
        return self.server.url.replace("//", f"//__token__:{self.token}@" if self.token else "//")

    @property
    def url(self) -> str:
        return self.host + self.path

    def shown(self, project: str) -> Held:
        """What the index shows of a project."""
        basic = base64.b64encode(f"__token__:{self.token}".encode()).decode()
        headers = {"Accept": SIMPLE} | ({"Authorization": f"Basic {basic}"} if self.token else {})
        reply = self.server.get(f"{self.path}/simple/{project}/", headers)
        assert reply.status == 200, reply
        return _held(msgspec.json.decode(reply.body)["files"])


class Mirror(Row):
    """A client that mirrors an index."""

    @abstractmethod
    def sync(self, source: Source) -> set[str]:
        """Mirror what has changed since the last time, and return what was asked for: projects."""

    @abstractmethod
    def held(self, project: str) -> Held:
        """What the mirror has and lists of the project."""


class Bandersnatch(Mirror):
    title = "bandersnatch (XML-RPC)"
    name = "bandersnatch"
    project = "bandersnatch"
    method: ClassVar = "xmlrpc"

    def sync(self, source: Source) -> set[str]:
        config = self.client.home / "bandersnatch.conf"
        config.write_text(
            BANDERSNATCH.format(
                folder=self._mirror, master=source.url, files=source.host, method=self.method
            )
        )
        outcome = self.client.succeeds("--config", config, "mirror", env=NO_PROXY)
        asked = "Fetching metadata for package: "
        return {
            line.partition(asked)[2].split()[0]
            for line in outcome.output.splitlines()
            if asked in line
        }

    def held(self, project: str) -> Held:
        page = self._mirror / "web" / "simple" / project / "index.v1_json"
        files = json.loads(page.read_text())["files"]
        found = _held(files)
        for file in files:
            path = page.parent / urlsplit(file["url"]).path
            assert hashlib.sha256(path.read_bytes()).hexdigest() == found[path.name][0]
        return found

    @property
    def _mirror(self) -> Path:
        return self.folder / "mirror"


class BandersnatchSimple(Bandersnatch):
    title = "bandersnatch (simple API)"
    method: ClassVar = "simple"


class Bandersnatch7(Bandersnatch):
    name = "bandersnatch7"


class Bandersnatch7Simple(BandersnatchSimple):
    name = "bandersnatch7"


class Bandersnatch8(Bandersnatch):
    title = "bandersnatch"
    name = "bandersnatch8"
    method: ClassVar = "simple"


class XmlRpc(Mirror):
    """What a script with the standard library does."""

    title = "xmlrpc.client"
    name = "xmlrpc.client"
    project = "xmlrpc.client"

    def __init__(self, client: Client, folder: Path) -> None:
        super().__init__(client, folder)
        self._serial = 0
        self._files: dict[str, Held] = {}

    def sync(self, source: Source) -> set[str]:
        with xmlrpc.client.ServerProxy(f"{source.url}/pypi") as proxy:
            changes = cast("list[list[Any]]", proxy.changelog_since_serial(self._serial))
            changed = {str(name) for name, *_ in changes}
            for name in changed:
                self._files[name] = _called(proxy, name)
            self._serial = cast("int", proxy.changelog_last_serial())
        return changed

    def held(self, project: str) -> Held:
        return self._files[project]


def _called(proxy: xmlrpc.client.ServerProxy, project: str) -> Held:
    releases = cast("list[str]", proxy.package_releases(project, True))  # noqa: FBT003
    found = [
        cast("list[dict[str, Any]]", proxy.release_urls(project, version)) for version in releases
    ]
    return {
        file["filename"]: (file["digests"]["sha256"], bool(file["yanked"]))
        for files in found
        for file in files
    }


def _held(files: list[dict[str, Any]]) -> Held:
    return {
        file["filename"]: (file["hashes"]["sha256"], bool(file.get("yanked"))) for file in files
    }


MIRRORS: tuple[type[Mirror], ...] = (
    Bandersnatch,
    BandersnatchSimple,
    Bandersnatch7,
    Bandersnatch7Simple,
    Bandersnatch8,
    XmlRpc,
)


def names(*built: Built) -> set[str]:
    """Return the filenames of these."""
    return {one.filename for one in built}


def full(mirror: Mirror, source: Source) -> Finding:
    """All projects are mirrored, every file of theirs listed and, where files are, held."""
    assert mirror.sync(source) == {"acme", "brie"}
    assert mirror.held("acme").keys() == names(*FIRST[:2])
    assert mirror.held("brie").keys() == names(FIRST[2])
    return Finding.YES


def follows(mirror: Mirror, source: Source, *changed: str) -> Finding:
    """Only what has changed is asked for, and all is then as the index shows it."""
    assert mirror.sync(source) == set(changed)
    for project in ("acme", "brie"):
        assert mirror.held(project) == source.shown(project)
    return Finding.YES


def emptied(mirror: Mirror, source: Source, project: str, changed: set[str]) -> Finding:
    """What the index withholds the mirror lists no more."""
    assert mirror.held(project)
    assert mirror.sync(source) == changed
    assert mirror.held(project) == {}
    return Finding.YES
