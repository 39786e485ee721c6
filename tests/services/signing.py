"""AWS Signature Version 4 for requests without a body, as S3 wants it."""

import hashlib
import hmac
from datetime import UTC, datetime
from urllib.parse import quote, urlsplit

NOTHING = hashlib.sha256(b"").hexdigest()
REGION = "us-east-1"


def signed_headers(
    method: str, url: str, access_key: str, secret_key: str, now: datetime | None = None
) -> dict[str, str]:
    """Return the headers that make a request without body or query the key owner's."""
    parts = urlsplit(url)
    stamp = (now or datetime.now(UTC)).strftime("%Y%m%dT%H%M%SZ")
    headers = {"host": parts.netloc, "x-amz-content-sha256": NOTHING, "x-amz-date": stamp}
    names = ";".join(headers)
    lines = "".join(f"{name}:{value}\n" for name, value in headers.items())
    canonical = f"{method}\n{quote(parts.path or '/')}\n\n{lines}\n{names}\n{NOTHING}"
    scope = f"{stamp[:8]}/{REGION}/s3/aws4_request"
    digest = hashlib.sha256(canonical.encode()).hexdigest()
    signature = _keyed(secret_key, scope, f"AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{digest}")
    credential = f"Credential={access_key}/{scope}"
    authorization = f"{credential}, SignedHeaders={names}, Signature={signature}"
    return {**headers, "authorization": f"AWS4-HMAC-SHA256 {authorization}"}


def _keyed(secret_key: str, scope: str, text: str) -> str:
    """Derive the key from the secret by one HMAC for each part of the scope, and sign."""
    key = f"AWS4{secret_key}".encode()
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    return hmac.digest(key, text.encode(), "sha256").hex()
