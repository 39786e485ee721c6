"""Who may read what: the whole table, and no way around it."""

import asyncio
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from cloche.core.access import Action, Principal
from cloche.core.errors import Forbidden, NoSuchIndex, Unauthenticated
from cloche.core.index import Index
from cloche.core.model import project_name
from cloche.service.view import View
from cloche.web.gate import Gate
from tests.fakes import FakeJournal, FakeLedger, FakePages, now
from tests.packages import wheel
from tests.server import Cloche
from tests.web.forms import upload
from tests.web.tokens import basic, bearer, granted, revoke

pytestmark = pytest.mark.anyio

OPEN, CLOSED, NAMED = "main", "closed", "named"


@pytest.fixture(scope="module")
def holders(server: Cloche) -> dict[str, str]:
    """Tokens of people of different rights."""
    data = server.data
    return {
        "reads closed": granted(data, "read", index="closed"),
        "uploads closed": granted(data, "upload", index="closed"),
        "admin of closed": granted(data, "admin", index="closed"),
        "reads all": granted(data, "read", index="*"),
        "ada reads named": granted(data, "read", index="named", name="ada"),
        "ada reads main": granted(data, "read", index="main", name="ada"),
        "eve reads named": granted(data, "read", index="named", name="eve"),
        "ada administers all": granted(data, "admin", index="*", name="ada"),
    }


# 200 stands for "may read": what is asked for is there.
TABLE = {
    #                     main closed named nested
    "nobody": (200, 401, 401, 401),
    "reads closed": (200, 200, 403, 200),
    "uploads closed": (200, 403, 403, 403),
    "admin of closed": (200, 200, 403, 200),
    "reads all": (200, 200, 403, 200),
    "ada reads named": (200, 403, 200, 403),
    "ada reads main": (200, 403, 403, 403),
    "eve reads named": (200, 403, 403, 403),
    "ada administers all": (200, 200, 200, 200),
    "a stranger": (200, 401, 401, 401),
}


@pytest.mark.parametrize("who", TABLE)
def test_table(server: Cloche, holders: dict[str, str], who: str) -> None:
    """Each holder reads the indexes that are theirs, list, page and home alike."""
    secret = "cloche_0123_stranger" if who == "a stranger" else holders.get(who)
    said = basic(secret) if secret else {}
    for index, expected in zip(("main", "closed", "named", "nested"), TABLE[who], strict=True):
        for _ in range(2):
            found = server.get(f"/{index}/simple/", said).status
            assert (index, found) == (index, expected)
        assert server.get(f"/{index}/", said).status == expected
        unknown = server.get(f"/{index}/simple/ga-nowhere/", said).status
        assert unknown == (404 if expected == 200 else expected)


def test_refusal_says_how(server: Cloche, holders: dict[str, str]) -> None:
    """Who is turned away learns which token would do, for all that the index draws on."""
    nobody = server.get("/closed/simple/")
    somebody = server.get("/nested/simple/", basic(holders["ada reads named"]))
    stranger = server.get("/named/simple/", basic(holders["eve reads named"]))

    assert nobody.headers["www-authenticate"] == 'Basic realm="pypi", charset="UTF-8"'
    assert "cloche token create --index closed --can read" in nobody.reason
    assert somebody.headers["www-authenticate"] is None
    assert "cloche token create --index closed --can read" in somebody.reason
    assert "--index named --can read`, with the --name of one who may" in stranger.reason


def test_advice_is_good(server: Cloche) -> None:
    """The command that a refusal advises makes a token that opens the door."""
    for index in ("closed", "nested"):
        advice = server.get(f"/{index}/simple/").reason.partition("`")[2].partition("`")[0]
        _, *arguments = advice.split(" ")
        config = str(server.config)
        made = server.command(*arguments, "--data", str(server.data), "--config", config)
        assert made.returncode == 0, made.stderr
        assert server.get(f"/{index}/simple/", basic(made.stdout.strip())).status == 200


