"""`cloche doctor`: try every part that serving needs, and say what is wrong and what to do."""

import asyncio
import os
import shutil
import socket
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from urllib.parse import unquote, urlsplit

import aiohttp
import msgspec
import typer
from msgspec import Struct
from yarl import URL

from cloche.app.handing import open_handing, open_signing
from cloche.app.opening import (
    make_data_folder,
    open_blobs,
    open_catalog,
    open_primaries,
    open_upstreams,
)
from cloche.cli._options import Config, Data, Json
from cloche.config import Settings, load
from cloche.core.errors import BadSetting, Error, NoSuchProject, StorageDown
from cloche.core.model import ProjectName
from cloche.ports import Blobs, Spooled
from cloche.spool import Spool
from cloche.web.handing import LIFE

app = typer.Typer(add_completion=False, rich_markup_mode=None)

LITTLE_SPACE = 1 << 30  # bytes
PATIENCE = 10  # seconds
SOUGHT = ProjectName("pip")  # what any index of the public's packages has


class Finding(Struct, frozen=True):
    part: str
    well: bool
    says: str


@app.command()
def doctor(
    *,
    as_json: Json = False,
    data: Data = None,
    config: Config = None,
) -> None:
    """Try database, blob store, disk, port and upstreams. Exit code 1 if one is unwell."""
    settings = load(config, data)
    findings = asyncio.run(_examine(settings))
    if as_json:
        sys.stdout.write(msgspec.json.encode(findings).decode() + "\n")
    else:
        for finding in findings:
            print(f"{'ok  ' if finding.well else 'BAD '} {finding.part:<18} {finding.says}")
    if not all(finding.well for finding in findings):
        raise typer.Exit(1)


async def _examine(settings: Settings) -> list[Finding]:
    checks: dict[str, Callable[[], Awaitable[str]]] = {
        "data folder": lambda: _data(settings),
        "database": lambda: _database(settings),
        "blob store": lambda: _blobs(settings),
        "port": lambda: _port(settings),
    }
    if settings.store.redirect_files:
        checks["redirected files"] = lambda: _redirected(settings)
    if settings.store.x_accel is not None:
        checks["files by nginx"] = lambda: _accelerated(settings)
    for name in settings.upstreams:
        checks[f"upstream {name}"] = lambda name=name: _upstream(settings, name)  # type: ignore[misc]  # a default binds it
    for name, index in settings.indexes.items():
        if index.follows is not None:
            checks[f"follows {name}"] = lambda name=name: _followed(settings, name)  # type: ignore[misc]  # the same
    return [await _finding(part, check) for part, check in checks.items()]


async def _finding(part: str, check: Callable[[], Awaitable[str]]) -> Finding:
    try:
        return Finding(part, well=True, says=await check())
    except Error as e:
        return Finding(part, well=False, says=e.detail)
    except OSError as e:
        return Finding(part, well=False, says=f"{e}; correct the settings, or what they name")


async def _data(settings: Settings) -> str:
    make_data_folder(settings)
    Spool(settings.data / "spool")
    if not os.access(settings.data, os.W_OK):
        raise BadSetting(f"{settings.data} cannot be written; name another with --data")
    free = shutil.disk_usage(settings.data).free
    if free < LITTLE_SPACE:
        raise BadSetting(f"only {free >> 20} MiB are free at {settings.data}; make room")
    return f"{settings.data.absolute()}, {free >> 30} GiB free"


async def _database(settings: Settings) -> str:
    catalog = open_catalog(settings)
    try:
        await catalog.upkeep.check()
        tokens = len(await catalog.tokens.list())
    finally:
        await catalog.close()
    return f"answers; {tokens} token(s)"


async def _blobs(settings: Settings) -> str:
    """Put, read and delete a blob: asking alone would not show that writing is allowed."""
    blobs = open_blobs(settings)
    await blobs.check()
    async with _sample(settings, blobs) as spooled:
        size = await blobs.size(spooled.digest)
    if size != spooled.size:
        raise BadSetting(f"a blob of {spooled.size} bytes came back with {size}")
    return "keeps and gives back"


@asynccontextmanager
async def _sample(settings: Settings, blobs: Blobs) -> AsyncIterator[Spooled]:
    """A blob that is there meanwhile."""
    with Spool(settings.data / "spool").scratch() as scratch:
        await scratch.write(b"cloche doctor " + os.urandom(16))
        spooled = scratch.spooled
        await blobs.put(spooled)
    try:
        yield spooled
    finally:
        await blobs.delete(spooled.digest)


async def _redirected(settings: Settings) -> str:
    """Fetch a blob as a client does that was sent for it."""
    signing = open_signing(settings)
    async with _sample(settings, open_blobs(settings)) as spooled:
        address = await signing.address(spooled.digest, LIFE)
        parts = urlsplit(address)
        where = f"{parts.scheme}://{parts.netloc}"
        status, size = await _fetched(address, where)
    if (status, size) != (200, spooled.size):
        raise BadSetting(
            f"{where} answers a signed address with {status}; it may see another name of its own "
            "than clients use, or another time: see store.s3.public_endpoint, and compare clocks"
        )
    return f"{where} gives what clients are sent there for"


async def _fetched(address: str, where: str) -> tuple[int, int]:
    """Status and length of what is there."""
    timeout = aiohttp.ClientTimeout(total=PATIENCE)
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout) as session,
            session.get(URL(address, encoded=True)) as found,
        ):
            return found.status, len(await found.read())
    except (aiohttp.ClientError, TimeoutError) as e:
        raise StorageDown(
            f"{where}, where clients are sent for files, cannot be reached from here "
            f"({type(e).__name__}); try it from a client's machine, or correct "
            "store.s3.public_endpoint"
        ) from None


async def _accelerated(settings: Settings) -> str:
    """Say what the proxy must have: it cannot be looked into from here."""
    open_handing(settings)
    root = unquote(urlsplit(settings.blobs_url).path).rstrip("/")
    return f'nginx needs: location {settings.store.x_accel} {{ internal; alias "{root}/"; }}'


async def _port(settings: Settings) -> str:
    address = (settings.server.host, settings.server.port)
    with socket.socket(socket.AF_INET6 if ":" in address[0] else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(address)
        except OSError as e:
            raise BadSetting(
                f"{address[0]}:{address[1]} cannot be listened on ({e.strerror}); a server may "
                "be running there, else choose another with --port"
            ) from None
    return f"{address[0]}:{address[1]} is free"


async def _upstream(settings: Settings, name: str) -> str:
    if settings.server.offline:
        return "not asked: the server is offline"
    upstream = open_upstreams(settings)[name]
    loop = asyncio.get_running_loop()
    began = loop.time()
    try:
        await upstream.page(SOUGHT, None)
    except NoSuchProject:
        pass  # an answer all the same
    finally:
        await upstream.close()
    return f"answers in {(loop.time() - began) * 1000:.0f} ms"


async def _followed(settings: Settings, name: str) -> str:
    if settings.server.offline:
        return "not followed: the server is offline"
    primary = open_primaries(settings)[name]
    try:
        found = await primary.stretch(None, 1, 0)
    finally:
        await primary.close()
    return f"{primary.url} may be followed; it is at serial {found.newest}"
