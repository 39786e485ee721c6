"""What every login promises, whatever it asks."""

import asyncio
import hmac
import sqlite3
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from passlib.hash import bcrypt as slow_bcrypt

from cloche import kinds, logins
from cloche.catalog import Catalog, connect
from cloche.core.access import Action, Principal
from cloche.logins import htpasswd, tokens
from cloche.ports import Login

pytestmark = pytest.mark.anyio

bcrypt = slow_bcrypt.using(rounds=4)  # what is tried here is not how slow it is
START = datetime(2026, 1, 1, tzinfo=UTC)


class Clock:
    """A clock that the test moves."""

    def __init__(self) -> None:
        self.time = START

    def __call__(self) -> datetime:
        return self.time


@dataclass
class Subject:
    """A login, and how to give somebody a secret that it knows, and to take it back."""

    login: Login
    clock: Clock
    grant: Callable[..., Awaitable[str]]
    revoke: Callable[[str], Awaitable[None]]
    names: Mapping[str, str] = field(default_factory=dict)

    def user(self, secret: str) -> str:
        """The user name that goes with the secret, if it matters."""
        return self.names.get(secret, "__token__")

    async def who(self, secret: str, user: str | None = None) -> Principal | None:
        found = await self.login.principal(user or self.user(secret), secret)
        return found and replace(found, ask_again_at=None)


def by_tokens(catalog: Catalog) -> Subject:
    clock = Clock()

    async def grant(
        name: str = "ada",
        indexes: tuple[str, ...] = ("main",),
        can: tuple[Action, ...] = (Action.READ,),
        expires_at: datetime | None = None,
    ) -> str:
        token, secret = tokens.make(name, indexes, can, clock(), expires_at)
        await catalog.tokens.add(token, "ops")
        return secret

    async def revoke(secret: str) -> None:
        assert await catalog.tokens.revoke(secret.split("_")[1], clock(), "ops")

    return Subject(tokens.Login(catalog.tokens, clock), clock, grant, revoke)


def by_htpasswd(catalog: Catalog) -> Subject:
    """A password file that all share who have been granted something in it."""
    del catalog
    clock = Clock()
    path = Path(tempfile.mkdtemp()) / "htpasswd"
    path.touch()
    settings = htpasswd.Settings(file=str(path), can=(Action.READ,), indexes=("main",))
    login = htpasswd.connect(settings, clock)
    passwords: dict[str, str] = {}

    async def grant(
        name: str = "ada",
        indexes: tuple[str, ...] = ("main",),
        can: tuple[Action, ...] = (Action.READ,),
        expires_at: datetime | None = None,
    ) -> str:
        assert expires_at is None
        login.settings = replace(settings, can=can, indexes=indexes)
        secret = f"word_of_{name}_{len(passwords)}"
        passwords[secret] = name
        write()
        return secret

    async def revoke(secret: str) -> None:
        del passwords[secret]
        write()
        clock.time += timedelta(seconds=1)

    def write() -> None:
        lines = (f"{name}:{bcrypt.hash(secret)}" for secret, name in passwords.items())
        path.write_text("\n".join(lines))

    return Subject(login, clock, grant, revoke, passwords)


SUBJECTS = {"tokens": by_tokens, "htpasswd": by_htpasswd}


@pytest.fixture(params=kinds.names(logins))
def module(request: pytest.FixtureRequest) -> ModuleType:
    return kinds.load(logins, request.param)


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("logins") / "cloche.db"


@pytest.fixture(params=kinds.names(logins))
async def subject(request: pytest.FixtureRequest, path: Path) -> AsyncIterator[Subject]:
    """Each login that there is."""
    catalog = connect(f"sqlite:///{path}")
    yield SUBJECTS[request.param](catalog)
    await catalog.close()


def test_every_login_is_tried(module: ModuleType) -> None:
    """Each module of logins exports a Login, and these tests know how to grant by it."""
    assert module.Login
    assert set(SUBJECTS) == set(kinds.names(logins))


async def test_right_secret(subject: Subject) -> None:
    """A secret that was given tells who holds it, and what they may."""
    secret = await subject.grant("ada", ("main", "team/dev"), (Action.READ, Action.UPLOAD))

    assert await subject.who(secret) == Principal(
        name="ada",
        indexes=("main", "team/dev"),
        can=(Action.READ, Action.UPLOAD),
        expires_at=None,
    )


async def test_secrets_are_told_apart(subject: Subject) -> None:
    """Each secret tells its own holder, and two grants never give the same."""
    secrets = [await subject.grant(f"user-{number}") for number in range(5)]
    found = [await subject.who(secret) for secret in secrets]

    assert [who.name for who in found if who] == [f"user-{number}" for number in range(5)]
    assert len(set(secrets)) == 5


