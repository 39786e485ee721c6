import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import obstore
import psycopg
import pytest

from tests.children import ROOT, Child
from tests.ports import free_port
from tests.services.daemons import Runner, ServiceFailed, listens, program, started
from tests.services.postgres import Postgres
from tests.services.s3 import Bucket, Server
from tests.services.signing import signed_headers
from tests.waiting import until

LEFT_SECONDS = 60.0
STARTER = """
import sys
from tests.children import Child

child = Child(sys.argv[1])
print(child.pid, child.said.decode(), flush=True)
sys.stdin.read()
child.close()
"""


def test_a_row_goes_into_postgres_and_comes_back(postgres_url: str) -> None:
    """What is committed by one connection is read by another."""
    with psycopg.connect(postgres_url) as writer:
        writer.execute("CREATE TABLE cheese (name text)")
        writer.execute("INSERT INTO cheese VALUES ('Époisses')")

    with psycopg.connect(postgres_url) as reader:
        assert reader.execute("SELECT name FROM cheese").fetchall() == [("Époisses",)]


def test_each_test_has_a_database_of_its_own(postgres_process: Postgres, postgres_url: str) -> None:
    """A table made in one test's database is in no other's."""
    with postgres_process.database() as other, psycopg.connect(other) as connection:
        connection.execute("CREATE TABLE cheese ()")

    with psycopg.connect(postgres_url) as mine:
        tables = mine.execute("SELECT count(*) FROM pg_tables WHERE tablename = 'cheese'")
        assert tables.fetchone() == (0,)


def test_a_database_is_dropped_though_somebody_is_in_it(postgres_process: Postgres) -> None:
    """A connection that a test forgot does not keep its database."""
    with postgres_process.database() as url:
        forgotten = psycopg.connect(url)

    with pytest.raises(psycopg.OperationalError, match="does not exist"):
        psycopg.connect(url)
    forgotten.close()


def test_an_object_goes_into_s3_and_comes_back(s3: Bucket) -> None:
    """What is put under a key is got, listed, got in part and deleted under it."""
    store = s3.store()

    obstore.put(store, "a/b", b"0123456789")
    whole = obstore.get(store, "a/b").bytes().to_bytes()
    part = obstore.get_range(store, "a/b", start=2, length=3).to_bytes()
    listed = [one["path"] for one in obstore.list(store).collect()]
    obstore.delete(store, "a/b")

    assert (whole, part, listed) == (b"0123456789", b"234", ["a/b"])
    assert obstore.list(store).collect() == []


def test_a_second_put_of_a_new_object_is_refused(s3: Bucket) -> None:
    """Put-if-absent has one winner, whose bytes stay."""
    obstore.put(s3.store(), "a", b"first", mode="create")

    with pytest.raises(obstore.exceptions.AlreadyExistsError):
        obstore.put(s3.store(), "a", b"second", mode="create")
    assert obstore.get(s3.store(), "a").bytes().to_bytes() == b"first"


def test_each_test_has_a_bucket_of_its_own(s3_process: Server, s3: Bucket) -> None:
    """An object put into one test's bucket is in no other's."""
    obstore.put(s3_process.bucket().store(), "a", b"theirs")

    assert obstore.list(s3.store()).collect() == []


def test_another_key_opens_no_bucket(s3: Bucket) -> None:
    """A request signed with a wrong secret is refused: the server checks signatures."""
    stranger = Bucket(s3.endpoint, s3.bucket, s3.access_key, "wrong")

    with pytest.raises(obstore.exceptions.PermissionDeniedError):
        obstore.put(stranger.store(), "a", b"x")


def test_a_signature_is_a_function_of_the_request() -> None:
    """The signature changes with the method, the URL, either key and the time."""
    noon, later = datetime(2026, 1, 1, 12, tzinfo=UTC), datetime(2026, 1, 1, 13, tzinfo=UTC)
    requests = [
        ("PUT", "http://h/b", "key", "secret", noon),
        ("GET", "http://h/b", "key", "secret", noon),
        ("PUT", "http://h/c", "key", "secret", noon),
        ("PUT", "http://h/b", "key", "other", noon),
        ("PUT", "http://h/b", "key", "secret", later),
    ]

    signed = [signed_headers(*request)["authorization"] for request in requests]

    assert len({one.rpartition("=")[2] for one in signed}) == len(requests)
    assert signed[0] == signed_headers(*requests[0])["authorization"]


