"""A client that hides nothing: what it got, and how it ended."""

import http.client
import socket
from contextlib import closing
from dataclasses import dataclass
from urllib.parse import urlsplit

from tests.upstream.answers import JSON

STILL = 0.3
"""Seconds of silence that a test takes for an answer that does not come."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """A response, whole or not; `error` names what ended it early."""

    status: int
    headers: dict[str, str]
    body: bytes
    error: type[Exception] | None = None


def fetch(
    url: str,
    headers: dict[str, str] | None = None,
    *,
    method: str = "GET",
    seconds: float = 20.0,
    most: int = 1 << 30,
) -> Fetched:
    """Ask once, follow nothing, and read to the end, the error or `most` bytes."""
    parts = urlsplit(url)
    path = f"{parts.path}?{parts.query}" if parts.query else parts.path
    with closing(http.client.HTTPConnection(parts.netloc, timeout=seconds)) as connection:
        connection.request(method, path, headers=headers or {})
        response = connection.getresponse()
        got = {name.lower(): value for name, value in response.getheaders()}
        body, error = _read(response, most)
        response.close()
        return Fetched(response.status, got, body, error)


def fetch_json(url: str) -> Fetched:
    """Ask for the page in JSON."""
    return fetch(url, {"Accept": JSON})


def raw(url: str, *, seconds: float = 20.0) -> bytes:
    """Return everything that comes down the connection until the server closes it."""
    parts = urlsplit(url)
    request = f"GET {parts.path} HTTP/1.1\r\nHost: {parts.netloc}\r\n\r\n"
    with socket.create_connection((parts.hostname, parts.port), seconds) as connection:
        connection.sendall(request.encode())
        got = b""
        while data := connection.recv(65536):
            got += data
        return got


def _read(response: http.client.HTTPResponse, most: int) -> tuple[bytes, type[Exception] | None]:
    body = bytearray()
    try:
        while len(body) < most and (data := response.read1(65536)):
            body += data
    except (http.client.HTTPException, OSError) as error:
        return bytes(body), type(error)
    short = response.length is not None and response.length > 0 and len(body) < most
    return bytes(body), http.client.IncompleteRead if short else None
