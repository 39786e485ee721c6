"""Settings: every key, from a file, from variables and from flags."""

from pathlib import Path

import pytest

from cloche.config import is_loopback, load
from cloche.core.upstreams import Freshness
from tests.config_files import settings

EVERYTHING = """
[server]
host = "0.0.0.0"
port = 1234
workers = 3
public_url = "https://pypi.example.org/prefix"
trusted_proxies = ["10.0.0.0/8", "::1"]
log = "json"
shutdown_grace = 2.5
max_upload = 1000
prefetch = 0
offline = true

[server.tls]
certificate = "cert.pem"
key = "key.pem"

[store]
database = "postgresql://user@host/name"
blobs = "s3://bucket/prefix"

[store.s3]
endpoint = "https://s3.example.org"
region = "here"
access_key_id = "id"
secret_access_key = "secret"

[upstream.pypi]
url = "https://mirror.example.org/simple/"

[upstream.other]
kind = "simple"
url = "https://other.example.org/simple/"
username = "me"
password = "word"
read_timeout = 1
max_files = 5

[upstream.other.freshness]
default = 1
most = 2
absent = 3
patience = 4
after_failure = 5

[index.team]
uploads = true
read = ["ada", "bob"]

[index."team/dev"]
default = true
sources = ["team", "other", "pypi"]
read = "authenticated"
"""


def test_nothing_is_needed() -> None:
    """Without any settings there is one index, which takes uploads and falls through to PyPI."""
    found = load(environ={})
    index = found.default_index

    assert (found.server.host, found.server.port, found.server.workers) == ("127.0.0.1", 8080, 1)
    assert list(found.indexes) == ["main"]
    assert (index.sources, index.uploads, index.read) == (("pypi",), True, "anyone")
    assert found.upstreams["pypi"].kind == "simple"
    assert found.upstreams["pypi"].own.url.startswith("https://")
    assert found.data == Path("cloche-data")
    assert found.database_url == f"sqlite:///{Path.cwd() / 'cloche-data' / 'cloche.db'}"
    assert found.blobs_url == (Path.cwd() / "cloche-data" / "blobs").as_uri()
    assert found.blobs_options == {}


def test_every_key(tmp_path: Path) -> None:
    """Every key of every table says what it says."""
    found = settings(tmp_path, EVERYTHING)
    server, other = found.server, found.upstreams["other"]

    assert (server.host, server.port, server.workers) == ("0.0.0.0", 1234, 3)  # noqa: S104 - a setting
    assert server.public_url == "https://pypi.example.org/prefix"
    assert server.trusted_proxies == ("10.0.0.0/8", "::1")
    assert (server.log, server.shutdown_grace, server.max_upload) == ("json", 2.5, 1000)
    assert (server.prefetch, server.offline) == (0, True)
    assert server.tls is not None
    assert (server.tls.certificate, server.tls.key) == ("cert.pem", "key.pem")
    assert found.database_url == "postgresql://user@host/name"
    assert found.blobs_url == "s3://bucket/prefix"
    assert found.blobs_options == {
        "endpoint": "https://s3.example.org",
        "region": "here",
        "access_key_id": "id",
        "secret_access_key": "secret",
    }
    assert found.upstreams["pypi"].own.url == "https://mirror.example.org/simple/"
    assert (other.own.username, other.own.password, other.own.max_files) == ("me", "word", 5)
    assert other.freshness == Freshness(default=1, most=2, absent=3, patience=4, after_failure=5)
    assert found.default_index.name == "team/dev"
    assert found.default_index.sources == ("team", "other", "pypi")
    assert found.indexes["team"].read == ("ada", "bob")
    assert not found.default_index.uploads


@pytest.mark.parametrize(
    ("name", "text", "key", "value"),
    [
        ("CLOCHE_SERVER__PORT", "81", "port", 81),
        ("CLOCHE_SERVER__HOST", "::1", "host", "::1"),
        ("CLOCHE_SERVER__HOST", '"::1"', "host", "::1"),
        ("CLOCHE_SERVER__OFFLINE", "true", "offline", True),
        ("CLOCHE_SERVER__SHUTDOWN_GRACE", "1.5", "shutdown_grace", 1.5),
        ("CLOCHE_SERVER__TRUSTED_PROXIES", '["::1"]', "trusted_proxies", ("::1",)),
        ("CLOCHE_SERVER__PUBLIC_URL", "https://a.test", "public_url", "https://a.test"),
    ],
)
def test_variables(tmp_path: Path, name: str, text: str, key: str, value: object) -> None:
    """A variable sets the key that it names, in TOML or in plain text."""
    assert getattr(settings(tmp_path, "", {name: text}).server, key) == value


