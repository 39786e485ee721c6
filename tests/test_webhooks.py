"""Webhooks of a real server of several workers, to a real receiver."""

import base64
import hashlib
import hmac
import json
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from tests.packages import wheel
from tests.server import Cloche
from tests.waiting import until
from tests.web.forms import upload
from tests.web.tokens import granted

SECRET = "sixteen bytes or more"  # noqa: S105 - for these tests alone
ONE, TWO, THREE = (wheel("wh-demo", f"{number}.0") for number in (1, 2, 3))


class _Handler(BaseHTTPRequestHandler):
    server: "Listening"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        is_up = self.server.up
        self.server.tries += 1
        if is_up:  # before the answer: the next may come as soon as that is sent
            self.server.got.append((dict(self.headers.items()), body))
        self.send_response(200 if is_up else 500)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


class Listening(ThreadingHTTPServer):
    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.up = True
        self.tries = 0
        self.got: list[tuple[dict[str, str], bytes]] = []

    @property
    def subjects(self) -> list[str]:
        return [json.loads(body)["subject"] for _, body in self.got]


@contextmanager
def listening() -> Iterator[Listening]:
    with Listening() as found:
        thread = threading.Thread(target=found.serve_forever)
        thread.start()
        try:
            yield found
        finally:
            found.shutdown()
            thread.join()


def settings(folder: Path, receiver: Listening) -> Path:
    file = folder / "cloche.toml"
    file.write_text(
        "[index.main]\nuploads = true\n"
        "[webhook.chat]\n"
        f'url = "http://127.0.0.1:{receiver.server_port}/hook?x=1"\nsecret = "{SECRET}"\n'
    )
    return file


def test_what_happens_is_told(tmp_path: Path) -> None:
    """Uploads come signed, in order, once each from several workers, also across a restart."""
    with listening() as receiver:
        config = settings(tmp_path, receiver)
        server = Cloche(tmp_path / "data", config=config, workers=2)
        with server:
            token = granted(server.data, "upload")
            until(lambda: _began(server))
            for built in (ONE, TWO):
                assert upload(server.url, built, token).status == 200
            until(lambda: len(receiver.got) == 2)
            receiver.up = False
            assert upload(server.url, THREE, token).status == 200
            until(lambda: receiver.tries > 2)
        receiver.up = True
        done = server.command(
            "yank", "wh-demo", "1.0", "--data", str(server.data), "--config", str(config)
        )
        assert done.returncode == 0, done.stderr
        with server:
            until(lambda: len(receiver.got) == 4)

    assert receiver.subjects == [
        *(f"wh-demo/{built.filename}" for built in (ONE, TWO, THREE)),
        "wh-demo/1.0",
    ]
    for headers, body in receiver.got:
        signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
        mac = base64.b64encode(hmac.digest(SECRET.encode(), signed, hashlib.sha256)).decode()
        assert headers["webhook-signature"] == f"v1,{mac}"
        assert headers["Content-Type"] == "application/cloudevents+json"
        assert json.loads(body)["id"] == headers["webhook-id"]


def _began(server: Cloche) -> bool:
    """Whether the webhook has its place in the journal: what comes from then on is told."""
    with closing(sqlite3.connect(server.data / "cloche.db")) as connection:
        (count,) = connection.execute("SELECT count(*) FROM webhooks").fetchone()
    return int(count) == 1


def test_what_is_shown_of_them(tmp_path: Path) -> None:
    """The settings are shown without the secret, and on lines without the path, too."""
    with listening() as receiver:
        config = settings(tmp_path, receiver)
        server = Cloche(tmp_path / "data", config=config)
        plain = server.command("config", "check", str(config))
        as_json = server.command("config", "check", str(config), "--json")
    assert f"webhook   chat: 127.0.0.1:{receiver.server_port}, of upload" in plain.stdout
    for shown in (plain.stdout, as_json.stdout):
        assert SECRET not in shown
        assert base64.b64encode(SECRET.encode()).decode() not in shown
