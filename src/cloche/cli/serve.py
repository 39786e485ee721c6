"""`cloche serve`: the server, until Ctrl-C."""

import asyncio
import multiprocessing
import os
import shlex
import shutil
import signal
import socket
import ssl
import sys
import threading
from functools import partial
from typing import Annotated, Any

import typer
import uvicorn
from uvicorn.config import STARTUP_FAILURE
from uvicorn.supervisors import Multiprocess

from cloche import __version__, logs
from cloche.app.application import Application
from cloche.app.handing import open_handing
from cloche.app.opening import open_blobs, open_catalog, open_logins, open_upstreams, utc_now
from cloche.cli._options import Config, Data
from cloche.cli._shown import public
from cloche.cli._who import operator
from cloche.config import DEFAULT_UPSTREAM, Settings, is_loopback, load
from cloche.core.access import Action
from cloche.core.errors import BadSetting, Error
from cloche.core.index import Index
from cloche.logins.tokens import make
from cloche.web.protocol import Protocol

app = typer.Typer(add_completion=False, rich_markup_mode=None)

log = logs.Log(__name__)

BACKLOG = 2048
START_TIMEOUT = 60  # seconds


@app.command()
def serve(
    *,
    host: Annotated[
        str | None, typer.Option(metavar="HOST", help="Address to listen on. [default: 127.0.0.1]")
    ] = None,
    port: Annotated[
        int | None,
        typer.Option(
            min=0, max=65535, metavar="PORT", help="Port; 0 takes a free one. [default: 8080]"
        ),
    ] = None,
    data: Data = None,
    config: Config = None,
    workers: Annotated[
        int | None,
        typer.Option(
            min=1, max=256, metavar="N", help="Processes that answer requests. [default: 1]"
        ),
    ] = None,
    upstream: Annotated[
        str | None,
        typer.Option(metavar="URL", help="Simple index to fall through to, in place of PyPI."),
    ] = None,
    offline: Annotated[
        bool, typer.Option("--offline", help="Serve what is kept; ask no upstream.")
    ] = False,
) -> None:
    """Serve the indexes.

    With no settings at all that is one, which takes uploads and falls through to PyPI.
    """
    flags: dict[str, Any] = {
        "server.host": host,
        "server.port": port,
        "server.workers": workers,
        "server.offline": offline or None,
        f"upstream.{DEFAULT_UPSTREAM}.url": upstream,
    }
    settings = load(config, data, flags)
    _check_tls(settings)
    with _listen(settings) as listener:
        run(settings, listener)
    logs.let_go()


def run(settings: Settings, listener: socket.socket) -> None:
    """Serve until a signal ends it; return when everything is closed."""
    logs.configure(as_json=settings.server.log == "json")
    text = banner(settings, listener.getsockname()[1], asyncio.run(_first_token(settings)))
    if settings.server.workers == 1:
        server = _Announced(_uvicorn(settings, Application(settings)), text)
        # Also outside of uvicorn's own handlers, which raise what ended it once more at the end.
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, server.handle_exit)
        server.run([listener])
    else:
        _run_workers(settings, listener, text)


class _Announced(uvicorn.Server):
    """Says its piece when it can be connected to."""

    def __init__(self, config: uvicorn.Config, text: str) -> None:
        super().__init__(config)
        self._text = text

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started and not self.should_exit:
            _announce(self._text)


class _AnnouncedWorkers(Multiprocess):
    """Says its piece when all workers can be connected to."""

    def __init__(self, config: uvicorn.Config, listener: socket.socket, text: str) -> None:
        super().__init__(config, [listener])
        self._text = text
        self.failed = False

    def init_processes(self) -> None:
        super().init_processes()
        if all(process.wait_until_ready(START_TIMEOUT) for process in self.processes):
            _announce(self._text)
        else:
            self.failed = True
            self.should_exit.set()


def _announce(text: str) -> None:
    try:
        print(text, flush=True)
    except OSError as e:  # a full disk below its output stops no server
        log.warning("could not print where it listens", error=str(e))


def _run_workers(settings: Settings, listener: socket.socket, text: str) -> None:
    open_blobs(settings)  # what is wrong in the settings is said here, once
    open_handing(settings)
    open_upstreams(settings)
    open_logins(settings, utc_now)
    # The workers' counts, added up. What a main process that was killed left there goes now.
    metrics = settings.data / "spool" / "metrics"
    shutil.rmtree(metrics, ignore_errors=True)
    metrics.mkdir(parents=True)
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(metrics)
    config = _uvicorn(settings, partial(_worker, settings), factory=True)
    config.workers = settings.server.workers
    workers = _AnnouncedWorkers(config, listener, text)
    workers.run()
    shutil.rmtree(metrics, ignore_errors=True)
    if workers.failed:
        raise BadSetting("a worker did not start; the lines above say why")


