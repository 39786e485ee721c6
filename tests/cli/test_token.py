"""`cloche token`: made, listed, revoked, and a running server knows at once."""

import re
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.cli.program import Program, refused, run
from tests.packages import wheel
from tests.server import Cloche
from tests.web.forms import upload
from tests.web.tokens import basic, granted

SECRET = re.compile(r"cloche_[0-9a-f]{12}_[\w-]{43}\n")


def listed(folder: Path, *arguments: str) -> list[dict[str, Any]]:
    done = run(folder, "token", "list", "--json", *arguments)
    assert done.returncode == 0, done.stderr
    found: list[dict[str, Any]] = msgspec.json.decode(done.stdout)
    return found


def made(folder: Path, *arguments: str) -> str:
    done = run(folder, "token", "create", *arguments)
    assert (done.returncode, done.stderr) == (0, "")
    assert SECRET.fullmatch(done.stdout)
    return done.stdout.strip()


def test_token_alone_is_printed(tmp_path: Path) -> None:
    """The bare token goes to standard output, and nothing else anywhere, server or none."""
    arguments = ("--data", "data", "--index", "main", "--can", "upload", "--can", "read")
    before = made(tmp_path, *arguments)

    with Program(tmp_path, "serve", "--port", "0", "--offline", "--data", "data") as program:
        assert upload(program.url, wheel("ct-one", "1.0"), before).status == 200
        meanwhile = made(tmp_path, *arguments)
        assert upload(program.url, wheel("ct-one", "2.0"), meanwhile).status == 200
        assert before not in program.out + program.err
        assert "cloche_" not in program.out  # there was a token already: none is shown


def test_defaults_are_the_least(tmp_path: Path) -> None:
    """A token that was asked for without a word may read the default index, and no more."""
    made(tmp_path)
    made(tmp_path, "--index", "*", "--can", "admin", "--name", "ci", "--days", "1")

    first, second = listed(tmp_path)

    assert (first["indexes"], first["can"], first["state"]) == (["main"], ["read"], "live")
    assert first["name"] == f"token-{first['id']}"
    assert (second["indexes"], second["can"], second["name"]) == (["*"], ["admin"], "ci")
    assert re.fullmatch(r"live until \d{4}-\d\d-\d\d \d\d:\d\dZ", second["state"])


def test_list_is_a_table(tmp_path: Path) -> None:
    """The list has a line for each token, however wide, and never a secret."""
    name = "[/b]\x1b[31m" + "n" * 200
    secret = made(tmp_path, "--name", name)
    done = run(tmp_path, "token", "list")
    head, line = done.stdout.splitlines()

    assert head.split() == ["id", "name", "indexes", "can", "made", "state"]
    assert line.startswith(secret.split("_")[1])
    assert "n" * 200 in line
    assert line.isprintable()
    assert secret.split("_", 2)[2] not in done.stdout


def test_revoked_at_once_everywhere(tmp_path: Path) -> None:
    """A token that is revoked, by its id or by itself, is worth nothing to any worker from then."""
    with Cloche(tmp_path / "data", offline=True, workers=2) as server:
        built = wheel("ct-revoked", "1.0")
        named = ""
        for whole in (True, False):
            secret = granted(server.data, "upload")
            assert {upload(server.url, built, secret).status for _ in range(8)} == {200}
            named = secret if whole else secret.split("_")[1]
            done = run(tmp_path, "token", "revoke", named, "--data", "data")
            assert (done.returncode, done.stdout) == (0, "")
            assert done.stderr == f"revoked {secret.split('_')[1]}\n"
            assert {upload(server.url, built, secret).status for _ in range(8)} == {401}
        again = run(tmp_path, "token", "revoke", named, "--data", "data")
        assert "no live token has the id" in refused(again)
    states = [token["state"] for token in listed(tmp_path, "--data", "data")]
    assert states == ["live", "revoked", "revoked"]


def test_expired_token(tmp_path: Path) -> None:
    """A token of a day is live today, and the list says until when."""
    secret = made(tmp_path, "--data", "data", "--days", "1", "--index", "main")
    with Cloche(tmp_path / "data", offline=True) as server:
        assert server.get("/simple/", basic(secret)).status == 200
    assert listed(tmp_path, "--data", "data")[0]["state"].startswith("live until ")


def test_indexes_of_the_server_s_file(tmp_path: Path) -> None:
    """An index of the server's settings is known when they are given."""
    (tmp_path / "cloche.toml").write_text('[index."team/dev"]\nuploads = true\n')

    assert "no index 'team/dev'; known are main" in refused(
        run(tmp_path, "token", "create", "--index", "team/dev")
    )
    made(tmp_path, "--index", "team/dev", "--config", "cloche.toml")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["create", "--index", "nosuch"], "no index 'nosuch'; known are main"),
        (["create", "--can", "fly"], "Invalid value for '--can'"),
        (["create", "--days", "0"], "Invalid value for '--days'"),
        (["create", "--days", "x"], "Invalid value for '--days'"),
        (["create", "--nosuch"], "--nosuch"),
        (["create", "extra"], "extra"),
        (["revoke"], "Missing argument"),
        (["revoke", "nosuch"], "no live token has the id 'nosuch'"),
        (["revoke", "cloche_"], "no live token has the id ''"),
        (["nosuch"], "No such command 'nosuch'"),
        (["create", "--data", "/dev/null/x"], "--data"),
        (["list", "--config", "missing.toml"], "missing.toml cannot be read"),
    ],
)
def test_what_is_refused(tmp_path: Path, arguments: list[str], words: str) -> None:
    """A wrong word is one line that says what to do, and makes nothing."""
    assert words in refused(run(tmp_path, "token", *arguments))
