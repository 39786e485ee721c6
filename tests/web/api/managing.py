"""Requests to the management API, as programs send them."""

import http.client
import json
from contextlib import closing
from typing import Any
from urllib.parse import quote

from tests.server import DEADLINE, Cloche, Reply
from tests.web.tokens import basic

ROOT = "/-/api/v1"


def place(project: str, *more: str, index: str = "main") -> str:
    """The address of a project, or of something of it."""
    parts = ["indexes", index, "projects", project, *more]
    return "/".join([ROOT, *(quote(part, safe="") for part in parts)])


class Manager:
    """Somebody with a token, at a server."""

    def __init__(self, server: Cloche, secret: str | None) -> None:
        self._server = server
        self._headers = basic(secret) if secret else {}

    def ask(self, method: str, path: str, said: Any = None) -> Reply:
        body = None if said is None else json.dumps(said)
        headers = self._headers | ({"Content-Type": "application/json"} if body else {})
        address = self._server.url.removeprefix("http://")
        with closing(http.client.HTTPConnection(address, timeout=DEADLINE)) as connection:
            connection.request(method, path, body, headers)
            response = connection.getresponse()
            return Reply(response.status, response.reason, response.headers, response.read())

    def get(self, path: str) -> Any:
        """What a request that must succeed is told."""
        return self.do("GET", path)

    def do(self, method: str, path: str, said: Any = None) -> Any:
        reply = self.ask(method, path, said)
        assert reply.status == 200, reply
        assert reply.headers["content-type"] == "application/json"
        return json.loads(reply.body)
