"""Settings: every key, every way to get one wrong, and what is said then."""

from pathlib import Path
from typing import Any

import pytest

from cloche.config import RESERVED, Settings, is_loopback, load
from cloche.core.errors import BadSetting
from cloche.service.upstream import Freshness

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


def settings(
    tmp_path: Path,
    text: str = "",
    variables: dict[str, str] | None = None,
    flags: dict[str, Any] | None = None,
) -> Settings:
    file = tmp_path / "cloche.toml"
    file.write_text(text)
    return load(file, None, flags, variables or {})


def refusal(tmp_path: Path, text: str, variables: dict[str, str] | None = None) -> str:
    """What is said of wrong settings: one line."""
    with pytest.raises(BadSetting) as caught:
        settings(tmp_path, text, variables)
    said = str(caught.value)
    assert "\n" not in said
    return said


# What is right --------------------------------------------------------------------------------


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


# What is wrong --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "key", "nearest"),
    [
        ("serve = 1", "serve", "server"),
        ("[server]\nprot = 1", "server.prot", "port"),
        ("[server]\nWorkers = 1", "server.Workers", "workers"),
        ("[server.tls]\ncertificate='x'\nkey='x'\nkeyfile='x'", "server.tls.keyfile", "key"),
        ("[store]\nblob = 'x'", "store.blob", "blobs"),
        ("[store.s3]\nend_point = 'x'", "store.s3.end_point", "endpoint"),
        ("[upstream.pypi]\nurll = 'x'", "upstream.pypi.urll", "url"),
        ("[upstream.pypi.freshness]\nmots = 1", "upstream.pypi.freshness.mots", "most"),
        ("[index.main]\nuplaods = true", "index.main.uplaods", "uploads"),
        ("[index.'a/b']\nsource = []", "index.a/b.source", "sources"),
    ],
)
def test_unknown_key(tmp_path: Path, text: str, key: str, nearest: str) -> None:
    """An unknown key is an error that names it in full, and the nearest right one."""
    said = refusal(tmp_path, text)

    assert said == f"{tmp_path}/cloche.toml: unknown key {key}; did you mean {nearest}?"


def test_unknown_key_like_none(tmp_path: Path) -> None:
    """An unknown key that is near to none is told which there are."""
    assert "known are database, blobs, s3" in refusal(tmp_path, "[store]\nxyzzy = 1")


def test_unknown_variable(tmp_path: Path) -> None:
    """A variable that names no setting is an error like a key, and says where to look."""
    said = refusal(tmp_path, "", {"CLOCHE_SERVER__PROT": "1"})

    assert "the CLOCHE_… variables" in said
    assert "unknown key server.prot; did you mean port?" in said


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[server]\nport = 'x'", "server.port: expected `int`, got `string`"),
        ("[server]\nport = 65536", "server.port: expected `int` <= 65535"),
        ("[server]\nport = -1", "server.port: expected `int` >= 0"),
        ("[server]\nworkers = 0", "server.workers: expected `int` >= 1"),
        ("[server]\nmax_upload = 0", "server.max_upload"),
        ("[server]\nhost = 1", "server.host: expected `string`, got `int`"),
        ("[server]\noffline = 'yes'", "server.offline: expected `bool`"),
        ("[server]\nlog = 'xml'", "'text' or 'json'"),
        ("[server]\nshutdown_grace = -1", "server.shutdown_grace"),
        ("[server]\ntrusted_proxies = '::1'", "server.trusted_proxies: expected `list`"),
        ("[server]\ntrusted_proxies = ['*']", "server.trusted_proxies has '*'"),
        ("[server]\ntrusted_proxies = ['10.0.0.1/8']", "server.trusted_proxies has"),
        ("[server]\npublic_url = 'pypi.example.org'", "server.public_url"),
        ("[server]\npublic_url = 'ftp://x'", "server.public_url"),
        ("[server]\npublic_url = 'http://[::1'", "server.public_url"),
        ("[server]\npublic_url = 'https://x/?a=b'", "server.public_url"),
        ("[server.tls]\ncertificate = 'x'", "missing required field `key`"),
        ("server = 1", "server: expected `table`, got `int`"),
        ("store = []", "store: expected `table`, got `list`"),
        ("[store]\ns3 = 'x'", "store.s3: expected `table"),
        ("[store]\ndatabase = 1", "store.database"),
        ("upstream = 1", "upstream: expected `table`"),
        ("[upstream]\npypi = 'https://x'", "upstream.pypi: expected `table`, got `string`"),
        ("[upstream.x]\nkind = 'nonsense'", "upstream.x.kind is 'nonsense'; known kinds are"),
        ("[upstream.x]\nkind = ['simple']", "upstream.x.kind"),
        ("[upstream.x]\nattempts = 0", "upstream.x.attempts"),
        ("[upstream.x]\nread_timeout = 0", "upstream.x.read_timeout"),
        ("[upstream.x]\nfreshness = 1", "upstream.x.freshness: expected `table`"),
        ("[upstream.'']\nurl = 'x'", "upstream.''"),
        ("[index]\nmain = true", "index.main: expected `table`, got `bool`"),
        ("[index.main]\nuploads = 1", "index.main.uploads: expected `bool`"),
        ("[index.main]\nread = 'staff'", "'anyone' or 'authenticated' or a list of names"),
        ("[index.main]\nread = [1]", "index.main.read[0]"),
        ("[index.main]\nsources = 'pypi'", "index.main.sources: expected `list`"),
        ("[index.main]\nsources = ['pipy']", "'pipy', which is neither an index nor an upstream"),
        ("[index.main]\nsources = ['pipy']", "did you mean pypi?"),
        (
            "[index.a]\ndefault = true\n[index.b]\ndefault = true",
            "default = true stands in a and b",
        ),
        ("[index.a]\n[upstream.a]", "a names an index and an upstream"),
    ],
)
def test_wrong_value(tmp_path: Path, text: str, words: str) -> None:
    """A value of a wrong type, or out of bounds, is told by its key and by what would be right."""
    assert words in refusal(tmp_path, text)


