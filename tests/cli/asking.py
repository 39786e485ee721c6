"""Asking a program that serves."""

import http.client
from contextlib import closing

from tests.web.tokens import basic


def served(url: str, path: str, secret: str | None = None) -> tuple[int, bytes]:
    with closing(http.client.HTTPConnection(url.removeprefix("http://"), timeout=60)) as connection:
        connection.request("GET", path, headers=basic(secret) if secret else {})
        response = connection.getresponse()
        return response.status, response.read()