def test_variables_reach_every_table(tmp_path: Path) -> None:
    """Two underscores stand for each dot, however deep."""
    variables = {
        "CLOCHE_STORE__S3__REGION": "there",
        "CLOCHE_UPSTREAM__PYPI__FRESHNESS__ABSENT": "7",
        "CLOCHE_INDEX__TEAM__UPLOADS": "true",
    }
    found = settings(tmp_path, "[index.team]\nsources = ['pypi']", variables)

    assert found.blobs_options == {"region": "there"}
    assert found.upstreams["pypi"].freshness.absent == 7
    assert found.default_index.uploads


def test_later_words_win(tmp_path: Path) -> None:
    """A variable beats the file, and a flag beats both; a flag that was not given says nothing."""
    text, variables = "[server]\nport = 1\nworkers = 1\nhost = 'a'", {"CLOCHE_SERVER__PORT": "2"}
    flags = {"server.port": 3, "server.workers": None}

    assert settings(tmp_path, text).server.port == 1
    assert settings(tmp_path, text, variables).server.port == 2
    found = settings(tmp_path, text, variables, flags).server
    assert (found.port, found.workers, found.host) == (3, 1, "a")


def test_data_folder(tmp_path: Path) -> None:
    """The data folder is given by word or by variable, the word before the variable."""
    variables = {"CLOCHE_DATA": str(tmp_path)}

    assert load(environ=variables).data == tmp_path
    assert load(data=Path("x"), environ=variables).data == Path("x")
    assert load(environ={"CLOCHE_DATA": ""}).data == Path("cloche-data")


def test_strange_variables_are_anybody_s(tmp_path: Path) -> None:
    """Variables that only begin alike, as orchestrators set them, are not settings."""
    strange = {"CLOCHE_PORT": "tcp://10.0.0.1:80", "CLOCHE_SERVICE_HOST": "x", "CLOCHE": "y"}

    assert settings(tmp_path, "", strange) == settings(tmp_path)


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("127.0.0.1", True),
        ("127.9.9.9", True),
        ("::1", True),
        ("localhost", True),
        ("0.0.0.0", False),  # noqa: S104 - compared, not bound
        ("::", False),
        ("", False),
        ("10.0.0.1", False),
        ("example.org", False),
        ("127.0.0.1.example.org", False),
    ],
)
def test_reading_is_open_on_loopback_only(tmp_path: Path, host: str, expected: bool) -> None:  # noqa: FBT001 - a table's column
    """Beyond this machine nobody reads without a token, unless the settings say so."""
    listening = f"[server]\nhost = '{host}'\n"
    opened = f"{listening}[index.main]\nread = 'anyone'"

    assert is_loopback(host) is expected
    found = settings(tmp_path, listening).default_index.read
    assert found == ("anyone" if expected else "authenticated")
    assert settings(tmp_path, opened).default_index.read == "anyone"


def test_default_index_is_chosen(tmp_path: Path) -> None:
    """The default is the index that says so, else main, else the first."""
    said = settings(tmp_path, "[index.main]\n[index.a]\ndefault = true")
    main = settings(tmp_path, "[index.a]\n[index.main]")
    first = settings(tmp_path, "[index.b]\n[index.a]")

    assert [s.default_index.name for s in (said, main, first)] == ["a", "main", "b"]


def test_upstreams_without_indexes(tmp_path: Path) -> None:
    """Upstreams without an index make up the one index, PyPI last."""
    found = settings(tmp_path, "[upstream.corp]\nurl = 'https://corp.test/simple/'")

    assert found.default_index.sources == ("corp", "pypi")


def test_pypi_is_an_upstream_only_where_it_is_named(tmp_path: Path) -> None:
    """An index that does not name PyPI never asks it."""
    assert settings(tmp_path, "[index.main]\nuploads = true").upstreams == {}
    assert list(settings(tmp_path, "[index.main]\nsources = ['pypi']").upstreams) == ["pypi"]


def test_an_upstream_may_be_redirected_to_by_one_index_alone(tmp_path: Path) -> None:
    """How one index falls through does not bind another, whatever that asks afterwards."""
    text = """
        [index.sending]
        sources = ["pypi"]
        fallthrough = "redirect"
        [index.keeping]
        sources = ["pypi", "sending"]
    """
    found = settings(tmp_path, text)

    assert found.redirects == {"pypi": found.upstreams["pypi"].own.url}
    assert found.indexes["keeping"].fallthrough == "cache"
