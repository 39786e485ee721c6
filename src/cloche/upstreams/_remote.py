"""Settings of whatever is asked over HTTP."""

from typing import Annotated

from msgspec import Meta, Struct

Seconds = Annotated[float, Meta(gt=0)]
Count = Annotated[int, Meta(ge=1)]


class Remote(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How to reach an address. Everything that it may send is bounded here."""

    username: str | None = None
    password: str | None = None
    proxy: str | None = None  # else as HTTP_PROXY, HTTPS_PROXY and NO_PROXY say
    ca_file: str | None = None
    http2: bool = True  # where it is spoken over TLS, and no proxy or ca_file is set
    connections: Count = 64
    connect_timeout: Seconds = 5
    read_timeout: Seconds = 20  # between two pieces of an answer
    page_timeout: Seconds = 40  # for the whole of a page
    file_timeout: Seconds = 4 * 3600  # for the whole of a file
    attempts: Count = 2  # at a page, when the failure looks momentary
    max_redirects: Annotated[int, Meta(ge=0)] = 5
    max_page_bytes: Count = 64 << 20  # decompressed; PyPI's largest is about 25 MiB
    max_files: Count = 100_000
    max_file_bytes: Count = 20 << 30
    max_metadata_bytes: Count = 16 << 20  # of a `.metadata` or `.asc` file

    @property
    def is_local(self) -> bool:
        return False
