"""What object stores say, and where they are, as far as text tells."""

import re
from urllib.parse import urlsplit

_CODE = re.compile(r"<Code>(\w+)</Code>")
_STATUS = re.compile(r"status code: (\d{3})")
_METADATA_SERVICE = "/latest/api/token"  # of EC2: asked when nothing else gives credentials

NO_BUCKET = "NoSuchBucket"
NO_CREDENTIALS = "no credentials"
BEYOND_THE_END = ("InvalidRange", "416")
REFUSED = ("InvalidAccessKeyId", "SignatureDoesNotMatch", "AccessDenied", "401", "403")


def reason(failure: Exception) -> str:
    """What the server said, as S3's code or the status; else how the request failed."""
    text = str(failure)
    if _METADATA_SERVICE in text:
        return NO_CREDENTIALS
    found = _CODE.search(text) or _STATUS.search(text)
    return found[1] if found else first_line(failure)


def first_line(failure: Exception) -> str:
    return str(failure).partition("\n")[0]


def is_endpoint(address: str) -> bool:
    """Whether it is the address of a server; obstore panics on one that is none."""
    try:
        parts = urlsplit(address)
        port = parts.port
    except ValueError:
        return False
    host = parts.hostname or ""
    sound = re.fullmatch(r"[A-Za-z0-9._-]+|[0-9a-f:]+", host) is not None
    return parts.scheme in ("http", "https") and sound and port != 0
