"""A real PostgreSQL server: a cluster of its own in a temporary folder, gone with the process."""

import os
import shutil
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from signal import SIGQUIT

import psycopg
from psycopg import sql

from tests import children
from tests.ports import free_port
from tests.services.daemons import Runner, program, started

OWNER = "postgres"
SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "max_connections": "200",
    # The data need not outlive a crash, only be right while the server runs.
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
}


@dataclass(frozen=True, slots=True)
class Postgres:
    """A running server."""

    port: int

    def url(self, database: str) -> str:
        return f"postgresql://{OWNER}@127.0.0.1:{self.port}/{database}"

    @contextmanager
    def database(self) -> Iterator[str]:
        """Give the URL of a new, empty database; it is dropped at the end, whoever is in it."""
        name = f"test_{uuid.uuid4().hex}"
        self._do(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        try:
            yield self.url(name)
        finally:
            self._do(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))

    def _do(self, statement: sql.Composed) -> None:
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(statement)


@contextmanager
def postgres() -> Iterator[Postgres]:
    """Run a server in a process of its own."""
    child = children.Child(__name__)
    try:
        yield Postgres(int(child.said))
    finally:
        child.close()


@contextmanager
def cluster(folder: Path) -> Iterator[int]:
    """Make a cluster in the folder, serve it, and give the port."""
    runner = Runner(folder / "log", user=_user())
    runner.log.touch()
    if runner.user is not None:
        for path in (folder, runner.log):
            shutil.chown(path, runner.user)
    how = ("--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync", f"--username={OWNER}")
    runner.tool(_program("initdb"), *how, "-D", folder / "data")
    with ExitStack() as stack:
        yield started(stack, lambda: _served(runner, folder))


@contextmanager
def _served(runner: Runner, folder: Path) -> Iterator[int]:
    """Serve on a free port."""
    port = free_port()
    settings = [f"--{name}={value}" for name, value in SETTINGS.items()]
    where = ("-D", folder / "data", "-k", folder, "-p", str(port))
    with runner.daemon(_program("postgres"), *where, *settings, end=SIGQUIT) as server:
        runner.wait(lambda: _answers(folder, port), server)
        yield port


def _answers(folder: Path, port: int) -> bool:
    """Ask through the socket in the folder: on the port somebody else's server might answer."""
    try:
        psycopg.connect(host=str(folder), port=port, user=OWNER, dbname="postgres").close()
    except psycopg.OperationalError:
        return False
    return True


def _user() -> str | None:
    """Name whom to run as: the server refuses root."""
    return OWNER if os.geteuid() == 0 else None


def _program(name: str) -> Path:
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parts[-2]))
    return program(name, *reversed(debian))


def main() -> None:
    children.end_at_sigterm()
    with (
        tempfile.TemporaryDirectory(prefix="cloche-postgres-") as name,
        cluster(Path(name)) as port,
    ):
        children.serve(str(port))


if __name__ == "__main__":
    main()
