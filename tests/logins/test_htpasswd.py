"""Password files: which hashes count, when a change holds, and what nobody learns from time."""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from passlib.hash import apr_md5_crypt, bcrypt, ldap_sha1, sha256_crypt, sha512_crypt

from cloche.core.access import Action
from cloche.core.errors import BadSetting
from cloche.logins.htpasswd import Login, Settings, connect

pytestmark = pytest.mark.anyio

# Each is of the password "myPassword", and was made by Apache's own htpasswd.
HASHES = {
    "bcrypt": "$2y$05$c4WoMPo3SXsafkva.HHa6uXQZWr7oboPiC2bT/r7q1BB8I2s0BRqC",
    "apr1": "$apr1$r31.....$HqJZimcKQFAMYayBlzkrA/",
    "sha": "{SHA}VBPuJHI7uixaa6LQGWx4s+5GKNE=",
}


class Clock:
    def __init__(self) -> None:
        self.now = datetime(2026, 1, 1, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def tick(self) -> None:
        self.now += timedelta(seconds=1)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "htpasswd"
    path.write_text("".join(f"{name}:{hashed}\n" for name, hashed in HASHES.items()))
    return path


def opened(file: Path, clock: Clock, **other: Any) -> Login:
    return connect(Settings(file=str(file), **other), clock)


@pytest.mark.parametrize("user", HASHES)
async def test_kinds_of_hashes(file: Path, clock: Clock, user: str) -> None:
    """bcrypt, Apache's MD5 and SHA-1 are understood, as Apache writes them."""
    login = opened(file, clock, can=(Action.UPLOAD,), indexes=("main",))
    who = await login.principal(user, "myPassword")

    assert who is not None
    assert (who.name, who.can, who.indexes) == (user, (Action.UPLOAD,), ("main",))
    assert await login.principal(user, "mypassword") is None
    assert await login.principal("nobody", "myPassword") is None


@pytest.mark.parametrize("hashed", ["myPassword", "", "abJnggxhB/yWI", "$1$x$y", "$2y$05$short"])
def test_unsafe_hashes_are_refused_at_the_start(file: Path, clock: Clock, hashed: str) -> None:
    """A password in the clear, or hashed in an old way, is told by its line."""
    with file.open("a") as out:
        out.write(f"# a comment\n\neve:{hashed}\n")
    with pytest.raises(BadSetting, match="line 6"):
        opened(file, clock)


def test_a_file_that_is_not_there(tmp_path: Path, clock: Clock) -> None:
    """A file that cannot be read is said at the start."""
    with pytest.raises(BadSetting, match="No such file"):
        opened(tmp_path / "nothing", clock)


async def test_a_change_holds_a_second_later(file: Path, clock: Clock) -> None:
    """Users that are added, changed or removed are so without a restart."""
    login = opened(file, clock)
    who = await login.principal("sha", "myPassword")
    assert who is not None
    assert who.ask_again_at == clock.now + timedelta(seconds=1)

    file.write_text(f"new:{HASHES['sha']}\nsha:{bcrypt.using(rounds=4).hash('other')}\n")
    clock.tick()

    assert await login.principal("new", "myPassword")
    assert await login.principal("sha", "other")
    assert await login.principal("sha", "myPassword") is None
    assert await login.principal("bcrypt", "myPassword") is None


async def test_a_file_that_goes_lets_nobody_in(file: Path, clock: Clock) -> None:
    """While the file cannot be read nobody is a user; when it is back all are."""
    login = opened(file, clock)
    aside = file.rename(file.with_suffix(".aside"))
    clock.tick()
    assert await login.principal("sha", "myPassword") is None
    aside.rename(file)
    clock.tick()
    assert await login.principal("sha", "myPassword")


async def test_a_bad_line_that_comes_later_is_left_out(file: Path, clock: Clock) -> None:
    """A mistake in the file costs nobody else their password."""
    login = opened(file, clock)
    with file.open("a") as out:
        out.write("eve:plain\n")
    clock.tick()

    assert await login.principal("eve", "plain") is None
    assert await login.principal("sha", "myPassword")


def counted(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The hashes that a secret was held against."""
    seen: list[str] = []
    matches = Login._matches  # noqa: SLF001 - what takes the time

    def watched(self: Login, secret: str, against: str) -> bool:
        seen.append(against)
        return matches(self, secret, against)

    monkeypatch.setattr(Login, "_matches", watched)
    return seen


async def test_a_right_password_is_verified_once(
    file: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A client that asks a hundred times costs one slow hash; one that guesses, each time."""
    login = opened(file, clock)
    seen = counted(monkeypatch)
    for _ in range(100):
        assert await login.principal("bcrypt", "myPassword")
    assert len(seen) == 1
    for _ in range(3):
        assert await login.principal("bcrypt", "wrong") is None
    assert len(seen) == 4
    clock.now += timedelta(minutes=5)
    assert await login.principal("bcrypt", "myPassword")
    assert len(seen) == 5


async def test_unknown_users_cost_what_wrong_passwords_cost(
    file: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An unknown name is held against a hash of the file, the same one each time."""
    login = opened(file, clock)
    seen = counted(monkeypatch)
    for _ in range(3):
        assert await login.principal("nobody", "myPassword") is None

    assert len(seen) == 3
    assert len(set(seen)) == 1
    assert set(seen) <= set(HASHES.values())


@pytest.mark.parametrize("secret", ["", "\0", "myPassword\0", "x" * 5000, "\udc80"])
async def test_odd_passwords(file: Path, clock: Clock, secret: str) -> None:
    """Whatever is given as a password is right or wrong, and breaks nothing."""
    login = opened(file, clock)
    for user in HASHES:
        assert await login.principal(user, secret) is None


@pytest.mark.parametrize("kind", [apr_md5_crypt, ldap_sha1, sha256_crypt, sha512_crypt])
async def test_long_passwords(file: Path, clock: Clock, kind: Any) -> None:
    """Every letter of a long password counts, but where the hash itself reads 72 bytes alone."""
    file.write_text(f"ada:{kind.hash('x' * 100)}\n")
    login = opened(file, clock)

    assert await login.principal("ada", "x" * 100) is not None
    assert await login.principal("ada", "x" * 99) is None
    assert await login.principal("ada", "x" * 10_000) is None


async def test_the_loop_goes_on_meanwhile(file: Path, clock: Clock) -> None:
    """A slow hash keeps nobody else waiting."""
    file.write_text(f"slow:{bcrypt.using(rounds=11).hash('word')}\n")
    login = opened(file, clock)
    asked = asyncio.create_task(login.principal("slow", "word"))
    turns = 0
    while not asked.done():
        await asyncio.sleep(0)
        turns += 1

    assert await asked
    assert turns > 100


async def test_an_empty_file_has_no_users(file: Path, clock: Clock) -> None:
    """Nobody gets in by a file without lines."""
    file.write_text("")
    assert await opened(file, clock).principal("", "") is None
