"""How the environment says that addresses are reached."""

from urllib.request import getproxies, proxy_bypass


def usual_proxy(scheme: str, host: str | None) -> str | None:
    """As the environment says. aiohttp would read .netrc with it, whose `default` is anybody."""
    if not host or proxy_bypass(host):
        return None
    return getproxies().get(scheme)
