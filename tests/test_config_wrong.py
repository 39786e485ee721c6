"""Wrong settings: every way to get one wrong, and what is said then."""

from pathlib import Path

import pytest

from cloche.config import RESERVED, load
from cloche.core.errors import BadSetting
from tests.config_files import refusal, settings


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
        ("[index.a]\nfollow = 'p'", "index.a.follow names 'p', which is no upstream of kind"),
        (
            "[upstream.p]\nurl = 'http://x/'\n[index.a]\nfollow = 'p'",
            "index.a.follow names 'p', which is no upstream of kind",
        ),
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


def test_a_redirect_in_front_of_another_source(tmp_path: Path) -> None:
    """Sources that would never be asked are a mistake, which is named."""
    text = """
        [upstream.pypi]
        mode = "redirect"
        [index.team]
        uploads = true
        [index.main]
        sources = ["pypi", "team"]
    """
    assert "team behind it in index.main.sources would never be asked" in refusal(tmp_path, text)


REDIRECTS = 'fallthrough = "redirect"\n'


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            '[index.team]\n[index.main]\nsources = ["pypi", "team"]\n' + REDIRECTS,
            "redirected by pypi, so team behind it in index.main.sources would never be asked",
        ),
        (
            '[index.main]\nsources = ["pypi", "more"]\n[index.more]\n[index.top]\nsources = '
            '["public", "more"]\n[index.public]\nsources = ["pypi"]\n' + REDIRECTS,
            "redirected by public, so more behind it in index.top.sources would never be asked",
        ),
        (
            "[index.main]\n" + REDIRECTS + '[[index.main.route]]\nprojects = ["a*"]\n'
            'sources = ["pypi", "main2"]\n[index.main2]\n',
            "redirected by pypi, so main2 behind it in index.main.sources",
        ),
        (
            '[upstream.pypi]\nusername = "me"\n[index.main]\nsources = ["pypi"]\n' + REDIRECTS,
            "clients cannot be sent to pypi: it needs credentials",
        ),
        (
            '[index.main]\nsources = ["pypi"]\nmerge = ["demo"]\n' + REDIRECTS,
            "index.main has projects that are merged, but clients are redirected by main",
        ),
        (
            (
                '[upstream.pypi]\nmode = "redirect"\n[index.main]\nsources = ["pypi"]\n'
                '[[index.main.rule]]\nkind = "cooldown"\n'
            ),
            "index.main has rules, but clients are redirected by pypi",
        ),
    ],
)
def test_redirects_that_cannot_be(tmp_path: Path, text: str, said: str) -> None:
    """What a redirect would pass over, unseen, is a mistake, which is named."""
    assert said in refusal(tmp_path, text)


def test_a_kind_without_what_it_needs(tmp_path: Path) -> None:
    """A key that a kind of upstream cannot do without is asked for by its name."""
    said = refusal(tmp_path, '[upstream.own]\nkind = "directory"')

    assert "upstream.own" in said
    assert "missing required field `path`" in said