@pytest.mark.parametrize("module", ["tests.services.postgres", "tests.services.s3"])
@pytest.mark.parametrize("how", ["closed", "told", "killed"])
def test_a_service_ends_with_who_started_it(module: str, how: str) -> None:
    """A service ends when it is closed, when it is told to, and when its starter is killed."""
    starter = subprocess.Popen(
        [sys.executable, "-c", STARTER, module],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    with starter:
        assert starter.stdin is not None
        assert starter.stdout is not None
        leader, said = starter.stdout.readline().split()
        pid, port = int(leader), port_of(said)
        assert listens(port)
        assert not nobody_lives(pid)
        match how:
            case "closed":
                starter.stdin.close()
            case "told":
                os.kill(pid, signal.SIGTERM)
            case "killed":
                starter.kill()

        until(lambda: not listens(port), LEFT_SECONDS)
        until(lambda: nobody_lives(pid), LEFT_SECONDS)


def port_of(said: bytes) -> int:
    """Find the port in what a service said."""
    if said.isdigit():
        return int(said)
    return int(msgspec.json.decode(said, type=Server).endpoint.rpartition(":")[2])


def nobody_lives(group: int) -> bool:
    """Say whether none is left of the processes that a leader started, the dead not counted."""
    listed = subprocess.run(
        ["ps", "-A", "-o", "pgid=,stat="], capture_output=True, text=True, check=True
    )
    rows = (line.split() for line in listed.stdout.splitlines())
    return not [state for one, state in rows if int(one) == group and not state.startswith("Z")]


def test_a_child_that_fails_says_so() -> None:
    """A module that ends before it is ready is an error, not a wait for ever."""
    with pytest.raises(RuntimeError, match=r"tests\.packages ended before it was ready"):
        Child("tests.packages")


def test_a_missing_program_is_named_with_its_cure() -> None:
    """A service that is not installed fails with the script that installs it."""
    with pytest.raises(ServiceFailed, match="scripts/install-services"):
        program("no-such-program")


def test_a_tool_that_fails_shows_what_it_wrote(tmp_path: Path) -> None:
    """The error of a failed tool has its output."""
    with pytest.raises(ServiceFailed, match="out of milk"):
        Runner(tmp_path / "log").tool("sh", "-c", "echo out of milk; exit 3")


def test_a_daemon_that_ends_early_is_not_waited_for(tmp_path: Path) -> None:
    """Waiting for a daemon that has ended fails at once with its output."""
    runner, port = Runner(tmp_path / "log"), free_port()

    with runner.daemon("sh", "-c", "echo no port; exit 1") as daemon:
        start = time.monotonic()
        with pytest.raises(ServiceFailed, match="no port"):
            runner.wait(lambda: listens(port), daemon)

    assert time.monotonic() - start < 30


@pytest.mark.parametrize("needed", [1, 2, 3])
def test_what_does_not_start_is_started_again(needed: int) -> None:
    """A start that fails is tried again, up to three times in all."""
    tries = [ServiceFailed("the port is taken")] * (needed - 1)

    with ExitStack() as stack:
        assert started(stack, lambda: unlucky(tries)) == "served"


def test_what_never_starts_is_an_error() -> None:
    """The third failure to start is not hidden."""
    tries = [ServiceFailed("the port is taken")] * 3

    with ExitStack() as stack, pytest.raises(ServiceFailed, match="the port is taken"):
        started(stack, lambda: unlucky(tries))


@contextmanager
def unlucky(failures: list[ServiceFailed]) -> Iterator[str]:
    """Serve once all the failures are used up."""
    if failures:
        raise failures.pop()
    yield "served"
