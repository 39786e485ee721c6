"""A small index with a list of its projects and serials, as PyPI has them; it counts who asks."""

import hashlib
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

from tests.packages import Built

JSON = "application/vnd.pypi.simple.v1+json"


@dataclass
class Listed:
    """What it has now. Whoever changes it, changes the serial by `publish` and its like."""

    url: str = ""
    serials: bool = True
    files: dict[str, dict[str, Built]] = field(default_factory=dict)
    yanked: dict[str, str] = field(default_factory=dict)  # by filename
    at: dict[str, int] = field(default_factory=dict)  # each project's serial
    pages: dict[str, int] = field(default_factory=dict)  # the serial that its page claims
    broken: dict[str, int] = field(default_factory=dict)  # a path, and with what it is answered
    wrong: set[str] = field(default_factory=set)  # files whose bytes are others
    status: dict[str, str] = field(default_factory=dict)  # of projects (PEP 792)
    slow: set[str] = field(default_factory=set)  # paths that are answered when they are not
    asked: list[str] = field(default_factory=list)
    serial: int = 100
    listed_by: str = "sha256"  # the hash that pages tell

    @property
    def simple(self) -> str:
        return f"{self.url}/simple/"

    def publish(self, *built: Built) -> None:
        for each in built:
            self.files.setdefault(each.project, {})[each.filename] = each
            self.change(each.project)

    def delete(self, project: str, filename: str | None = None) -> None:
        """Take a file away, or all of the project."""
        if filename is None:
            del self.files[project]
            del self.at[project]
            self.serial += 1
        else:
            del self.files[project][filename]
            self.change(project)

    def change(self, project: str) -> None:
        self.serial += 1
        self.at[project] = self.serial

    def requests(self) -> list[str]:
        """Those since the last time."""
        found, self.asked = self.asked, []
        return found

    def answer(self, path: str) -> tuple[int, str, bytes, dict[str, str]]:
        parts = path.strip("/").split("/")
        if path in self.broken:
            return self.broken[path], "text/plain", b"no", {}
        if path == "/simple/":
            return 200, JSON, json.dumps(self._root()).encode(), self._said(self.serial)
        if parts[0] == "simple" and parts[1] in self.files:
            page = json.dumps(self._page(parts[1])).encode()
            return 200, JSON, page, self._said(self.pages.get(parts[1], self.at[parts[1]]))
        if parts[0] == "files" and (found := self._file(*parts[1:])) is not None:
            return 200, "application/octet-stream", found, {}
        return 404, "text/plain", b"not here", {}

    def _said(self, serial: int) -> dict[str, str]:
        return {"X-PyPI-Last-Serial": str(serial)} if self.serials else {}

    def _root(self) -> dict[str, Any]:
        numbered = [
            {"name": name, **({"_last-serial": self.at[name]} if self.serials else {})}
            for name in self.files
        ]
        meta = {"api-version": "1.3", **({"_last-serial": self.serial} if self.serials else {})}
        return {"meta": meta, "projects": numbered}

    def _page(self, project: str) -> dict[str, Any]:
        quarantined = self.status.get(project) == "quarantined"
        files = [] if quarantined else [self._entry(f) for f in self.files[project].values()]
        page: dict[str, Any] = {"meta": {"api-version": "1.3"}, "name": project, "files": files}
        if project in self.status:
            page["project-status"] = {"status": self.status[project]}
        return page

    def _entry(self, built: Built) -> dict[str, Any]:
        entry: dict[str, Any] = {
            "filename": built.filename,
            "url": f"../../files/{built.project}/{built.filename}",
            "hashes": {self.listed_by: hashlib.new(self.listed_by, built.content).hexdigest()},
            "size": len(built.content),
            "upload-time": "2026-01-01T00:00:00Z",
            "yanked": self.yanked.get(built.filename, False),
        }
        if built.requires_python is not None:
            entry["requires-python"] = built.requires_python
        if built.filename.endswith(".whl"):
            said = hashlib.new(self.listed_by, built.metadata).hexdigest()
            entry["core-metadata"] = {self.listed_by: said}
        return entry

    def _file(self, project: str, filename: str) -> bytes | None:
        built = self.files.get(project, {}).get(filename.removesuffix(".metadata"))
        if built is None:
            return None
        if filename.endswith(".metadata"):
            return built.metadata
        return b"x" * len(built.content) if filename in self.wrong else built.content


@contextmanager
def listed() -> Iterator[Listed]:
    """Serve it meanwhile."""
    world = Listed()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            world.asked.append(self.path)
            while self.path in world.slow:
                time.sleep(0.01)
            status, kind, body, headers = world.answer(self.path)
            etag = f'"{hashlib.sha256(body).hexdigest()}"'
            if status == 200 and self.headers.get("If-None-Match") == etag:
                status, body = 304, b""
            self.send_response(status)
            for name, value in {**headers, "Content-Type": kind, "ETag": etag}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        request_queue_size = 128

    server = Server(("127.0.0.1", 0), Handler)
    world.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield world
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