@pytest.mark.parametrize(
    "name",
    [
        *sorted(RESERVED),
        *("Main", "a b", "a/b/c", "a/", "/a", "", ".hidden", "_x", "ä", "a\nb", "a" * 64, "-x"),
        *("team/simple", "team/-", "team/packages"),
    ],
)
def test_name_that_an_index_cannot_have(tmp_path: Path, name: str) -> None:
    """A name that an address means already, or that no address could carry, is refused."""
    quoted = name.replace("\n", "\\n")
    said = refusal(tmp_path, f'[index."{quoted}"]') if "\n" not in name else _told(tmp_path, quoted)

    assert "not a name for an index" in said


def _told(tmp_path: Path, quoted: str) -> str:
    with pytest.raises(BadSetting) as caught:
        settings(tmp_path, f'[index."{quoted}"]')
    return str(caught.value)


@pytest.mark.parametrize("name", ["main", "a", "0", "team/dev", "a.b-c_d", "simple2", "x" * 63])
def test_name_that_an_index_can_have(tmp_path: Path, name: str) -> None:
    """One or two plain segments name an index."""
    assert settings(tmp_path, f'[index."{name}"]').default_index.name == name


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("[index.a]\nsources = ['a']", "a -> a"),
        ("[index.a]\nsources = ['b']\n[index.b]\nsources = ['a']", "a -> b -> a"),
        (
            "[index]\na = {sources=['b']}\nb = {sources=['c', 'd']}\nc = {}\nd = {sources=['b']}",
            "b -> d -> b",
        ),
    ],
)
def test_circle(tmp_path: Path, text: str, path: str) -> None:
    """Indexes that draw on each other in a circle are refused, and the circle is shown."""
    said = refusal(tmp_path, text)

    assert "in a circle" in said
    assert path in said


def test_diamond_is_no_circle(tmp_path: Path) -> None:
    """Two ways to one index are no circle."""
    text = (
        "[index.a]\nsources=['b', 'c']\n[index.b]\nsources=['d']\n[index.c]\nsources=['d']\n"
        "[index.d]"
    )

    assert list(settings(tmp_path, text).indexes) == ["a", "b", "c", "d"]


@pytest.mark.parametrize(
    "text",
    ["[", "a = ", "a = 1\na = 2", "\x00", "x = " + "9" * 5000, "x = " + "[" * 10_000, "[a]\n[a]"],
)
def test_file_that_is_not_toml(tmp_path: Path, text: str) -> None:
    """A file that cannot be parsed is named, and so is the reason."""
    assert "cloche.toml is not TOML: " in refusal(tmp_path, text)


def test_file_that_is_not_text(tmp_path: Path) -> None:
    """A file of other bytes than UTF-8 is no TOML either."""
    file = tmp_path / "cloche.toml"
    file.write_bytes(b"\xff\xfe")

    with pytest.raises(BadSetting, match="is not TOML"):
        load(file, environ={})


@pytest.mark.parametrize("path", ["missing.toml", ".", "cloche.toml/x"])
def test_file_that_cannot_be_read(tmp_path: Path, path: str) -> None:
    """A file that is not there, or no file, is named with what to do."""
    (tmp_path / "cloche.toml").touch()

    with pytest.raises(BadSetting, match=r"cannot be read .*--config"):
        load(tmp_path / path, environ={})


def test_variable_below_what_is_no_table(tmp_path: Path) -> None:
    """A variable below a value that is no table says which."""
    said = refusal(tmp_path, "server = 1", {"CLOCHE_SERVER__PORT": "1"})

    assert said == "server.port cannot be set: server is not a table"
