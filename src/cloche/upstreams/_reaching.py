"""Addresses as they are asked, whom to trust there, and who we are."""

import base64
import re
import ssl
from functools import lru_cache
from urllib.parse import urlsplit

from yarl import URL

from cloche.core.errors import BadSetting
from cloche.core.negotiation import Format
from cloche.upstreams._remote import Remote

ACCEPT = f"{Format.JSON}, {Format.HTML_V1};q=0.2, {Format.HTML};q=0.01"
PLAIN = re.compile(r"[!-~]+\Z")
HOST = re.compile(r"([A-Za-z0-9_-]+\.)*[A-Za-z0-9_-]+\.?\Z|[0-9A-Fa-f:.]+\Z")

Origin = tuple[str, str | None, int | None]
"""Scheme, host and port."""


def is_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def trust(name: str, ca_file: str) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=ca_file)
    except OSError as e:  # ssl.SSLError is one
        raise BadSetting(
            f"upstream.{name}.ca_file is {ca_file}, which holds no certificates that can be read "
            f"({e.strerror or e}); name a PEM file"
        ) from None


def authorization(name: str, settings: Remote, address: URL) -> dict[str, str]:
    """The header that tells who we are (RFC 7617), when the operator gave credentials.

    They are in keys of their own or in the address.
    """
    user, password = settings.username, settings.password
    if user is None:
        user, password = address.user, address.password
    if user is None:
        return {}
    if ":" in user:
        raise BadSetting(f"upstream.{name}.username has a colon in it, which no user name may have")
    pair = base64.b64encode(f"{user}:{password or ''}".encode()).decode()
    return {"Authorization": f"Basic {pair}"}


def origin_of(url: str) -> Origin:
    return _origin("/".join(url.split("/", 3)[:3]))


@lru_cache(maxsize=1000)
def _origin(url: str) -> Origin:
    address = URL(url)
    return address.scheme, address.host, address.port


def verbatim(url: str) -> URL:
    """The address as the page wrote it: re-quoting breaks signed ones."""
    return URL(url, encoded=PLAIN.match(url) is not None)


def is_clear(address: URL) -> bool:
    """Whether it names its host so plainly that no reader of addresses could take another for it.

    Some take a backslash for a slash, and what stands before an @ for the host.
    """
    host = address.raw_host
    return host is not None and address.raw_user is None and HOST.match(host) is not None
