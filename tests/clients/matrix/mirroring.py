"""Clients that mirror a whole index, and what they are asked to do."""

import json
import xmlrpc.client
from abc import abstractmethod
from enum import StrEnum
from pathlib import Path
from typing import Any, ClassVar, cast

from tests.clients.client import Client
from tests.clients.matrix.model import Finding, Row
from tests.packages import Built, sdist, wheel
from tests.server import Cloche

BANDERSNATCH = """\
[mirror]
directory = {folder}
master = {url}
allow-non-https = true
json = true
workers = 2
stop-on-error = true
api-method = {method}
"""
# bandersnatch takes a proxy from the environment, and does not look at NO_PROXY.
_NO_PROXY = {f"{scheme}_proxy": "" for scheme in ("http", "https", "all")}
NO_PROXY = {**_NO_PROXY, **{name.upper(): "" for name in _NO_PROXY}}

FIRST = (wheel("acme", "1.0"), sdist("acme", "1.0"), wheel("brie", "1.0"))
SECOND = wheel("acme", "2.0")


class Mirroring(StrEnum):
    """The columns of clients that mirror, by their headings."""

    FULL = "full"
    INCREMENTAL = "incremental"
    DELETION = "deletion"


class Mirror(Row):
    """A client that mirrors a server."""

    @abstractmethod
    def sync(self, server: Cloche) -> set[str]:
        """Mirror what has changed since the last time, and return what was asked for: projects."""

    @abstractmethod
    def listed(self, project: str) -> set[str]:
        """Return the names of the files that the mirror lists of the project."""


class Bandersnatch(Mirror):
    title = "bandersnatch (XML-RPC)"
    name = "bandersnatch"
    project = "bandersnatch"
    method: ClassVar = "xmlrpc"

    def sync(self, server: Cloche) -> set[str]:
        config = self.client.home / "bandersnatch.conf"
        text = BANDERSNATCH.format(folder=self._mirror, url=server.url, method=self.method)
        config.write_text(text)
        outcome = self.client.succeeds("--config", config, "mirror", env=NO_PROXY)
        asked = "Fetching metadata for package: "
        return {
            line.partition(asked)[2].split()[0]
            for line in outcome.output.splitlines()
            if asked in line
        }

    def listed(self, project: str) -> set[str]:
        page = self._mirror / "web" / "simple" / project / "index.v1_json"
        files = json.loads(page.read_text())["files"]
        held = {path.name for path in self._mirror.glob("web/packages/**/*") if path.is_file()}
        names = {file["filename"] for file in files}
        assert names <= held
        return names

    @property
    def _mirror(self) -> Path:
        return self.folder / "mirror"


class BandersnatchSimple(Bandersnatch):
    title = "bandersnatch (simple API)"
    method: ClassVar = "simple"


class XmlRpc(Mirror):
    """What a script with the standard library does."""

    title = "xmlrpc.client"
    name = "xmlrpc.client"
    project = "xmlrpc.client"

    def __init__(self, client: Client, folder: Path) -> None:
        super().__init__(client, folder)
        self._serial = 0
        self._files: dict[str, set[str]] = {}

    def sync(self, server: Cloche) -> set[str]:
        with xmlrpc.client.ServerProxy(f"{server.url}/pypi") as proxy:
            changes = cast("list[list[Any]]", proxy.changelog_since_serial(self._serial))
            changed = {str(name) for name, *_ in changes}
            for name in changed:
                self._files[name] = set(_files(proxy, name))
            self._serial = cast("int", proxy.changelog_last_serial())
        return changed

    def listed(self, project: str) -> set[str]:
        return self._files[project]


def _files(proxy: xmlrpc.client.ServerProxy, project: str) -> list[str]:
    releases = cast("list[str]", proxy.package_releases(project, True))  # noqa: FBT003
    found = [
        cast("list[dict[str, str]]", proxy.release_urls(project, version)) for version in releases
    ]
    return [file["filename"] for files in found for file in files]


MIRRORS: tuple[type[Mirror], ...] = (Bandersnatch, BandersnatchSimple, XmlRpc)


def names(*built: Built) -> set[str]:
    """Return the filenames of these."""
    return {one.filename for one in built}


def full(mirror: Mirror, server: Cloche) -> Finding:
    """All projects are mirrored, every file of theirs listed and, where files are, held."""
    assert mirror.sync(server) == {"acme", "brie"}
    assert mirror.listed("acme") == names(*FIRST[:2])
    assert mirror.listed("brie") == names(FIRST[2])
    return Finding.YES


def incremental(mirror: Mirror, server: Cloche) -> Finding:
    """After another upload, only its project is asked for."""
    assert mirror.sync(server) == {"acme"}
    assert mirror.listed("acme") == names(*FIRST[:2], SECOND)
    return Finding.YES


def deletion(mirror: Mirror, server: Cloche) -> Finding:
    """After a deletion, what was deleted is listed no more."""
    assert mirror.sync(server) == {"acme"}
    assert mirror.listed("acme") == names(SECOND)
    return Finding.YES
