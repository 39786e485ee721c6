"""An S3 server that answers as it is told: for failures that a sound one never shows."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass(frozen=True, slots=True)
class Answer:
    """A status and a body. With `promised`, the headers promise more, and the end differs."""

    status: int
    body: bytes = b""
    promised: int | None = None  # Content-Length, if not the body's
    stalls: bool = False  # keep the connection open and say nothing more

    @classmethod
    def error(cls, status: int, code: str) -> "Answer":
        return cls(status, f"<Error><Code>{code}</Code><Message>no</Message></Error>".encode())


@dataclass(slots=True)
class Script:
    """What is answered, the last answer for ever, and what was asked."""

    answers: list[Answer]
    endpoint: str = ""
    asked: list[str] = field(default_factory=list)
    over: threading.Event = field(default_factory=threading.Event)

    def next(self) -> Answer:
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


@contextmanager
def scripted(*answers: Answer) -> Iterator[Script]:
    """Run such a server on a free port."""
    script = Script([*answers])

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            script.asked.append(f"{self.command} {self.headers.get('range', '')}".strip())
            self.rfile.read(int(self.headers.get("content-length", 0)))
            self._say(script.next())

        do_PUT = do_POST = do_DELETE = do_HEAD = do_GET  # noqa: N815  # http.server names them so

        def _say(self, answer: Answer) -> None:
            self.send_response(answer.status)
            length = len(answer.body) if answer.promised is None else answer.promised
            self.send_header("Content-Length", str(length))
            self.send_header("Last-Modified", "Thu, 01 Jan 2026 00:00:00 GMT")
            self.send_header("ETag", '"one"')
            if answer.status == 206:
                self.send_header("Content-Range", f"bytes 0-{length - 1}/{length}")
            self.end_headers()
            self.wfile.write(answer.body)
            self.wfile.flush()
            if answer.stalls:
                script.over.wait(60)
            self.close_connection = answer.promised is not None

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        script.endpoint = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield script
        finally:
            script.over.set()
            server.shutdown()
            thread.join()
