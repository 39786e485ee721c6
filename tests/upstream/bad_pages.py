"""Misbehaviours of a project page, as JSON or HTML says it."""

import hashlib
import random
from typing import Any

import msgspec

from tests.upstream.answers import HTML, HTML_V1, JSON, Page
from tests.upstream.misbehaviour import Misbehaviour

EVIL_NAMES = (
    "../../../../etc/passwd",
    "..%2f..%2fetc%2fpasswd",
    "/etc/passwd",
    "C:\\Windows\\win.ini",
    "evil\x00-1.0-py3-none-any.whl",
    "evil/evil-1.0-py3-none-any.whl",
    "evil-1.0-py3-none-any.whl\r\nX-Injected: yes",
    '"><script>alert(1)</script>-1.0.tar.gz',
    "evil-" + "1" * 5000 + "-py3-none-any.whl",
    ".",
    "..",
    "",
)
EVIL_URLS = (
    "javascript:alert(1)",
    "file:///etc/passwd",
    "../../../../../../etc/passwd",
    "http://user:secret@127.0.0.1:1/evil.whl",
    "//127.0.0.1:1/evil.whl",
    "http://[::1/evil.whl",
    "data:text/plain,evil",
    "ftp://127.0.0.1/evil.whl",
    "",
)


class HtmlOnly(Misbehaviour):
    """Speaks HTML whatever is asked for."""

    def page(self, page: Page) -> None:
        page.formats = (HTML, HTML_V1)


class JsonOnly(Misbehaviour):
    """Speaks JSON whatever is asked for."""

    def page(self, page: Page) -> None:
        page.formats = (JSON,)


class HugePage(Misbehaviour):
    """Lists so many files more."""

    files: int = 50_000

    def page(self, page: Page) -> None:
        page.document["files"] += [
            _entry(f"{page.project.name}-0.0.{n}-py3-none-any.whl") for n in range(self.files)
        ]


class Unsorted(Misbehaviour):
    """Lists the files and the versions in an order that no sorting gives, the same each time."""

    seed: int = 1

    def page(self, page: Page) -> None:
        shuffle = random.Random(self.seed).shuffle  # noqa: S311 - repeatable, not secret
        shuffle(page.document["files"])
        shuffle(page.document["versions"])


class Overwrite(Misbehaviour):
    """Sets members of every file's entry, and of the page itself."""

    fields: dict[str, Any] = msgspec.field(default_factory=dict)
    top: dict[str, Any] = msgspec.field(default_factory=dict)

    def page(self, page: Page) -> None:
        for entry in page.document["files"]:
            entry.update(self.fields)
        page.document.update(self.top)


class Nulls(Misbehaviour):
    """Says null where the standard says to omit."""

    fields: tuple[str, ...] = ("size", "upload-time", "yanked")

    def page(self, page: Page) -> None:
        for entry in page.document["files"]:
            entry.update(dict.fromkeys(self.fields))


class WrongTypes(Misbehaviour):
    """Gives every member of every file's entry a JSON type that it may not have."""

    def page(self, page: Page) -> None:
        for entry in page.document["files"]:
            entry |= {"hashes": ["sha256"], "size": "12", "upload-time": 5, "yanked": 1}
            entry |= {"requires-python": [">=3"], "core-metadata": "yes", "gpg-sig": "no"}


class Without(Misbehaviour):
    """Leaves members out of every file's entry, and out of the page itself."""

    fields: tuple[str, ...]

    def page(self, page: Page) -> None:
        for holder in (page.document, *page.document["files"]):
            for name in self.fields:
                holder.pop(name, None)


class ShortHashes(Misbehaviour):
    """Lists digests of a length that no algorithm has."""

    length: int = 10

    def page(self, page: Page) -> None:
        for entry in page.document["files"]:
            hashes = entry.get("hashes", {})
            entry["hashes"] = {name: digest[: self.length] for name, digest in hashes.items()}


class Md5Only(Misbehaviour):
    """Lists the files' MD5 and nothing better."""

    def page(self, page: Page) -> None:
        for entry in page.document["files"]:
            content = page.project.files[entry["filename"]].content
            entry["hashes"] = {"md5": hashlib.md5(content, usedforsecurity=False).hexdigest()}


class Evil(Misbehaviour):
    """Lists files, beside the good ones, whose names and links reach for what is not theirs."""

    def page(self, page: Page) -> None:
        good = f"{page.project.name}-6.6-py3-none-any.whl"
        page.document["files"] += [_entry(name) for name in EVIL_NAMES]
        page.document["files"] += [{**_entry(good), "url": url} for url in EVIL_URLS]


def _entry(filename: str) -> dict[str, Any]:
    return {
        "filename": filename,
        "url": f"../../files/{filename}",
        "hashes": {"sha256": hashlib.sha256(filename.encode()).hexdigest()},
        "size": 1000,
        "upload-time": "2024-01-02T03:04:05.000000Z",
        "yanked": False,
    }
