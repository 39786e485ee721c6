"""Where a request's sender sees this server, for what a standard wants to be absolute."""

import re

from starlette.types import Scope

_HOST = re.compile(r"[A-Za-z0-9._~-]{1,255}(:[0-9]{1,5})?|\[[0-9A-Fa-f:.]{2,45}\](:[0-9]{1,5})?")


def origin(scope: Scope) -> str:
    """Scheme and host, as the request says; where it says nothing sane, as the server knows."""
    host = next((value for name, value in scope["headers"] if name == b"host"), b"")
    said = host.decode("latin-1")
    if _HOST.fullmatch(said) is None:
        name, port = scope.get("server") or ("localhost", None)
        said = f"[{name}]" if ":" in name else name
        said += f":{port}" if port else ""
    return f"{scope['scheme']}://{said}"


def base(scope: Scope, public_url: str | None) -> str:
    """Where everybody sees the server if that is set, else where this request does; no slash."""
    return origin(scope) if public_url is None else public_url.rstrip("/")
