"""One kind of place a module that advisories come from, chosen by how its address begins."""

from collections.abc import Mapping

from cloche import feeds, kinds
from cloche.ports import Feed, Spool

KINDS = {"http": "web", "https": "web", "s3": "bucket", "file": "folder", "": "folder"}


def connect(
    name: str, address: str, max_bytes: int, spool: Spool, options: Mapping[str, str]
) -> Feed:
    """Make ready to ask; nothing is asked yet. Raise BadSetting when the address is none.

    `options` are those of the store of blobs.
    """
    scheme = address.partition("://")[0].lower() if "://" in address else ""
    opened: Feed = kinds.load(feeds, KINDS.get(scheme, "folder")).connect(
        name, address, max_bytes, spool, options
    )
    return opened