def test_nested_index_hides_what_it_draws_on(
    server: Cloche, token: str, holders: dict[str, str]
) -> None:
    """An index is no way around the policy of an index that it draws on."""
    built = wheel("ga-nested", "1.0")
    assert upload(server.url, built, token, "/closed/legacy/").status == 200
    place = "/nested/simple/ga-nested/"

    assert server.get(place, basic(holders["reads all"])).status == 200
    assert server.get(place, basic(holders["reads closed"])).status == 200
    assert server.get(place, basic(holders["ada reads main"])).status == 403
    assert server.get(place).status == 401


def test_a_page_that_was_shown_is_not_for_all(
    server: Cloche, token: str, holders: dict[str, str]
) -> None:
    """What was rendered for one who may read is never handed to one who may not."""
    assert upload(server.url, wheel("ga-shown", "1.0"), token, "/closed/legacy/").status == 200
    place = "/closed/simple/ga-shown/"
    for _ in range(3):
        assert server.get(place, basic(holders["reads closed"])).status == 200
        assert server.get(place).status == 401
        assert server.get(place, basic("wrong")).status == 401
        assert server.get(place, basic(holders["ada reads main"])).status == 403
        assert server.get(place, {"If-None-Match": "*"}).status == 401


def test_revoked_at_once(server: Cloche, data: Path, token: str) -> None:
    """A token that is revoked opens nothing from then on, though it just did."""
    assert upload(server.url, wheel("ga-revoked", "1.0"), token, "/closed/legacy/").status == 200
    secret = granted(data, "read", index="closed")
    place = "/closed/simple/ga-revoked/"
    assert [server.get(place, basic(secret)).status for _ in range(3)] == [200, 200, 200]

    revoke(data, secret)

    assert [server.get(place, basic(secret)).status for _ in range(3)] == [401, 401, 401]


def test_new_token_at_once(server: Cloche, data: Path) -> None:
    """A token works as soon as it is made, in each of the ways to send it."""
    for said in (basic, bearer):
        secret = granted(data, "read", index="closed")
        assert server.get("/closed/simple/", said(secret)).status == 200
    header = {"Authorization": f"token {granted(data, 'read', index='closed')} "}
    assert server.get("/closed/simple/", header).status == 200


def test_wrong_credentials_do_not_close_what_is_open(server: Cloche) -> None:
    """What anyone may read is read with any credentials, for clients send what they have."""
    for said in ({"Authorization": "nonsense"}, basic("wrong"), bearer("")):
        assert server.get("/simple/", said).status == 200


# The gate by itself ---------------------------------------------------------------------------


@dataclass
class FakeLogin:
    """Knows who holds which secret, and waits to be let on before it says so."""

    known: dict[str, Principal]
    asked: int = 0
    looking: asyncio.Event = field(default_factory=asyncio.Event)
    going_on: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.going_on.set()

    async def principal(self, user: str, secret: str) -> Principal | None:  # noqa: ARG002 - the port's
        self.asked += 1
        self.looking.set()
        found = self.known.get(secret)
        await self.going_on.wait()
        return found


