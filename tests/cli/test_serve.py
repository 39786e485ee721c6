"""`cloche serve` from its start to its end."""

import http.client
import re
import socket
import ssl
from contextlib import closing
from pathlib import Path

import msgspec
import pytest
import trustme

from cloche.cli.serve import banner
from cloche.config import load
from tests.cli.asking import served
from tests.cli.program import Program, refused, run
from tests.packages import wheel
from tests.server import Cloche
from tests.web.forms import upload
from tests.web.tokens import granted, revoke

NOWHERE = "http://127.0.0.1:9/simple/"


# The banner -----------------------------------------------------------------------------------


def test_banner(tmp_path: Path) -> None:
    """The start says where to install from and upload to, with what, how, and where the data is."""
    with Program(tmp_path, "serve", "--port", "0", "--upstream", NOWHERE) as program:
        url, said = program.url, program.out
        token = program.token

        assert f"{url}/simple/" in said
        assert f"pip install --index-url {url}/simple/ requests\n" in said
        assert f"uv pip install --default-index {url}/simple/ requests\n" in said
        upload_line = (
            f"twine upload --repository-url {url}/legacy/ -u __token__ -p {token} dist/*\n"
        )
        assert upload_line in said
        assert f"{tmp_path / 'cloche-data'}\n" in said
        assert NOWHERE in said
        assert program.err == ""
        assert upload(url, wheel("cs-banner", "1.0"), token).status == 200


def test_token_is_shown_once(tmp_path: Path) -> None:
    """The ready-made token is shown by the first start alone, and kept as a hash."""
    secrets = []
    for number in range(2):
        with Program(tmp_path, "serve", "--port", "0", "--offline") as program:
            assert served(program.url, "/-/ready")[0] == 200
            secrets += re.findall(r"cloche_[0-9a-f]{12}_[\w-]+", program.out)
            if number:
                again = "cloche token create --data cloche-data --index main --can upload"
                assert again in program.out
            program.interrupt()
            assert program.end() == 0

    [secret] = set(secrets)
    hidden = secret.split("_", 2)[2].encode()
    for file in (tmp_path / "cloche-data").rglob("*"):
        assert not file.is_file() or hidden not in file.read_bytes()


def test_banner_of_other_settings(tmp_path: Path) -> None:
    """The banner speaks of the settings as they are: address, index, readers, secrets withheld."""
    file = tmp_path / "cloche.toml"
    file.write_text(
        """
        [server]
        host = "0.0.0.0"
        public_url = "https://pypi.example.org/x/"
        [upstream.corp]
        url = "https://me:word@corp.example.org/simple/?token=hidden"
        [index.main]
        sources = ["team", "corp"]
        [index.team]
        uploads = true
        """
    )
    said = banner(load(file, Path("/a b"), environ={}), 1234, None)

    assert "https://pypi.example.org/x/simple/\n" in said
    assert "https://pypi.example.org/x/team/legacy/\n" in said
    assert "cloche token create --data '/a b' --index team --can upload" in said
    assert "-p TOKEN dist/*" in said
    assert "who has a token" in said
    assert "https://***@corp.example.org/simple/" in said
    assert not [secret for secret in ("me:", "word", "hidden") if secret in said]


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("127.0.0.1", "http://127.0.0.1:80"),
        ("::1", "http://[::1]:80"),
        ("0.0.0.0", f"http://{socket.gethostname()}:80"),  # noqa: S104 - a setting
    ],
)
def test_address_in_the_banner(host: str, url: str) -> None:
    """The address in the banner is one that can be asked."""
    settings = load(flags={"server.host": host}, environ={})

    assert f"install from  {url}/simple/" in banner(settings, 80, None)


# The log --------------------------------------------------------------------------------------


def test_json_log(tmp_path: Path) -> None:
    """On demand every line of the log is an object: requests, events and troubles alike."""
    arguments = ("serve", "--port", "0", "--upstream", NOWHERE)
    with Program(tmp_path, *arguments, env={"CLOCHE_SERVER__LOG": "json"}) as program:
        assert upload(program.url, wheel("cs-json", "1.0"), program.token).status == 200
        assert served(program.url, "/simple/cs-nowhere/")[0] == 503
        program.interrupt()
        assert program.end() == 0
        events = [msgspec.json.decode(line) for line in program.err.splitlines()]

    assert all(event["at"] and event["event"] for event in events)
    requests = [event["status"] for event in events if event["event"] == "request"]
    assert requests == [200, 503]
    [uploaded] = [event for event in events if event["event"] == "uploaded"]
    assert (uploaded["by"], uploaded["index"], uploaded["new"]) == ("first", "main", True)