def _worker(settings: Settings) -> Application:
    logs.configure(as_json=settings.server.log == "json")
    threading.Thread(target=_end_with_parent, daemon=True).start()
    try:
        return Application(settings)
    except Error as e:
        print(f"cloche: {e}", file=sys.stderr)
        sys.exit(STARTUP_FAILURE)


def _end_with_parent() -> None:
    """A main process that was killed must not leave workers behind, who hold its port."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os.kill(os.getpid(), signal.SIGTERM)


def _uvicorn(settings: Settings, app: Any, *, factory: bool = False) -> uvicorn.Config:
    server = settings.server
    return uvicorn.Config(
        app,
        factory=factory,
        loop="uvloop",
        http=Protocol,
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=bool(server.trusted_proxies),
        forwarded_allow_ips=list(server.trusted_proxies),
        timeout_graceful_shutdown=int(server.shutdown_grace),
        timeout_keep_alive=75,
        ssl_certfile=server.tls.certificate if server.tls else None,
        ssl_keyfile=server.tls.key if server.tls else None,
    )


def _listen(settings: Settings) -> socket.socket:
    host, port = settings.server.host, settings.server.port
    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(BACKLOG)
    except (OSError, UnicodeError, TypeError) as e:
        listener.close()
        raise BadSetting(
            f"cannot listen on {host}:{port} ({getattr(e, 'strerror', e)}); "
            "choose another with --host or --port"
        ) from None
    listener.set_inheritable(True)
    return listener


def _check_tls(settings: Settings) -> None:
    tls = settings.server.tls
    if tls is None:
        return
    try:
        ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(
            tls.certificate, tls.key
        )
    except OSError as e:
        raise BadSetting(
            f"server.tls: {tls.certificate} and {tls.key} cannot be used ({e.strerror}); "
            "give the PEM files of a certificate and its key"
        ) from None


async def _first_token(settings: Settings) -> str | None:
    """Make the token that the banner shows, if there is none at all yet."""
    catalog = open_catalog(settings)
    try:
        if await catalog.tokens.list():
            return None
        can = (Action.READ, Action.UPLOAD)
        names = {settings.default_index.name, _uploads_to(settings).name}
        token, secret = make("first", tuple(sorted(names)), can, utc_now())
        await catalog.tokens.add(token, operator())
        return secret
    finally:
        await catalog.close()


def banner(settings: Settings, port: int, token: str | None) -> str:
    """What a user needs to know when the server is ready, to copy and paste."""
    url = _url(settings, port)
    shown = token or "TOKEN"
    index = _uploads_to(settings)
    legacy = f"{url}/legacy/" if index.default else f"{url}/{index.name}/legacy/"
    again = (
        f"cloche token create --data {shlex.quote(str(settings.data))} --index {index.name} "
        "--can upload --can read"
    )
    secret = f"{token}   (shown only now)" if token else f"made before; for another: {again}"
    return f"""
cloche {__version__} is ready: {url}/

  install from  {url}/simple/
  upload to     {legacy}
  token         {secret}

  pip install --index-url {url}/simple/ requests
  uv pip install --default-index {url}/simple/ requests
  twine upload --repository-url {legacy} -u __token__ -p {shown} dist/*

  data          {settings.data.absolute()}
  falls through {_falls_through(settings)}
  may read      {_readers(settings)}

Ctrl-C stops it.
"""


def _uploads_to(settings: Settings) -> Index:
    """The default index if it takes uploads, else the first that does, if any does."""
    by_wish = sorted(settings.indexes.values(), key=lambda i: (not i.uploads, not i.default))
    return by_wish[0]


def _url(settings: Settings, port: int) -> str:
    server = settings.server
    if server.public_url:
        return server.public_url.rstrip("/")
    host = socket.gethostname() if server.host in {"0.0.0.0", "::"} else server.host  # noqa: S104 - compared, not bound
    host = f"[{host}]" if ":" in host else host
    return f"{'https' if server.tls else 'http'}://{host}:{port}"


def _falls_through(settings: Settings) -> str:
    if settings.server.offline:
        return "to nothing: offline, only what is kept is served"
    urls = {name: public(upstream.own.url) for name, upstream in settings.upstreams.items()}
    index = settings.default_index
    drawn_on = [name for name in index.sources if name in urls and index.fallthrough != "none"]
    return ", ".join(f"to {name} ({urls[name]})" for name in drawn_on) or "to nothing"


def _readers(settings: Settings) -> str:
    read = settings.default_index.read
    if read == "anyone":
        near = " on this machine" if is_loopback(settings.server.host) else " who can connect"
        return f"anyone{near}"
    if read == "authenticated":
        return 'who has a token (set read = "anyone" under [index.…] to open it)'
    return ", ".join(read)
