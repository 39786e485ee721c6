"""Upload forms, as twine writes them and as nobody would."""

import http.client
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from tests.packages import Built
from tests.server import Reply
from tests.web.tokens import basic

Changed = str | list[str] | None
BOUNDARY = "a-boundary-that-no-file-has"


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a form: a field, or a file if it has a filename."""

    name: str
    value: bytes
    filename: str | None = None

    def encode(self) -> bytes:
        name = f'form-data; name="{self.name}"'
        if self.filename is not None:
            name += f'; filename="{self.filename}"'
        return f"Content-Disposition: {name}\r\n\r\n".encode() + self.value + b"\r\n"


def fields(built: Built, **changes: Changed) -> dict[str, str | list[str]]:
    """What twine says of a distribution; `changes` replace fields, or leave them out if None.

    `action` is `:action`.
    """
    is_wheel = built.filename.endswith(".whl")
    said: dict[str, str | list[str] | None] = {
        "metadata_version": "2.4",
        "name": built.name,
        "version": built.version,
        "filetype": "bdist_wheel" if is_wheel else "sdist",
        "pyversion": "py3" if is_wheel else "source",
        "requires_python": built.requires_python,
        "md5_digest": built.md5,
        "sha256_digest": built.sha256,
        "blake2_256_digest": built.blake2_256,
        "protocol_version": "1",
        ":action": "file_upload",
    }
    said |= {":action" if key == "action" else key: value for key, value in changes.items()}
    return {key: value for key, value in said.items() if value is not None}


def parts(built: Built, **changes: Changed) -> list[Part]:
    """The parts of a form, the file last."""
    named = [
        Part(name, value.encode())
        for name, values in fields(built, **changes).items()
        for value in ([values] if isinstance(values, str) else values)
    ]
    return [*named, Part("content", built.content, built.filename)]


def encode(form: Iterable[Part], boundary: str = BOUNDARY) -> bytes:
    body = b"".join(f"--{boundary}\r\n".encode() + part.encode() for part in form)
    return body + f"--{boundary}--\r\n".encode()


def headers(secret: str | None = None, boundary: str = BOUNDARY) -> dict[str, str]:
    kind = {"Content-Type": f"multipart/form-data; boundary={boundary}"}
    return kind | (basic(secret) if secret else {})


def post(url: str, path: str, body: bytes | Iterable[bytes], said: Mapping[str, str]) -> Reply:
    """Send a body to a path of the server, in chunks if it comes in pieces."""
    connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=60)
    try:
        connection.request(
            "POST", path, body, dict(said), encode_chunked=not isinstance(body, bytes)
        )
        response = connection.getresponse()
        return Reply(response.status, response.reason, response.headers, response.read())
    finally:
        connection.close()


def upload(
    url: str,
    built: Built,
    secret: str | None,
    path: str = "/legacy/",
    *,
    changes: Mapping[str, Changed] | None = None,
    **more: Changed,
) -> Reply:
    """Upload a distribution as twine does, but for the changes."""
    return post(url, path, encode(parts(built, **{**(changes or {}), **more})), headers(secret))


def post_head(secret: str, length: int, more: str = "", path: str = "/legacy/") -> str:
    """The head of an upload, for those who send it in bytes."""
    said = {**headers(secret), "Host": "x", "Content-Length": str(length)}
    lines = "".join(f"{name}: {value}\r\n" for name, value in said.items())
    return f"POST {path} HTTP/1.1\r\n{lines}{more}\r\n"
