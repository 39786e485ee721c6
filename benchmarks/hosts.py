"""How each server is started to take uploads, and what an upload to it says beside the form."""

import http.client
import json
from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from benchmarks.processes import DEADLINE, Command, Unmeasured, run
from benchmarks.servers import OURS, Place, Server, cloche, pinned, tool

DEVPI, PYPISERVER = "devpi-server", "pypiserver"
DEVPI_LOGGED_IN = "devpi-server by a login's token"
USER, PASSWORD, STAGE = "bench", "a word of the benchmark", "/bench/own/"


@dataclass(frozen=True, slots=True)
class Host:
    """A server, the path of its uploads, and how to get, once it runs, who uploads."""

    server: Server
    path: str
    login: Callable[[], dict[str, str]]


def hosting_cloche(place: Place) -> Host:
    server = cloche(place)
    return Host(server, "/legacy/", lambda: _basic("__token__", token(server)))


def token(server: Server) -> str:
    """Make a token that may upload to cloche's own index."""
    command = server.command
    words = [command.words[0], "token", "create", "--data", command.folder / "data"]
    words += ["--index", "main", "--can", "upload"]
    return run(Command("token", words, command.folder)).strip()


def hosting_devpi(place: Place) -> Host:
    """Return a devpi with one index, to which uploads go as twine's do: by user and password."""
    server = _devpi(place, DEVPI)

    def login() -> dict[str, str]:
        _make_stage(place.port)
        return _basic(USER, PASSWORD)

    return Host(server, STAGE, login)


def hosting_devpi_logged_in(place: Place) -> Host:
    """Return the same, to which uploads go as its own client's do: by the token of a login."""
    server = _devpi(place, DEVPI_LOGGED_IN)

    def login() -> dict[str, str]:
        _make_stage(place.port)
        return _basic(USER, _devpi_token(place.port, USER, PASSWORD))

    return Host(server, STAGE, login)


def _devpi(place: Place, name: str) -> Server:
    data = ["--serverdir", place.folder / "data"]
    words: list[object] = [tool("devpi", "devpi-server"), *data, "--port", str(place.port)]
    init: list[object] = [tool("devpi", "devpi-init"), *data, "--no-root-pypi"]
    before = pinned("devpi-init", init, place)
    return Server(pinned(name, words, place), place.port, ready="/+api", before=before)


def _make_stage(port: int) -> None:
    secret = _devpi_token(port, "root", "")
    auth = {"X-Devpi-Auth": b64encode(f"root:{secret}".encode()).decode()}
    _json(port, "PUT", f"/{USER}", {"password": PASSWORD}, auth, HTTPStatus.CREATED)
    stage = {"type": "stage", "bases": [], "acl_upload": [USER]}
    _json(port, "PUT", STAGE.rstrip("/"), stage, auth)


def _devpi_token(port: int, user: str, password: str) -> str:
    said = {"user": user, "password": password}
    return str(_json(port, "POST", "/+login", said, {})["result"]["password"])


def hosting_pypiserver(place: Place) -> Host:
    """Return a pypiserver on an empty folder, set up like its container image; anyone uploads."""
    folder = place.folder / "packages"
    folder.mkdir()
    words: list[object] = [tool("pypiserver", "pypi-server"), "run", "--port", str(place.port)]
    words += ["--interface", "127.0.0.1", "--disable-fallback", "--server", "gunicorn"]
    words += ["--passwords", ".", "--authenticate", ".", "--backend", "cached-dir", folder]
    env = {"GUNICORN_CMD_ARGS": "--workers 1 --worker-class gevent --preload"}
    server = Server(pinned(PYPISERVER, words, place, env), place.port, ready="/health")
    return Host(server, "/", dict)


HOSTS: dict[str, Callable[[Place], Host]] = {
    OURS: hosting_cloche,
    DEVPI: hosting_devpi,
    DEVPI_LOGGED_IN: hosting_devpi_logged_in,
    PYPISERVER: hosting_pypiserver,
}


def _basic(user: str, secret: str) -> dict[str, str]:
    return {"Authorization": "Basic " + b64encode(f"{user}:{secret}".encode()).decode()}


def _json(
    port: int,
    method: str,
    path: str,
    said: object,
    headers: dict[str, str],
    good: HTTPStatus = HTTPStatus.OK,
) -> Any:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=DEADLINE)
    told = {"Content-Type": "application/json", "Accept": "application/json", **headers}
    connection.request(method, path, json.dumps(said), told)
    reply = connection.getresponse()
    body = reply.read()
    connection.close()
    if reply.status != good:
        raise Unmeasured(f"{method} {path} was answered {reply.status} {body[:200]!r}")
    return json.loads(body)
