"""The recipe of docs/how-to/dev-and-stable.md, its very settings, with real clients."""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.clients.client import NewClient
from tests.clients.evidence import installed
from tests.clients.installer import INSTALLERS, Installer
from tests.docs import markdown
from tests.packages import Built, wheel
from tests.server import Cloche
from tests.upstream.controller import Upstream

pytestmark = pytest.mark.clients

PAGE = markdown.DOCS / "how-to" / "dev-and-stable.md"
OURS, NEWER, THEIRS = (wheel("ds-ours", version) for version in ("1.0", "2.0", "99.0"))
PUBLIC = wheel("ds-public", "3.0")


def block(language: str) -> str:
    (found,) = (each for each in markdown.blocks(language) if each.page == PAGE)
    return found.body


@dataclass(frozen=True)
class Shop:
    """The server of the recipe, and the tokens that its commands make."""

    server: Cloche
    tokens: dict[str, str]
    folder: Path
    new_client: NewClient

    def address(self, index: str, kind: str = "simple", who: str | None = None) -> str:
        path = f"/{index}/{kind}/"
        root = self.server.url
        return root.replace("//", f"//__token__:{self.tokens[who]}@") + path if who else root + path

    def twine(self, who: str, index: str, built: Built) -> int:
        """Upload by twine, and say how it ended."""
        outcome = self.new_client("twine").run(
            *("upload", "--repository-url", self.address(index, "legacy")),
            *("--username", "__token__", "--password", self.tokens[who]),
            built.write(self.folder),
        )
        assert outcome.code == 0 or outcome.names(403), outcome.output
        return outcome.code

    def uv(self, who: str, index: str, built: Built) -> None:
        self.new_client("uv").succeeds(
            *("publish", "--publish-url", self.address(index, "legacy")),
            *("--token", self.tokens[who], built.write(self.folder)),
        )


@pytest.fixture
def shop(tmp_path: Path, upstream: Upstream, new_client: NewClient) -> Iterator[Shop]:
    """Run what the page says, with the fake upstream for PyPI."""
    config = tmp_path / "cloche.toml"
    config.write_text(f'{block("toml")}\n[upstream.pypi]\nurl = "{upstream.simple}"\n')
    with Cloche(tmp_path / "data", config=config) as server:
        tokens = {}
        for line in re.findall(r"^cloche (.+)$", block("sh"), re.MULTILINE):
            words = [str(config) if word == "cloche.toml" else word for word in shlex.split(line)]
            made = server.command(*words, "--data", str(server.data))
            assert made.returncode == 0, made.stderr
            tokens[words[words.index("--name") + 1]] = made.stdout.strip()
        yield Shop(server, tokens, tmp_path, new_client)


@pytest.fixture(params=INSTALLERS)
def installer(request: pytest.FixtureRequest, new_client: NewClient) -> Installer:
    return Installer(new_client(request.param))


def test_a_dozen_lines() -> None:
    """The settings are no longer than promised."""
    lines = [line for line in block("toml").splitlines() if line.strip()]

    assert len(lines) <= 12


def test_what_everybody_installs(
    shop: Shop, installer: Installer, upstream: Upstream, tmp_path: Path
) -> None:
    """Own projects hide all of PyPI's versions in both indexes; what is not own is PyPI's."""
    for built in (THEIRS, PUBLIC):
        upstream.add(built)
    upstream.forget()
    shop.uv("qa", "stable", OURS)
    wanted = ("ds-ours", "ds-public")

    stable = installer.install(shop.address("stable"), tmp_path / "stable", *wanted)
    assert stable.code == 0, stable.output
    assert installed(tmp_path / "stable") == {"ds-ours": "1.0", "ds-public": "3.0"}

    assert shop.twine("developers", "dev", NEWER) == 0
    index = shop.address("dev", who="developers")
    dev = installer.install(index, tmp_path / "dev", *wanted)
    assert dev.code == 0, dev.output
    assert installed(tmp_path / "dev") == {"ds-ours": "2.0", "ds-public": "3.0"}
    assert not [one.path for one in upstream.requests() if "ours" in one.path]


def test_who_may_upload(shop: Shop) -> None:
    """Developers upload to dev and not to stable; QA uploads to both."""
    assert shop.twine("developers", "stable", OURS) != 0
    assert shop.server.get("/stable/simple/ds-ours/").status == 404

    assert shop.twine("developers", "dev", OURS) == 0
    assert shop.twine("qa", "dev", NEWER) == 0
    assert shop.twine("qa", "stable", OURS) == 0
    assert shop.server.get("/simple/ds-ours/").status == 200


def test_dev_is_for_developers(shop: Shop, installer: Installer, tmp_path: Path) -> None:
    """Without a token dev shows nothing, though what it draws on is open."""
    assert shop.twine("developers", "dev", OURS) == 0
    assert shop.server.get("/dev/simple/ds-ours/").status == 401

    outcome = installer.install(shop.address("dev"), tmp_path / "none", "ds-ours")
    assert outcome.code != 0
    assert "ds-ours" not in installed(tmp_path / "none")