@pytest.mark.parametrize(
    "spoil",
    [
        lambda secret: secret[:0],
        lambda secret: secret[:-1],
        lambda secret: secret + "x",
        lambda secret: secret + " ",
        lambda secret: secret.swapcase(),
        lambda secret: secret.replace("_", "-"),
        lambda secret: secret.rpartition("_")[0],
        lambda secret: secret.rpartition("_")[0] + "_",
        lambda secret: "_".join(secret.split("_")[1:]),
        lambda secret: f"x{secret}",
        lambda secret: "cloche_" + "0" * 12 + "_" + secret.split("_", 2)[2],
    ],
)
async def test_wrong_secret(subject: Subject, spoil: Callable[[str], str]) -> None:
    """A secret that is not the one that was given tells nothing."""
    secret = await subject.grant()

    user = subject.user(secret)
    assert await subject.login.principal(user, spoil(secret)) is None


async def test_revocation(subject: Subject) -> None:
    """A secret that was taken back is worth nothing, and the others what they were."""
    mine, other = await subject.grant("ada"), await subject.grant("ben")
    user = subject.user(mine)
    assert await subject.who(mine)

    await subject.revoke(mine)

    assert await subject.who(mine, user) is None
    assert await subject.who(other)


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(user=st.text(), secret=st.text() | st.text().map(lambda text: f"cloche_{text}_x"))
def test_any_words(path: Path, user: str, secret: str) -> None:
    """Whatever anybody says who was given nothing, it tells nobody, and breaks nothing."""

    async def run() -> None:
        catalog = connect(f"sqlite:///{path}")
        try:
            for make in SUBJECTS.values():
                assert await make(catalog).login.principal(user, secret) is None
        finally:
            await catalog.close()

    asyncio.run(run())


# Tokens alone ---------------------------------------------------------------------------------


@pytest.fixture
async def by_token(path: Path) -> AsyncIterator[Subject]:
    catalog = connect(f"sqlite:///{path}")
    yield by_tokens(catalog)
    await catalog.close()


async def test_expiry(by_token: Subject) -> None:
    """A secret is worth something until the instant at which it expires, and nothing from then."""
    until = START + timedelta(hours=1)
    secret = await by_token.grant(expires_at=until)

    by_token.clock.time = until - timedelta(microseconds=1)
    found = await by_token.login.principal("x", secret)
    assert found is not None
    assert found.expires_at == until
    by_token.clock.time = until
    assert await by_token.login.principal("x", secret) is None


async def test_secret_is_nowhere_in_the_catalog(tmp_path: Path) -> None:
    """The catalog holds a hash, and not the secret, in no table and in no byte of its files."""
    catalog = connect(f"sqlite:///{tmp_path}/cloche.db")
    secret = await by_tokens(catalog).grant("ada")
    await catalog.close()
    hidden = secret.split("_", 2)[2]

    with closing(sqlite3.connect(tmp_path / "cloche.db")) as found:
        rows = list(found.execute("SELECT * FROM tokens"))
    assert len(rows) == 1
    for file in tmp_path.iterdir():
        assert hidden.encode() not in file.read_bytes()


async def test_secret_is_long(by_token: Subject) -> None:
    """A secret has 256 random bits: its hash needs no salt, and its guessing no limit."""
    secret = await by_token.grant()

    prefix, token_id, hidden = secret.split("_", 2)
    assert (prefix, len(token_id)) == ("cloche", 12)
    assert len(hidden) >= 43  # 32 bytes in base64


async def test_comparison_takes_the_same_time(
    by_token: Subject, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Secrets are compared in constant time, those of unknown tokens too."""
    compared: list[tuple[bytes, bytes]] = []
    compare = hmac.compare_digest

    def watched(one: bytes, other: bytes) -> bool:
        compared.append((one, other))
        return compare(one, other)

    monkeypatch.setattr(hmac, "compare_digest", watched)
    secret = await by_token.grant()
    for said in (secret, secret[:-1], "cloche_unknown_x", "nonsense", ""):
        await by_token.login.principal("x", said)

    assert len(compared) == 5
    assert {len(hashed) for pair in compared for hashed in pair} == {32}


async def test_empty_secret_is_nobody_s(by_token: Subject) -> None:
    """What an unknown token is compared with lets nobody in who says it."""
    assert await by_token.login.principal("x", "cloche__") is None
    assert await by_token.login.principal("x", "cloche_unknown_") is None
