"""The table of misbehaviours: every class of the three modules, under its own name."""

import msgspec

from tests.upstream import bad_answers, bad_pages, bad_resources
from tests.upstream.bad_answers import (
    BasicAuth,
    Chunked,
    Cut,
    Endless,
    EndlessPage,
    FalseLength,
    Gated,
    Headers,
    Redirect,
    Slow,
    Stalled,
    Status,
)
from tests.upstream.bad_pages import (
    Evil,
    HtmlOnly,
    HugePage,
    JsonOnly,
    Md5Only,
    Nulls,
    Overwrite,
    ShortHashes,
    Unsorted,
    Without,
    WrongTypes,
)
from tests.upstream.bad_resources import (
    CacheControl,
    EtagChanges,
    GzipBomb,
    Gzipped,
    InvalidJson,
    MediaType,
    NoEtag,
    RangeIgnored,
    Verbatim,
    WeakEtag,
    WrongBytes,
    WrongLength,
)
from tests.upstream.misbehaviour import Misbehaviour

__all__ = [
    "KINDS",
    "BasicAuth",
    "CacheControl",
    "Chunked",
    "Cut",
    "Endless",
    "EndlessPage",
    "EtagChanges",
    "Evil",
    "FalseLength",
    "Gated",
    "GzipBomb",
    "Gzipped",
    "Headers",
    "HtmlOnly",
    "HugePage",
    "InvalidJson",
    "JsonOnly",
    "Md5Only",
    "MediaType",
    "NoEtag",
    "Nulls",
    "Overwrite",
    "RangeIgnored",
    "Redirect",
    "ShortHashes",
    "Slow",
    "Stalled",
    "Status",
    "Unsorted",
    "Verbatim",
    "WeakEtag",
    "Without",
    "WrongBytes",
    "WrongLength",
    "WrongTypes",
    "decode",
    "encode",
]

KINDS: dict[str, type[Misbehaviour]] = {
    kind.__name__: kind
    for module in (bad_answers, bad_pages, bad_resources)
    for kind in vars(module).values()
    if isinstance(kind, type) and issubclass(kind, Misbehaviour) and kind is not Misbehaviour
}


def encode(kind: Misbehaviour) -> msgspec.Raw:
    """Write the kind for the wire."""
    return msgspec.Raw(msgspec.msgpack.encode(kind))


def decode(written: msgspec.Raw) -> Misbehaviour:
    """Read a kind back as the class that its name says."""
    name = msgspec.msgpack.decode(written)["kind"]
    return msgspec.msgpack.decode(written, type=KINDS[name])
