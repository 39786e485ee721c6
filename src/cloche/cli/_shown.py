"""What may be shown of an address."""

import re

USER = re.compile(r"//([^/?#]*)@")


def public(url: str) -> str:
    """An address without what it may hold of secrets: user, password, query."""
    return USER.sub("//***@", url.partition("?")[0]) if "://" in url else url
