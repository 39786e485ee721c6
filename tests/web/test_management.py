"""The door of the management API: what is behind it is made when it is first asked for."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.server import Cloche
from tests.web.api.managing import ROOT, Manager, place
from tests.web.forms import Part, encode
from tests.web.talk import Talk
from tests.web.tokens import granted


def test_serving_imports_no_fastapi(tmp_path: Path) -> None:
    """A server that nobody manages never pays for the API's libraries."""
    program = (
        "import sys; from pathlib import Path; from cloche.app.application import Application;"
        "from cloche.config import load;"
        f"Application(load(data=Path({str(tmp_path)!r}), environ={{}}));"
        "sys.exit('fastapi' in sys.modules or 'pydantic_core' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def test_the_first_who_knock(tmp_path: Path) -> None:
    """All who come while the API is being made are answered by it."""
    with Cloche(tmp_path / "data", offline=True) as server:
        admin = Manager(server, granted(server.data, "admin"))
        with ThreadPoolExecutor(8) as pool:
            replies = list(pool.map(lambda _: admin.ask("GET", place("none", "journal")), range(8)))
        assert [(reply.status, reply.body) for reply in replies] == [
            (200, b'{"entries":[],"next":null}')
        ] * 8


def test_a_large_body_is_not_taken_in(server: Cloche) -> None:
    """A body that never ends is refused once it is too large."""
    head = f"PUT {place('x', 'status')} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    with Talk(server.url) as talk:
        talk.send(head, "11000\r\n", b"x" * 0x11000, "\r\n")
        assert talk.reply().status == 413


def test_a_form_is_no_json(server: Cloche) -> None:
    """What is not JSON is refused as such, wherever it comes from."""
    body = encode([Part("status", b"active")])
    admin = Manager(server, granted(server.data, "admin"))
    reply = admin.ask("PUT", place("x", "status"), body.decode())
    assert reply.status == 400


def test_the_api_describes_itself(server: Cloche) -> None:
    """The description needs no credentials, and is OpenAPI 3."""
    said = Manager(server, None).get(f"{ROOT}/openapi.json")
    assert said["openapi"].startswith("3.")
    assert f"{ROOT}/indexes/{{index}}/projects/{{project}}/status" in said["paths"]
