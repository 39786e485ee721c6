"""Another cloche: a simple index that also says by which rule it withholds something, and why."""

from datetime import datetime
from http import HTTPStatus
from typing import Annotated, Any
from urllib.parse import urlsplit

import msgspec
from msgspec import Meta, Struct
from msgspec.structs import replace

from cloche.core.errors import BadSetting, Denied
from cloche.core.negotiation import Format
from cloche.core.policy import WhichClock
from cloche.ports import Upstream
from cloche.upstreams._answer import Answer, beginning
from cloche.upstreams._reaching import is_address
from cloche.upstreams._remote import Remote
from cloche.upstreams._simple import Simple

PROBLEM = "application/problem+json"
MAX_PROBLEM = 64 << 10  # bytes of an explanation
USER = "__token__"

Text = Annotated[str, Meta(max_length=2000)]


class Settings(Remote, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[upstream.NAME]` of kind "cloche"."""

    kind: str = "cloche"
    url: str  # of an index: https://host/team/


class _Refusal(Struct, frozen=True):
    """What a cloche says of what a rule denies (docs/reference/http.md)."""

    detail: Text
    rule: Text
    kind: Text
    reason: Text
    by: Text
    until: datetime | None = None
    clock: WhichClock | None = None

    def members(self, upstream: str) -> dict[str, Any]:
        said = {
            key: value for key, value in msgspec.structs.asdict(self).items() if key != "detail"
        }
        return {**said, "index": upstream}


_refusal = msgspec.json.Decoder(_Refusal).decode


def connect(name: str, settings: Settings) -> Upstream:
    """Open the upstream; nothing is sent yet. Raise BadSetting when its address is none."""
    path = urlsplit(settings.url).path.rstrip("/") if is_address(settings.url) else "/simple"
    if path.endswith("/simple"):
        raise BadSetting(
            f"upstream {name}: {settings.url!r} is not the address of an index of another cloche; "
            "give it without /simple/, such as https://host/team/"
        )
    return _Cloche(name, f"{settings.url.rstrip('/')}/simple/", with_user(settings))


def with_user(settings: Settings) -> Settings:
    """A password alone is a token."""
    if settings.password is not None and settings.username is None:
        return replace(settings, username=USER)
    return settings


class _Cloche(Simple):
    accept = str(Format.JSON)

    async def heed(self, answer: Answer) -> None:
        """Raise Denied when a rule there is why the answer is a refusal."""
        kind = answer.headers.get("Content-Type", "").partition(";")[0].strip()
        if answer.status != HTTPStatus.FORBIDDEN or kind != PROBLEM:
            return
        body = await beginning(answer, MAX_PROBLEM)
        try:
            said = _refusal(body)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return  # another refusal, such as of the credentials
        line = " ".join(said.detail.split())
        raise Denied(f"{self.name} says: {line}", said.members(self.name))
