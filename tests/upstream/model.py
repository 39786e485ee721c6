"""What the tests and the fake upstream tell each other: plain structs, sent as msgpack."""

from typing import Any, Literal, TypedDict

from msgspec import Struct

Urls = Literal["relative", "absolute", "other"]
"""How a page links to its files: relatively, absolutely, or absolutely on another port."""


class File(Struct, kw_only=True):
    """A file, what is served beside it if anything is, and its entry in the JSON page.

    The entry needs no `url`: the page writes where the file lies, unless the entry says otherwise.
    """

    filename: str
    content: bytes
    entry: dict[str, Any]
    metadata: bytes | None = None
    signature: bytes | None = None


class ProjectOptions(TypedDict, total=False):
    """What a test may say of a project; see Project."""

    max_age: int | None
    etag: bool
    urls: Urls
    api_version: str
    serial: int | None
    extra: dict[str, Any]


class Project(Struct, kw_only=True):
    """A project, its page's headers, and the members its page has beyond the usual."""

    name: str
    files: dict[str, File] = {}
    max_age: int | None = 600
    etag: bool = True
    urls: Urls = "relative"
    api_version: str = "1.4"
    serial: int | None = None
    extra: dict[str, Any] = {}


class Recorded(Struct, kw_only=True):
    """A request that arrived, and what became of its answer.

    `sent` bytes of the body have left. `end` is "" while the answer is on its way, then "whole",
    "cut" (the fake upstream broke off) or "gone" (the client did).
    """

    method: str
    path: str
    query: str
    headers: dict[str, str]
    peer: str
    port: int
    status: int | None = None
    sent: int = 0
    end: Literal["", "whole", "cut", "gone"] = ""


class Ports(Struct):
    """Where the fake upstream listens: the index, the same on another port, a proxy, controls."""

    main: int
    other: int
    proxy: int
    control: int
