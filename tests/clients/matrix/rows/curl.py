"""curl, which fetches and sends what it is told."""

import hashlib
import re
import shutil
from dataclasses import replace
from html import unescape
from pathlib import Path
from typing import ClassVar
from urllib.parse import urljoin

from packaging.utils import parse_wheel_filename

from tests.clients.client import Client, Outcome
from tests.clients.matrix.model import Environment, Installer, Installing, Row, Uploader, Uploading

_ALONE = "it fetches what it is told, and knows no dependencies"
_FAILING = ("--silent", "--show-error", "--fail-with-body")


class _Curl(Row):
    title = "curl"
    name = "curl"
    project = "curl"

    def __init__(self, client: Client, folder: Path) -> None:
        super().__init__(replace(client, command=shutil.which("curl") or "curl"), folder)

    @classmethod
    def missing(cls) -> str | None:
        return None if shutil.which("curl") else "there is no curl on this machine"


class CurlDownloader(_Curl, Installer):
    cannot: ClassVar = {
        Installing.INSTALL: _ALONE,
        Installing.LOCK: _ALONE,
        Installing.DOWNLOAD: _ALONE,
        Installing.OFFLINE: _ALONE,
        Installing.HASHES: "it compares no digests",
        Installing.DATE: "it takes the file that it is told",
        Installing.YANKED: "it takes the file that it is told",
        Installing.PRIVATE: _ALONE,
        Installing.KEYRING: "it knows no keyring",
    }

    def install(self, index: str, *wanted: str, env: Environment = None) -> Outcome:
        """Fetch the last file of each page."""
        outcomes = [self._fetch(f"{index}{one}/", env) for one in wanted]
        return max(outcomes, key=lambda one: one.code)

    def installed(self) -> dict[str, str]:
        names = [parse_wheel_filename(file.name) for file in self.folder.glob("*.whl")]
        return {name: str(version) for name, version, _, _ in names}

    def _fetch(self, address: str, env: Environment) -> Outcome:
        page = self._get(address, env=env)
        if page.code:
            return page
        link, name = re.findall(r'<a href="([^"#]+)[^>]*>([^<]+)</a>', page.output)[-1]
        return self._get(urljoin(address, unescape(link)), "--output", name, env=env)

    def _get(self, address: str, *options: str, env: Environment) -> Outcome:
        arguments = (*_FAILING, "--netrc-optional", *options, address)
        return self.client.run(*arguments, cwd=self.folder, env=env)


class CurlUploader(_Curl, Uploader):
    cannot: ClassVar = {
        Uploading.SKIP: "it has no such option",
        Uploading.KEYRING: "it knows no keyring",
    }

    def upload(
        self, repository: str, user: str, password: str | None, env: Environment = None
    ) -> Outcome:
        secret = ("--user", f"{user}:{password}") if password else ("--netrc",)
        outcomes = [
            self.client.run(*_FAILING, *secret, *self._form(file), repository, env=env)
            for file in sorted(self.dist.iterdir())
        ]
        return max(outcomes, key=lambda one: one.code)

    def _form(self, file: Path) -> list[str]:
        wheel = file.suffix == ".whl"
        fields = {
            ":action": "file_upload",
            "protocol_version": "1",
            "metadata_version": "2.4",
            "name": self.distribution,
            "version": "1.0",
            "filetype": "bdist_wheel" if wheel else "sdist",
            "pyversion": "py3" if wheel else "source",
            "sha256_digest": hashlib.sha256(file.read_bytes()).hexdigest(),
            "content": f"@{file}",
        }
        return [part for name, value in fields.items() for part in ("--form", f"{name}={value}")]
