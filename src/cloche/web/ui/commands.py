"""The lines that people copy into a terminal, with this server's real URLs."""

from dataclasses import dataclass
from ipaddress import ip_address
from shlex import quote
from urllib.parse import urlsplit

ANY_PACKAGE = "PACKAGE"


@dataclass(frozen=True, slots=True)
class Command:
    tool: str
    line: str


def installing(base: str, package: str = ANY_PACKAGE) -> list[Command]:
    """Install one package from the index at `base`."""
    url = quote(f"{base}/simple/")
    trust = f"--trusted-host {quote(host)} " if (host := _unsafe_host(base)) else ""
    return [
        Command("pip", f"pip install --index-url {url} {trust}{package}"),
        Command("uv", f"uv pip install --default-index {url} {package}"),
    ]


def settling(base: str) -> list[Command]:
    """Make the index at `base` the one that is always asked."""
    url = quote(f"{base}/simple/")
    commands = [
        Command("pip", f"pip config set global.index-url {url}"),
        Command("uv", f"export UV_DEFAULT_INDEX={url}"),
    ]
    if host := _unsafe_host(base):
        commands.insert(1, Command("pip", f"pip config set global.trusted-host {quote(host)}"))
    return commands


def uploading(base: str) -> list[Command]:
    """Upload what was built to the index at `base`."""
    url = quote(f"{base}/legacy/")
    return [
        Command("twine", f"twine upload --repository-url {url} -u __token__ dist/*"),
        Command("uv", f"uv publish --publish-url {url} --token TOKEN"),
    ]


def _unsafe_host(base: str) -> str | None:
    """The host that pip must be told to trust: it ignores plain HTTP from other machines."""
    parts = urlsplit(base)
    host = parts.hostname or ""
    return None if parts.scheme == "https" or _is_loopback(host) else parts.netloc


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
