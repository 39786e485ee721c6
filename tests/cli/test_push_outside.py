"""`cloche push --to URL`: to another real server, and to one that answers as it likes."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from tests.attestations import attestation, statement
from tests.cli.program import refused, run
from tests.packages import Built, Described, sdist, wheel
from tests.server import Cloche
from tests.web.answers import listed
from tests.web.forms import upload
from tests.web.tokens import granted

SAID: Described = {
    "summary": "Says it",
    "description": "# One\n\ntwo é three\n",
    "requires": ["idna>=3", "sniffio; python_version < '4'"],
    "requires_python": ">=3.9",
    "fields": [
        ("Keywords", "a,b"),
        ("Project-URL", "Home, http://acme.example/"),
        ("Classifier", "Programming Language :: Python"),
        ("Author-email", "Ann <ann@acme.example>"),
    ],
}
WHEEL = wheel("po-own", "1.0", **SAID)
SDIST = sdist("po-own", "1.0", **SAID)
ONE = wheel("po-one", "1.0")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloche]:
    """A server with a version of a wheel and an sdist, and one of a wheel alone."""
    data = tmp_path_factory.mktemp("here") / "data"
    with Cloche(data, offline=True) as running:
        token = granted(running.data, "upload")
        said = json.dumps([attestation(statement(WHEEL))])
        assert upload(running.url, WHEEL, token, attestations=said).status == 200
        for built in (SDIST, ONE):
            assert upload(running.url, built, token).status == 200
        yield running


@pytest.fixture(scope="module")
def there(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloche]:
    folder = tmp_path_factory.mktemp("there")
    (folder / "cloche.toml").write_text("[index.main]\nuploads = true\n")
    with Cloche(folder / "data", config=folder / "cloche.toml") as running:
        yield running


def push(
    server: Cloche, part: str, to: str, *arguments: str, credential: str = ""
) -> CompletedProcess[str]:
    env = {"CLOCHE_PUSH_PASSWORD": credential} if credential else {}
    folder = server.data.parent
    return run(folder, "push", part, "--to", to, *arguments, "--data", "data", env=env)


def test_to_another_server(server: Cloche, there: Cloche) -> None:
    """All of a version arrives at another server: bytes, metadata, attestations."""
    secret = granted(there.data, "upload")
    names = sorted([WHEEL.filename, SDIST.filename])
    would = push(server, "po-own==1.0", there.legacy, "--dry-run", credential=secret)
    assert (sorted(would.stdout.split()), listed(there, "po-own")) == (names, [])

    done = push(server, "po-own==1.0", there.legacy, credential=secret)

    assert (done.returncode, sorted(done.stdout.split())) == (0, names), done.stderr
    assert done.stderr == f"pushed 2 files to {there.legacy}\n"
    for built in (WHEEL, SDIST):
        reply = there.get(f"/packages/main/po-own/{built.sha256}/{built.filename}")
        assert reply.body == built.content
    place = f"/integrity/po-own/1.0/{WHEEL.filename}/provenance"
    assert there.get(place).status == 200
    ours, theirs = (
        json.loads(each.get("/pypi/po-own/json").body.replace(each.url.encode(), b""))["info"]
        for each in (server, there)
    )
    assert ours == theirs


def test_what_is_there_already(server: Cloche, there: Cloche) -> None:
    """A version of which a part is there goes on with the rest, and does no harm twice."""
    secret = granted(there.data, "upload")
    other = wheel("po-one", "1.0", summary="another")
    assert upload(there.url, other, secret).status == 200

    done = push(server, "po-one==1.0", there.legacy, "--json", credential=secret)

    assert json.loads(done.stdout) == {"new": [], "there": [ONE.filename]}
    reply = there.get(f"/packages/main/po-one/{other.sha256}/{other.filename}")
    assert reply.body == other.content


@pytest.mark.parametrize("credential", ["", "cloche_no_such"])
def test_without_the_right(server: Cloche, there: Cloche, credential: str) -> None:
    """What the other side refuses is told with its reason, and never the password."""
    said = refused(push(server, "po-own==1.0", there.legacy, credential=credential))
    assert "answers 401" in said
    assert "cloche_no_such" not in said


class _Answers(BaseHTTPRequestHandler):
    """Takes a body to its end, and answers as it is told."""

    protocol_version = "HTTP/1.1"
    status, reason, text = 200, "OK", ""
    got: tuple[dict[str, str], bytes] = ({}, b"")

    def do_POST(self) -> None:
        length = int(self.headers["Content-Length"])
        type(self).got = (dict(self.headers.items()), self.rfile.read(length))
        body = self.text.encode()
        self.send_response(self.status, self.reason)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Location", "http://127.0.0.1:9/")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def answering(
    status: int, reason: str = "", text: str = ""
) -> Iterator[tuple[str, type[_Answers]]]:
    """An upload address that answers everything so."""
    said = {"status": status, "reason": reason, "text": text}
    handler: type[_Answers] = type("Handler", (_Answers,), said)
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as listening:
        thread = threading.Thread(target=listening.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listening.server_port}/legacy/", handler
        finally:
            listening.shutdown()
            thread.join()


def test_what_is_sent(server: Cloche) -> None:
    """A form of known length with all that the archive says, digests, and credentials."""
    with answering(200) as (url, handler):
        assert push(server, "po-own==1.0", url, "--username", "ann", credential="s").returncode == 0
    headers, body = handler.got
    assert headers["Authorization"] == "Basic YW5uOnM="
    assert "Transfer-Encoding" not in headers
    for name, value in (
        (":action", "file_upload"),
        ("metadata_version", "2.4"),
        ("summary", "Says it"),
        ("description", "# One\n\ntwo é three\n"),
        ("requires_python", ">=3.9"),
        ("requires_dist", "idna>=3"),
        ("keywords", "a,b"),
        ("project_urls", "Home, http://acme.example/"),
        ("classifiers", "Programming Language :: Python"),
        ("author_email", "Ann <ann@acme.example>"),
    ):
        assert f'name="{name}"\r\n\r\n{value}'.encode() in body, name
    last: Built = WHEEL if WHEEL.filename.encode() in body else SDIST
    assert f'name="sha256_digest"\r\n\r\n{last.sha256}'.encode() in body
    assert last.content in body


@pytest.mark.parametrize(
    ("status", "reason", "text"),
    [
        (409, "Conflict", ""),
        (400, "File already exists. See the help", ""),
        (400, "Bad Request", "Repository does not allow updating assets: updating asset"),
        (400, "Bad Request", "name has already been taken"),
        (403, "Forbidden", "not enough permissions to overwrite artifact"),
    ],
)
def test_words_for_being_there(server: Cloche, status: int, reason: str, text: str) -> None:
    """Each server's way to say that it has the file is understood."""
    with answering(status, reason, text) as (url, _):
        done = push(server, "po-one==1.0", url, "--json")
    assert json.loads(done.stdout) == {"new": [], "there": [ONE.filename]}


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (400, "answers 400"),
        (403, "check user and password"),
        (301, "without redirects"),
        (503, "try again"),
    ],
)
def test_what_the_other_side_refuses(server: Cloche, status: int, words: str) -> None:
    """Whatever else is answered fails the push, in one line; no redirect is followed."""
    with answering(status, "No thanks") as (url, _):
        said = refused(push(server, "po-one==1.0", url, credential="hush-hush"))
    assert words in said
    assert "hush-hush" not in said


def test_nobody_is_there(server: Cloche, tmp_path: Path) -> None:
    """An address where nobody listens, or that is none, is one line; names need no password."""
    assert tmp_path.exists()
    assert "cannot be reached" in refused(push(server, "po-one==1.0", "http://127.0.0.1:9/"))
    assert "is not an address" in refused(push(server, "po-one==1.0", "ftp://x/"))
    assert "are for an address" in refused(push(server, "po-one==1.0", "main", credential="x"))
