"""Real web servers for plain files: nginx, Apache, and Python's own."""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests.ports import free_port
from tests.services.daemons import Runner, listens, program, started

SBIN = Path("/usr/sbin")
MODULES = Path("/usr/lib/apache2/modules")

Configure = Callable[[str], str]
"""Writes the configuration to include, for an address to listen on."""

_NGINX = """\
daemon off;
master_process off;  # killed, a master would leave its workers behind
{user}
pid {folder}/pid;
error_log stderr;
events {{ }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    include {folder}/site.conf;
}}
"""
_APACHE = """\
{modules}
ServerRoot {folder}
ServerName 127.0.0.1
PidFile {folder}/pid
Mutex file:{folder}
ErrorLog /dev/stderr
User {user}
Group {group}
Listen {address}
Include {folder}/site.conf
"""
_NEEDED = ("mpm_event", "authz_core", "rewrite", "headers")


@contextmanager
def nginx(folder: Path, configure: Configure) -> Iterator[str]:
    """Serve with what `configure` writes; give the URL, without a slash at the end."""
    user = "user root;" if os.geteuid() == 0 else ""  # who may read the tests' folders
    text = _NGINX.format(folder=folder, user=user)
    command = (program("nginx", SBIN), "-e", "stderr", "-c", folder / "main.conf", "-p", folder)
    with _serving(folder, configure, lambda _: text, command) as url:
        yield url


@contextmanager
def apache(folder: Path, configure: Configure) -> Iterator[str]:
    """The same with Apache; its configuration is checked by itself first."""
    found = program("apache2", SBIN)
    modules = "\n".join(f"LoadModule {n}_module {MODULES}/mod_{n}.so" for n in _NEEDED)

    def main(address: str) -> str:
        return _APACHE.format(
            modules=modules, folder=folder, user="nobody", group="nogroup", address=address
        )

    command = (found, "-X", "-f", folder / "main.conf")
    with _serving(
        folder, configure, main, command, check=(*command[:1], "-t", *command[2:])
    ) as url:
        yield url


@contextmanager
def plain(folder: Path) -> Iterator[str]:
    """`python -m http.server` on a folder."""
    with ExitStack() as stack:
        yield started(stack, lambda: _plain(folder))


@contextmanager
def _plain(folder: Path) -> Iterator[str]:
    port = free_port()
    command = (sys.executable, "-m", "http.server", str(port), "--bind", "127.0.0.1", "-d", folder)
    runner = Runner(folder.parent / "http.server.log")
    with runner.daemon(*command) as process:
        runner.wait(lambda: listens(port), process)
        yield f"http://127.0.0.1:{port}"


@contextmanager
def _serving(
    folder: Path,
    configure: Configure,
    main: Configure,
    command: tuple[str | Path, ...],
    check: tuple[str | Path, ...] = (),
) -> Iterator[str]:
    folder.mkdir()
    runner = Runner(folder / "log")

    @contextmanager
    def once() -> Iterator[str]:
        port = free_port()
        address = f"127.0.0.1:{port}"
        (folder / "site.conf").write_text(configure(address))
        (folder / "main.conf").write_text(main(address))
        if check:
            runner.tool(*check)
        with runner.daemon(*command) as process:
            runner.wait(lambda: listens(port), process)
            yield f"http://{address}"

    with ExitStack() as stack:
        yield started(stack, once)
