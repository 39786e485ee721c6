"""User names and passwords of an Apache password file, as `htpasswd` and pypiserver keep them."""

import asyncio
import hashlib
import hmac
import secrets
from collections import OrderedDict
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct

from cloche.core.access import EVERY_INDEX, Action, Principal
from cloche.core.errors import BadSetting
from cloche.logs import Log
from cloche.ports import Clock

if TYPE_CHECKING:
    from passlib.context import CryptContext  # takes 0.15 s to import: only who uses it waits

log = Log(__name__)

SCHEMES = ("bcrypt", "ldap_sha1", "apr_md5_crypt", "sha256_crypt", "sha512_crypt")
MAX_FILE = 16 << 20  # bytes
MAX_BCRYPT = 72  # bytes: bcrypt reads no more, and Apache cuts off the rest
MAX_VERIFIED = 1000
AT_ONCE = 2  # verifications, of which each may take a second of one core
FRESH = timedelta(seconds=1)  # before it is looked whether the file has changed
VERIFIED = timedelta(minutes=5)

Stamp = tuple[int, int, int]


class Settings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[login.htpasswd]`."""

    file: str
    can: tuple[Action, ...] = (Action.READ,)
    indexes: tuple[str, ...] = (EVERY_INDEX,)


def connect(settings: Settings, clock: Clock) -> "Login":
    """Read the file. Raise BadSetting when it cannot be, or has a hash that is not understood."""
    login = Login(settings, clock)
    login.check()
    return login


@dataclass
class Login:
    """Every user of the file may do the same. A change of the file holds a second later."""

    settings: Settings
    clock: Clock
    _users: dict[str, str] = field(default_factory=dict)  # name -> hash
    _stamp: Stamp | None = None
    _look_at: datetime | None = None
    _key: bytes = field(default_factory=lambda: secrets.token_bytes(32))
    _verified: OrderedDict[bytes, datetime] = field(default_factory=OrderedDict)
    _turns: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(AT_ONCE))
    _context: "CryptContext | None" = None

    async def principal(self, user: str, secret: str) -> Principal | None:
        """Who this is, or None when user or password are wrong."""
        now = self.clock()
        if self._look_at is None or now >= self._look_at:
            await asyncio.to_thread(self._reload)
            self._look_at = now + FRESH
        known = self._users.get(user)
        # An unknown user is held against somebody's password, always the same one's, so that
        # the time that it takes tells nobody which users exist.
        against = known or self._somebody(user)
        right = against is not None and await self._verify(user, secret, against)
        if known is None or not right:
            return None
        return Principal(
            name=user,
            indexes=self.settings.indexes,
            can=self.settings.can,
            ask_again_at=now + FRESH,
        )

    def check(self) -> None:
        """Raise BadSetting unless every line of the file is understood."""
        path = self.settings.file
        try:
            found, refused = _parse(self._read(), self._hashes())
        except (OSError, ValueError) as e:
            said = e.strerror if isinstance(e, OSError) else e
            raise BadSetting(
                f"login.htpasswd.file is {path!r}, which cannot be read ({said}); name a file "
                "made by `htpasswd -B`"
            ) from None
        if refused:
            raise BadSetting(
                f"login.htpasswd.file: {path}, line {refused[0]}, is no user with a hash of a safe "
                "kind; set the password again with `htpasswd -B`"
            )
        self._users = found

    def _reload(self) -> None:
        """Take over what the file says now. Of a file that cannot be read nobody is a user."""
        try:
            stamp = self._stamp_now()
            if stamp == self._stamp:
                return
            found, refused = _parse(self._read(), self._hashes())
        except (OSError, ValueError) as e:
            log.warning("the password file cannot be read", file=self.settings.file, error=str(e))
            self._users, self._stamp = {}, None
            return
        if refused:
            log.warning("lines of the password file are left out", lines=refused)
        self._users, self._stamp = found, stamp
        self._verified.clear()

    def _stamp_now(self) -> Stamp:
        found = Path(self.settings.file).stat()
        return found.st_mtime_ns, found.st_size, found.st_ino

    def _read(self) -> str:
        with Path(self.settings.file).open("rb") as file:
            raw = file.read(MAX_FILE + 1)
        if len(raw) > MAX_FILE:
            raise ValueError(f"it is longer than {MAX_FILE} bytes")
        return raw.decode()

    def _somebody(self, user: str) -> str | None:
        if not self._users:
            return None
        number = int.from_bytes(self._hmac("nobody", user))
        return list(self._users.values())[number % len(self._users)]

    async def _verify(self, user: str, secret: str, against: str) -> bool:
        """Hold the secret against a hash, unless it was found to be right a moment ago."""
        name, now = self._hmac(user, secret, against), self.clock()
        if self._verified.get(name, now) > now:
            return True
        async with self._turns:
            right = await asyncio.to_thread(self._matches, secret, against)
        if right and self._users.get(user) == against:
            self._verified[name] = now + VERIFIED
            if len(self._verified) > MAX_VERIFIED:
                self._verified.popitem(last=False)
        return right

    def _matches(self, secret: str, against: str) -> bool:
        raw = secret.encode(errors="replace")
        if b"\0" in raw:
            return False
        try:
            read = raw[:MAX_BCRYPT] if against.startswith("$2") else raw
            return bool(self._hashes().verify(read, against))
        except ValueError:  # a hash whose beginning alone looks right
            return False

    def _hashes(self) -> "CryptContext":
        if self._context is None:
            from passlib.context import CryptContext  # noqa: PLC0415 - 0.15 s

            self._context = CryptContext(schemes=list(SCHEMES))
        return self._context

    def _hmac(self, *words: str) -> bytes:
        """A name for what must not be kept in memory as it is."""
        said = b"".join(b"%d:%b" % (len(w), w.encode(errors="replace")) for w in words)
        return hmac.digest(self._key, said, hashlib.sha256)


def _parse(text: str, hashes: "CryptContext") -> tuple[dict[str, str], list[int]]:
    """The users with their hashes, and the numbers of lines that are no such thing."""
    found: dict[str, str] = {}
    refused = []
    for number, line in enumerate(text.splitlines(), 1):
        user, colon, hashed = line.strip().partition(":")
        if not user or user.startswith("#"):
            continue
        if colon and _is_hash(hashed, hashes):
            found.setdefault(user, hashed)
        else:
            refused.append(number)
    return found, refused


def _is_hash(hashed: str, hashes: "CryptContext") -> bool:
    try:
        hashes.needs_update(hashed)  # which reads it
    except (ValueError, TypeError):
        return False
    return True