class Clock:
    """A clock that the test moves."""

    def __init__(self) -> None:
        self.time = datetime(2026, 1, 1, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.time


ADA = Principal(name="ada", indexes=("closed",), can=(Action.READ, Action.UPLOAD))
HEADER = bearer("ada's")["Authorization"]
INDEX = Index(name="closed", read="authenticated")


@dataclass
class Doors:
    login: FakeLogin
    journal: FakeJournal
    clock: Clock
    gate: Gate


@pytest.fixture
def doors() -> Doors:
    """A gate before one closed index, with everything that it stands on in the test's hands."""
    journal, login, clock = FakeJournal(), FakeLogin({"ada's": ADA}), Clock()
    view = View({"closed": INDEX}, {}, FakeLedger(journal), FakePages(journal), now)
    return Doors(login, journal, clock, Gate(view, [login], journal, clock))


async def test_credential_is_looked_up_once(doors: Doors) -> None:
    """While nothing is written, a credential is looked up once, however often it is used."""
    for _ in range(5):
        assert await doors.gate.reader(INDEX, HEADER) is ADA
    assert doors.login.asked == 1
    assert doors.gate.admits("closed", HEADER)

    doors.journal.enter("main", project_name("x"))

    assert not doors.gate.admits("closed", HEADER)
    assert await doors.gate.reader(INDEX, HEADER) is ADA
    assert doors.login.asked == 2


async def test_revoked_while_it_was_looked_up(doors: Doors) -> None:
    """What was found out while somebody wrote is not believed any longer than that request."""
    doors.login.going_on.clear()
    first = asyncio.create_task(doors.gate.reader(INDEX, HEADER))
    await doors.login.looking.wait()
    doors.login.known.clear()
    doors.journal.enter("main", project_name("x"))
    doors.gate.admits("closed", "of another")  # notices that somebody has written
    doors.login.going_on.set()

    assert await first is ADA
    with pytest.raises(Unauthenticated):
        await doors.gate.reader(INDEX, HEADER)
    assert not doors.gate.admits("closed", HEADER)


async def test_expiry_is_looked_at_each_time(doors: Doors) -> None:
    """A credential that expires is worth nothing from that instant on, remembered or not."""
    until = doors.clock.time + timedelta(minutes=1)
    doors.login.known["brief"] = Principal(
        name="bea", indexes=("*",), can=(Action.READ, Action.UPLOAD), expires_at=until
    )
    header = bearer("brief")["Authorization"]
    assert await doors.gate.reader(INDEX, header) is not None
    assert doors.gate.admits("closed", header)

    doors.clock.time = until

    assert not doors.gate.admits("closed", header)
    for closed in (doors.gate.reader, doors.gate.uploader):
        with pytest.raises(Forbidden):
            await closed(INDEX, header)


async def test_a_manager_needs_admin_that_holds(doors: Doors) -> None:
    """Managing takes the right to it, on that index, at this instant; reading is no part of it."""
    until = doors.clock.time + timedelta(minutes=1)
    for name, index, action in (
        ("admin", "closed", Action.ADMIN),
        ("reads", "closed", Action.READ),
        ("uploads", "*", Action.UPLOAD),
        ("elsewhere", "other", Action.ADMIN),
    ):
        doors.login.known[name] = Principal(
            name=name, indexes=(index,), can=(action,), expires_at=until
        )

    who = await doors.gate.manager("closed", bearer("admin")["Authorization"])
    assert who.name == "admin"
    for name in ("reads", "uploads", "elsewhere"):
        with pytest.raises(Forbidden, match="may not manage in index closed"):
            await doors.gate.manager("closed", bearer(name)["Authorization"])
    with pytest.raises(Unauthenticated, match="to manage here"):
        await doors.gate.manager("closed", None)

    doors.clock.time = until
    with pytest.raises(Forbidden):
        await doors.gate.manager("closed", bearer("admin")["Authorization"])


async def test_an_unknown_index_is_told_to_its_managers_only(doors: Doors) -> None:
    """Whether there is such an index is for those to know who may manage it."""
    doors.login.known["all"] = Principal(name="all", indexes=("*",), can=(Action.ADMIN,))
    doors.login.known["one"] = Principal(name="one", indexes=("closed",), can=(Action.ADMIN,))

    with pytest.raises(NoSuchIndex):
        await doors.gate.manager("no-such", bearer("all")["Authorization"])
    with pytest.raises(Forbidden):
        await doors.gate.manager("no-such", bearer("one")["Authorization"])
    with pytest.raises(Unauthenticated):
        await doors.gate.manager("no-such", None)


async def test_unknown_index_is_not_admitted(doors: Doors) -> None:
    """Nobody is let in without being asked but where that is certain."""
    assert not doors.gate.admits("closed", None)
    assert not doors.gate.admits("closed", "")
    assert not doors.gate.is_open("closed")
    with pytest.raises(Unauthenticated):
        await doors.gate.reader(INDEX, None)
    with pytest.raises(Unauthenticated):
        await doors.gate.uploader(INDEX, "Basic \x00")
