"""A password file in front of a real server."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from passlib.hash import bcrypt

from tests.packages import wheel
from tests.server import Cloche
from tests.waiting import until
from tests.web.forms import encode, headers, parts, post
from tests.web.tokens import basic

HASHED = bcrypt.using(rounds=4).hash

SETTINGS = """
[login.htpasswd]
file = "{file}"
can = ["read", "upload"]
indexes = ["main"]

[index.main]
uploads = true
read = ["ana"]

[index.other]
uploads = true
read = "authenticated"
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "htpasswd"
    path.write_text(f"ana:{HASHED('word')}\nben:{HASHED('word')}\n")
    return path


@pytest.fixture
def server(tmp_path: Path, file: Path) -> Iterator[Cloche]:
    config = tmp_path / "cloche.toml"
    config.write_text(SETTINGS.format(file=file))
    with Cloche(tmp_path / "data", config=config) as running:
        yield running


def status(server: Cloche, user: str, secret: str = "word", path: str = "/simple/") -> int:  # noqa: S107 - a test's
    return server.get(path, basic(secret, user)).status


def test_who_may_do_what(server: Cloche) -> None:
    """Users may what the settings say, in the indexes that they say; names count as tokens' do."""
    assert status(server, "ana") == 200
    assert status(server, "ben") == 403
    assert status(server, "ana", path="/other/simple/") == 403
    assert status(server, "ana", "wrong") == 401
    assert status(server, "eve") == 401
    assert status(server, "__token__", server.token("read", index="other"), "/other/simple/") == 200


def test_uploading(server: Cloche) -> None:
    """A user may upload with name and password."""
    built = wheel("passed", "1.0")
    body = encode(parts(built))
    refused = post(server.url, "/legacy/", body, headers() | basic("wrong", "ana"))
    taken = post(server.url, "/legacy/", body, headers() | basic("word", "ana"))

    assert (refused.status, taken.status) == (401, 200)
    assert built.sha256 in server.get("/simple/passed/", basic("word", "ana")).body.decode()


def test_a_user_who_is_removed(server: Cloche, file: Path) -> None:
    """Who is taken out of the file is let in no more, though the server remembers who asks."""
    assert status(server, "ana") == 200
    file.write_text(f"ben:{HASHED('word')}\n")
    until(lambda: status(server, "ana") == 401)
