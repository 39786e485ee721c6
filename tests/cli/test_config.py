"""`cloche config check`: what the settings come to, or what is wrong with them."""

from pathlib import Path

import msgspec
import pytest

from tests.cli.program import refused, run

SETTINGS = """
[server]
port = 1234
workers = 3
[store]
database = "postgresql://me:dbword@db.test:5432/name?password=queryword"
blobs = "s3://bucket/prefix"
[store.s3]
secret_access_key = "s3word"
access_key_id = "AKIA"
[upstream.corp]
url = "https://user:urlword@corp.test/simple/"
username = "me"
password = "plainword"
[upstream.token]
url = "https://tokenword@corp.test/simple/"
[index.main]
sources = ["team", "corp"]
[index.team]
uploads = true
read = ["ada", "bob"]
"""
SECRETS = ("dbword", "queryword", "s3word", "urlword", "plainword", "tokenword")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "cloche.toml"
    path.write_text(SETTINGS)
    return path


@pytest.mark.parametrize("how", [["--config"], []])
def test_says_what_they_come_to(tmp_path: Path, file: Path, how: list[str]) -> None:
    """Good settings are listed line by line, without a secret."""
    done = run(tmp_path, "config", "check", *how, file, "--data", "x")

    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        "ok",
        f"data      {tmp_path}/x",
        "database  postgresql://***@db.test:5432/name",
        "blobs     s3://bucket/prefix",
        "listens   127.0.0.1:1234, 3 worker(s)",
        "upstream  corp: simple, https://***@corp.test/simple/",
        "upstream  token: simple, https://***@corp.test/simple/",
        "index     main (default): read by anyone, takes no uploads, then team then corp",
        "index     team: read by ada, bob, takes uploads",
    ]


def test_as_json(tmp_path: Path, file: Path) -> None:
    """Programs get all of it as JSON, without a secret either."""
    done = run(tmp_path, "config", "check", file, "--json")
    said = msgspec.json.decode(done.stdout)

    assert said["server"]["port"] == 1234
    assert said["indexes"]["team"]["read"] == ["ada", "bob"]
    hidden = said["upstreams"]["corp"]["own"]["password"], said["store"]["s3"]["secret_access_key"]
    assert hidden == ("***", "***")
    assert not [secret for secret in SECRETS if secret in done.stdout]


def test_nothing_is_started(tmp_path: Path, file: Path) -> None:
    """Looking at settings makes no folder, and asks nobody."""
    assert run(tmp_path, "config", "check", file).returncode == 0
    assert [path.name for path in tmp_path.iterdir()] == ["cloche.toml"]


def test_variables_count(tmp_path: Path) -> None:
    """The variables are settings as the file is."""
    said = run(tmp_path, "config", "check", env={"CLOCHE_SERVER__PORT": "4321"}).stdout

    assert "127.0.0.1:4321" in said


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[server]\nprot = 1", "unknown key server.prot; did you mean port?"),
        ("[index.a]\nsources = ['a']", "in a circle: a -> a"),
        (
            "[index.main]\nsources = ['x']\n[upstream.x]\nurl = 'y'",
            "upstream x: 'y' is not an addr",
        ),
        ("[store]\nblobs = 'ftp://x'", "store.blobs is 'ftp://x'"),
        ("[store]\ndatabase = 'mysql://user:hidden@x'", "database's address is malformed"),
        ("[store]\ndatabase = 'sqlite:////no/such/x.db'", "/no/such does not exist"),
    ],
)
def test_what_is_wrong(tmp_path: Path, text: str, words: str) -> None:
    """Wrong settings are one line and exit code 2, before any server is started with them."""
    (tmp_path / "cloche.toml").write_text(text)
    said = refused(run(tmp_path, "config", "check", "cloche.toml"))

    assert words in said
    assert "hidden" not in said


def test_takes_over_what_bandersnatch_has(tmp_path: Path) -> None:
    """What `import` prints is a file that `check` takes; comments say what is elsewhere here."""
    conf = tmp_path / "bandersnatch.conf"
    conf.write_text(
        "[mirror]\nhash-index = true\n[plugins]\nenabled = prerelease_release latest_release\n"
        "[latest_release]\nkeep = 3\n"
    )
    imported = run(tmp_path, "config", "import", conf, "--index", "mirror")
    made = tmp_path / "cloche.toml"
    made.write_text(imported.stdout)

    assert imported.stdout.startswith("# [mirror] hash-index: folders named by a letter are")
    done = run(tmp_path, "config", "check", made)
    assert done.returncode == 0, done.stderr
    assert "index     mirror (default)" in done.stdout


def test_import_of_what_is_not_there(tmp_path: Path) -> None:
    """A file that cannot be read is named."""
    assert "no.conf cannot be read" in refused(run(tmp_path, "config", "import", "no.conf"))
