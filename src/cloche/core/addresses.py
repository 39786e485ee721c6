"""Where a page's links lead: absolute http(s) addresses, or nowhere.

A page that lies on this machine may lead to files of this machine too, and what a bucket lists
to objects of that bucket; no other may.
"""

from functools import lru_cache
from urllib.parse import urljoin, urlsplit

MAX_URL = 4096  # characters
_BUCKETS = frozenset({"s3", "gs", "az"})
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


def absolute(href: str, base: str) -> str | None:
    """Make an absolute URL without fragment, or None when `href` leads where it may not."""
    href = href.strip().partition("#")[0]
    root, rest = _root(href)
    # All files of a page share few roots: joining each cost more than all else here.
    url = _cached_join(root, base) if root else _joined(href, base)
    url = url and url + rest if root else url
    return url if url and len(url) <= MAX_URL and url.isprintable() else None


def secure(href: str, base: str) -> str | None:
    """Make an absolute URL of a secure origin (PEP 740): https, or this very machine's."""
    url = absolute(href, base)
    is_secure = url and (url.startswith("https:") or urlsplit(url).hostname in _LOOPBACK)
    return url if is_secure else None


def _root(href: str) -> tuple[str, str]:
    """Split off what can be joined for many at once: a folder, or all of another site.

    It is empty where that would not be the same as joining the whole.
    """
    if href.startswith(("http://", "https://")):
        end = href.find("/", len("https://")) + 1
        return href[:end], href[end:]
    folder, slash, name = href.rpartition("/")
    plain = "?" not in href and name not in {"", ".", ".."}
    return (folder + slash, name) if slash and plain else ("", "")


@lru_cache(maxsize=4096)
def _cached_join(href: str, base: str) -> str | None:
    return _joined(href, base)


def _joined(href: str, base: str) -> str | None:
    """Join, and refuse what leads elsewhere than to http(s), or from https back to http."""
    try:
        url = urljoin(base, href)
        parts = urlsplit(url)
        sound = parts.hostname and parts.username is None and parts.port != 0
    except ValueError:
        return None
    if parts.scheme in _BUCKETS:
        return url if urlsplit(base)[:2] == parts[:2] else None
    if parts.scheme == "file":
        return url if base.startswith("file:") and not parts.netloc else None
    schemes = {"https"} if base.startswith("https:") else {"http", "https"}
    return url if sound and parts.scheme in schemes else None
