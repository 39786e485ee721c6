"""A remote index that speaks the simple repository API, in JSON or HTML: PyPI and its like."""

from typing import Literal

from msgspec import field
from yarl import URL

from cloche.core.errors import BadSetting
from cloche.ports import Upstream
from cloche.upstreams import _pypi
from cloche.upstreams._reaching import is_address
from cloche.upstreams._redirect import Redirect
from cloche.upstreams._remote import Remote


class Settings(Remote, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[upstream.NAME]` of kind "simple"."""

    kind: str = "simple"
    url: str = field(default_factory=_pypi.simple)
    mode: Literal["cache", "redirect"] = "cache"  # redirect: clients are sent there

    @property
    def elsewhere(self) -> str | None:
        """Where clients can be sent, with a slash at the end; None when it takes credentials."""
        address = URL(self.url)
        if self.username is not None or address.user is not None:
            return None
        return str(address).rstrip("/") + "/"


def connect(name: str, settings: Settings) -> Upstream:
    """Open the upstream; nothing is sent yet. Raise BadSetting when its address is none."""
    if not is_address(settings.url):
        raise BadSetting(
            f"upstream {name}: {settings.url!r} is not an address; "
            "give the URL of a simple index, such as https://host/simple/"
        )
    from cloche.upstreams._simple import Simple  # noqa: PLC0415  # aiohttp: 0.1 s, for who asks

    opened = Simple(name, settings.url, settings)
    if settings.mode == "cache":
        return opened
    if settings.elsewhere is None:
        raise BadSetting(
            f"upstream {name}: it needs credentials, which clients that are redirected "
            'do not have; set mode = "cache"'
        )
    return Redirect(name, settings.elsewhere)
