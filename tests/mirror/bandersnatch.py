"""A real bandersnatch, and what it has mirrored."""

import json
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from tests.clients.client import Client
from tests.clients.matrix.mirroring import NO_PROXY

CONFIG = """\
[mirror]
directory = {folder}
master = {master}
api-method = simple
allow-non-https = true
json = false
workers = 10
stop-on-error = false
hash-index = false
simple-format = ALL
"""


@dataclass(frozen=True, slots=True)
class Bandersnatch:
    client: Client
    master: str
    filters: str = ""
    """More of its file of settings: `[plugins]`, and what the filters named there read."""

    @property
    def config(self) -> Path:
        path = self.client.home / "bandersnatch.conf"
        path.write_text(CONFIG.format(folder=self._folder, master=self.master) + self.filters)
        return path

    def sync(self) -> None:
        """Mirror once, however many projects fail: it ends well all the same."""
        self.client.succeeds("--config", self.config, "mirror", env=NO_PROXY)

    def has(self) -> dict[str, set[str]]:
        """The files of each project that its page lists and that are there, if there are any."""
        pages = self._folder.glob("web/simple/*/index.v1_json")
        return {page.parent.name: set(kept) for page in pages if (kept := self._kept(page))}

    def _kept(self, page: Path) -> list[str]:
        files = json.loads(page.read_text())["files"]
        return [file["filename"] for file in files if self._place(page, file["url"]).exists()]

    def _place(self, page: Path, url: str) -> Path:
        return (page.parent / urlsplit(url).path).resolve()

    @property
    def _folder(self) -> Path:
        return self.client.home / "mirror"
