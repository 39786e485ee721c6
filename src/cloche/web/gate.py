"""Who asks, and whether they may: decided here, on every request, and never kept with a page."""

import base64
from collections.abc import Sequence

from cloche.core.access import Action, Principal, may_follow, may_manage, may_read, may_upload
from cloche.core.errors import Forbidden, Unauthenticated
from cloche.core.index import Index
from cloche.ports import Clock, Login, Pulse
from cloche.service.view import View

MAX_REMEMBERED = 10_000
MAX_HEADER = 8192  # characters of an Authorization header


class Gate:
    """Reads credentials (Basic with any user name, or Bearer) and applies the indexes' policy."""

    def __init__(self, view: View, logins: Sequence[Login], pulse: Pulse, clock: Clock) -> None:
        self._view = view
        self._logins = logins
        self._pulse = pulse
        self._clock = clock
        self._remembered: dict[str, Principal] = {}
        self._beat = -1
        self._open = frozenset(
            name
            for name in view.indexes
            if all(part.read == "anyone" for part in self._parts(name))
        )

    def is_open(self, index: str) -> bool:
        """Whether anyone may read the index and all that it draws on."""
        return index in self._open

    def admits(self, index: str, header: str | None) -> bool:
        """Whether it is certain, without asking anybody, that this request may read."""
        if index in self._open:
            return True
        who = self._recall(header)
        return who is not None and self._may_read(index, who)

    def known(self, index: str, header: str | None) -> Principal | None:
        """Who it is that `admits` has just let in, if that matters: as `reader` says it."""
        return None if index in self._open else self._recall(header)

    async def reader(self, index: Index, header: str | None) -> Principal | None:
        """Raise Unauthenticated or Forbidden unless this request may read the index."""
        if index.name in self._open:
            return None
        who = await self._who(header)
        if self._may_read(index.name, who):
            return who
        raise self._refusal(who, Action.READ, index)

    async def uploader(self, index: Index, header: str | None) -> Principal:
        """Raise Unauthenticated or Forbidden unless this request may upload to the index."""
        who = await self._who(header)
        if who is not None and may_upload(who, index.name, self._clock()):
            return who
        raise self._refusal(who, Action.UPLOAD, index)

    async def manager(self, index: str, header: str | None) -> Principal:
        """Raise Unauthenticated or Forbidden unless this request may manage the index.

        It must be one that may be read, for what is managed is told. Raise NoSuchIndex, but only
        to those who would manage it: others learn of no index here.
        """
        who = await self._who(header)
        if who is None or not may_manage(who, index, self._clock()):
            raise self._refusal(who, Action.ADMIN, Index(name=index))
        await self.reader(self._view.index(index), header)
        return who

    async def follower(self, index: str, header: str | None) -> Principal:
        """Raise Unauthenticated or Forbidden unless this request may follow the index.

        Raise NoSuchIndex, but only to those who would follow it.
        """
        who = await self._who(header)
        if who is None or not may_follow(who, index, self._clock()):
            raise self._refusal(who, Action.FOLLOW, Index(name=index))
        self._view.index(index)
        return who

    def _parts(self, index: str) -> list[Index]:
        names = self._view.closure(index)
        return [self._view.indexes[name] for name in names if name in self._view.indexes]

    def _may_read(self, index: str, who: Principal | None) -> bool:
        """Whoever reads an index sees what it draws on, and so must be allowed to read that."""
        now = self._clock()
        return all(may_read(part.read, who, part.name, now) for part in self._parts(index))

    def _refusal(self, who: Principal | None, action: Action, index: Index) -> Exception:
        parts = self._parts(index.name) if action is Action.READ else [index]
        indexes = " ".join(f"--index {part.name}" for part in parts if part.read != "anyone")
        indexes = indexes or f"--index {index.name}"
        command = f"`cloche token create {indexes} --can {action}`"
        doing = "manage" if action is Action.ADMIN else action
        if who is None:
            return Unauthenticated(
                f"to {doing} here, give a token: user __token__, and as the password a token "
                f"from {command}"
            )
        named = any(isinstance(part.read, tuple) for part in parts)
        whose = ", with the --name of one who may read it" * (named and action is Action.READ)
        return Forbidden(
            f"the token {who.name!r} may not {doing} in index {index.name}; "
            f"make one with {command}{whose}"
        )

    async def _who(self, header: str | None) -> Principal | None:
        """Raise Unauthenticated when credentials are given and wrong."""
        if not header:
            return None
        who = self._recall(header)
        if who is None:
            beat = self._beat
            who = await self._identify(header)
            if beat == self._beat:  # else it may have been revoked while we looked
                self._remember(header, who)
        return who

    def _remember(self, header: str, who: Principal) -> None:
        if len(self._remembered) >= MAX_REMEMBERED:
            self._remembered.clear()
        self._remembered[header] = who

    def _recall(self, header: str | None) -> Principal | None:
        """What the last look said, unless anything at all was written since."""
        beat = self._pulse.beat()
        if beat != self._beat:
            self._remembered.clear()
            self._beat = beat
        who = self._remembered.get(header or "")
        if who is not None and who.ask_again_at is not None and self._clock() >= who.ask_again_at:
            return None
        return who

    async def _identify(self, header: str) -> Principal:
        user, secret = credentials(header)
        for login in self._logins:
            who = await login.principal(user, secret)
            if who is not None:
                return who
        raise Unauthenticated(
            "this token is unknown, expired or revoked, or user and password are wrong; make a "
            "token with `cloche token create`"
        )


def credentials(header: str) -> tuple[str, str]:
    """User and secret of an Authorization header. Raise Unauthenticated when it holds none."""
    scheme, _, value = header[:MAX_HEADER].partition(" ")
    value = value.strip()
    if scheme.lower() in {"bearer", "token"}:
        return "__token__", value
    if scheme.lower() == "basic":
        try:
            user, colon, secret = base64.b64decode(value, validate=True).decode().partition(":")
            if colon:
                return user, secret.strip()
        except ValueError:  # not ASCII, not base64, not UTF-8
            pass
    raise Unauthenticated("the Authorization header is neither Basic nor Bearer credentials")
