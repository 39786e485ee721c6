"""The servers that every cell of the matrix is cooked on: one set a worker, shared by all cells."""

import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.clients import menu
from tests.clients.client import Client
from tests.packages import sdist, wheel
from tests.server import Cloche
from tests.upstream.controller import Upstream

CONFIG = """\
[server]
max_upload = 100_000

[upstream.gone]
url = "http://127.0.0.1:9/simple/"

[index.outage]
sources = ["gone"]

[index.main]
default = true
uploads = true
sources = ["pypi"]

[index.private]
uploads = true
read = "authenticated"
sources = ["pypi"]

[index.careful]
sources = ["pypi"]

[[index.careful.rule]]
name = "no salt"
kind = "deny"
what = ["salt"]
"""
SETUP_PY = b"""\
from setuptools import setup
setup(name="toast", version="1.0", package_dir={"": "src"}, py_modules=["toast"])
"""
TOAST = sdist("toast", "1.0", files={"setup.py": SETUP_PY})
MEAL = (menu.BREAKFAST, menu.EGGS, menu.SALT, TOAST)
"""What installing breakfast takes; the sdist can be built by tools older than pyproject.toml."""

PEPPER = wheel("pepper", "1.0")
COARSE = wheel("pepper", "2.0")
REASON = "too coarse"
OLD = wheel("mustard", "1.0")
NEW = wheel("mustard", "2.0")
ACME = wheel("acme", "1.0", requires=["salt"])
STRANGER = wheel("acme", "9.0")
FALSE = wheel("vinegar", "1.0")
"""Its upstream lists the digest of other bytes."""
ILL = wheel("mushrooms", "1.0")
"""Its upstream has it in quarantine."""


@dataclass(frozen=True, slots=True)
class Kitchen:
    """A server online, one that is offline for good, and tokens of the former."""

    server: Cloche
    offline: Cloche
    uploading: str
    """May upload to main, and read it."""
    reading: str
    """May read main, and no more."""
    private: str
    """May read private, and upload to it."""

    @property
    def closed(self) -> str:
        """The simple API of the index that takes a token to read."""
        return f"{self.server.url}/private/simple/"

    def by_url(self, password: str) -> str:
        """The same, with the password in the URL."""
        return self.closed.replace("://", f"://__token__:{password}@")

    @property
    def by_user(self) -> str:
        """The same, with the user's name in the URL and no password."""
        return self.closed.replace("://", "://__token__@")


@contextmanager
def kitchen(folder: Path) -> Iterator[Kitchen]:
    """Start all of it."""
    with ExitStack() as stack:
        config = folder / "cloche.toml"
        config.write_text(CONFIG)
        upstream = stack.enter_context(Upstream())
        _stock(upstream)
        offline = stack.enter_context(_cut_off(folder / "offline", upstream))
        server = Cloche(folder / "online", upstream=upstream.simple, config=config)
        stack.enter_context(server)
        uploading = server.token("upload", "read")
        uv = Client("uv", folder)
        uv.succeeds(
            "publish", "--publish-url", server.legacy, "--token", uploading, ACME.write(folder)
        )
        yield Kitchen(
            server,
            offline,
            uploading=uploading,
            reading=server.token("read"),
            private=server.token("upload", "read", index="private"),
        )


def _stock(upstream: Upstream) -> None:
    menu.serve(upstream)
    upstream.add(TOAST, metadata=False)
    upstream.add(PEPPER)
    upstream.add(COARSE, yanked=REASON)
    upstream.add(OLD)
    just_now = datetime.now(UTC) - timedelta(minutes=1)
    upstream.add(NEW, upload_time=just_now.strftime("%Y-%m-%dT%H:%M:%S.%fZ"))
    upstream.add(STRANGER)
    upstream.add(FALSE, hashes={"sha256": wheel("vinegar", "1.0", body=b"other = True\n").sha256})
    upstream.add(ILL)
    upstream.project(ILL.project, extra={"project-status": {"status": "quarantined"}})


def _cut_off(data: Path, upstream: Upstream) -> Cloche:
    """Make a server that has kept the meal as the plainest of clients asks for it: in HTML."""
    with Cloche(data, upstream=upstream.simple) as server:
        for built in MEAL:
            page = server.get(f"/simple/{built.project}/").body.decode()
            (link,) = re.findall(rf'href="../..(/packages/[^"#]*/{built.filename})#', page)
            assert server.get(link).body == built.content
    return Cloche(data, upstream=upstream.simple, offline=True)