def test_text_log(tmp_path: Path) -> None:
    """Without a wish the log is lines to be read, one for each thing that happened."""
    with Program(tmp_path, "serve", "--port", "0", "--upstream", NOWHERE) as program:
        assert upload(program.url, wheel("cs-text", "1.0"), program.token).status == 200
        assert served(program.url, "/simple/cs-nowhere/")[0] == 503
        program.interrupt()
        assert program.end() == 0
        said = program.err

    assert re.search(r"Z info uploaded index=main filename=cs_text-1\.0-py3-none-any\.whl ", said)
    assert re.search(r" 503 GET /simple/cs-nowhere/ \d+B [\d.]+ms 127\.0\.0\.1 \"\"\n", said)
    assert all(re.match(r"\d{4}-\d\d-\d\dT", line) for line in said.splitlines())


# Several workers ------------------------------------------------------------------------------


def test_workers_agree(tmp_path: Path) -> None:
    """What one worker was told, the other knows: uploads, tokens and their end."""
    with Cloche(tmp_path / "data", offline=True, workers=2) as server:
        secret = server.first_token
        for number in range(1, 9):
            assert upload(server.url, wheel("cs-two", f"{number}"), secret).status == 200
            pages = [served(server.url, "/simple/cs-two/")[1] for _ in range(6)]
            assert {page.count(b"<a ") for page in pages} == {number}
        mine = granted(server.data, "upload")
        again = wheel("cs-two", "1")
        assert {upload(server.url, again, mine).status for _ in range(6)} == {200}
        revoke(server.data, mine)
        assert {upload(server.url, again, mine).status for _ in range(6)} == {401}


# TLS ------------------------------------------------------------------------------------------


@pytest.fixture
def authority() -> trustme.CA:
    return trustme.CA()


def tls_settings(tmp_path: Path, certificate: str, key: str) -> Path:
    file = tmp_path / "cloche.toml"
    file.write_text(f"[server.tls]\ncertificate = '{certificate}'\nkey = '{key}'\n")
    return file


@pytest.mark.parametrize("workers", ["1", "2"])
def test_tls(tmp_path: Path, authority: trustme.CA, workers: str) -> None:
    """With a certificate it speaks TLS, and the banner says https."""
    issued = authority.issue_cert("127.0.0.1")
    issued.private_key_pem.write_to_path(tmp_path / "key.pem")
    issued.cert_chain_pems[0].write_to_path(tmp_path / "cert.pem")
    config = tls_settings(tmp_path, f"{tmp_path}/cert.pem", f"{tmp_path}/key.pem")
    context = ssl.create_default_context()
    authority.configure_trust(context)

    arguments = ("serve", "--port", "0", "--offline", "--config", config, "--workers", workers)
    with Program(tmp_path, *arguments) as program:
        assert program.url.startswith("https://127.0.0.1:")
        address = program.url.removeprefix("https://")
        connection = http.client.HTTPSConnection(address, timeout=60, context=context)
        with closing(connection):
            connection.request("GET", "/-/ready")
            assert connection.getresponse().status == 200
        program.interrupt()
        assert program.end() == 0


def test_certificate_that_is_none(tmp_path: Path, authority: trustme.CA) -> None:
    """A certificate that is missing, broken or of another key is told before anything starts."""
    one, other = authority.issue_cert("a.test"), authority.issue_cert("b.test")
    one.cert_chain_pems[0].write_to_path(tmp_path / "cert.pem")
    other.private_key_pem.write_to_path(tmp_path / "key.pem")
    (tmp_path / "broken.pem").write_text("nonsense")
    for certificate, key in [
        ("missing.pem", "key.pem"),
        ("broken.pem", "key.pem"),
        ("cert.pem", "key.pem"),
    ]:
        config = tls_settings(tmp_path, certificate, key)
        said = refused(run(tmp_path, "serve", "--port", "0", "--offline", "--config", config))
        assert f"server.tls: {certificate} and {key} cannot be used" in said
