"""HTTP in bytes: what no client would send, and what every client receives."""

import http.client
import socket
from contextlib import closing
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

from tests.server import Reply

SECONDS = 60.0


class Talk:
    """One connection to a server, spoken to in bytes."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self.socket = socket.create_connection((parts.hostname, parts.port), SECONDS)
        self._file = self.socket.makefile("rb")

    def send(self, *pieces: bytes | str) -> None:
        for piece in pieces:
            self.socket.sendall(piece.encode() if isinstance(piece, str) else piece)

    def reply(self, method: str = "GET") -> Reply:
        """Read one response, of whatever kind of body. EOFError when the server hung up."""
        line = self._file.readline()
        if not line:
            raise EOFError
        _, status, reason = line.decode("latin-1").rstrip("\r\n").split(" ", 2)
        headers = http.client.parse_headers(self._file)
        code = int(status)
        bare = method == "HEAD" or code in {204, 304} or code < 200
        return Reply(code, reason, headers, b"" if bare else self._body(headers))

    def ended(self) -> bool:
        """Wait for what comes next, and say whether it is the end."""
        return self._file.read(1) == b""

    def close(self) -> None:
        self._file.close()
        self.socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _body(self, headers: http.client.HTTPMessage) -> bytes:
        if headers.get("transfer-encoding") == "chunked":
            return b"".join(iter(self._chunk, b""))
        length = headers.get("content-length")
        body = self._file.read(int(length)) if length is not None else self._file.read()
        if length is not None and len(body) < int(length):
            raise http.client.IncompleteRead(body, int(length) - len(body))
        return body

    def _chunk(self) -> bytes:
        line = self._file.readline()
        if not line:
            raise http.client.IncompleteRead(b"")
        data = self._file.read(int(line, 16))
        self._file.readline()
        return data


def ask(url: str, request: bytes | str, method: str = "GET") -> Reply:
    """Send bytes on a connection of their own, and read the response."""
    with closing(Talk(url)) as talk:
        talk.send(request)
        return talk.reply(method)
