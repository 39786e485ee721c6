"""Nginx with static files: the upstream of all, and the mark that all are measured against."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.processes import LOAD_CORE, Command

CONFIG = """
daemon off;
pid {folder}/nginx.pid;
error_log {folder}/nginx-error.log warn;
{user}
worker_processes 1;
worker_rlimit_nofile 8192;
events {{ worker_connections 4096; }}
http {{
    access_log {access_log};
    client_body_temp_path {folder}/nginx-body;
    proxy_temp_path {folder}/nginx-proxy;
    fastcgi_temp_path {folder}/nginx-fastcgi;
    scgi_temp_path {folder}/nginx-scgi;
    uwsgi_temp_path {folder}/nginx-uwsgi;
    sendfile on;
    tcp_nopush on;
    keepalive_requests 1000000000;
    open_file_cache max=4000 inactive=600s;  # each holds a file open: fewer than may be
    open_file_cache_valid 600s;
    types {{ application/vnd.pypi.simple.v1+json json; text/html html; }}
    default_type application/octet-stream;
    map $http_accept $page {{
        default index.html;
        ~application/vnd.pypi.simple.v1\\+json index.json;
    }}
    server {{
        listen {listen} backlog=4096;
        {tls}
        location /simple/ {{
            root {tree};
            index $page;
            gzip_static on;
            {serial}
            add_header Cache-Control max-age=600;
            add_header Vary "Accept, Accept-Encoding";
        }}
        location /files/ {{
            root {tree};
            add_header Cache-Control "max-age=365000000, immutable, public";
        }}
        location /packages/ {{
            root {tree};
            add_header Cache-Control "max-age=365000000, immutable, public";
        }}
        location = /simple {{
            absolute_redirect off;
            return 301 /simple/;
        }}
        location /pypi/ {{
            root {folder};
            default_type application/json;
            error_page 404 = @json_api;
            {serial}
        }}
        location @json_api {{
            root {tree};
            default_type application/json;
            gzip_static on;
            add_header Cache-Control max-age=900;
        }}
        location /hot/ {{
            root {folder};
            index index.json;
            gzip_static on;
            add_header Cache-Control max-age=600;
            add_header Vary "Accept, Accept-Encoding";
        }}
    }}
}}
"""


@dataclass(frozen=True, slots=True)
class Tls:
    """Where nginx also speaks TLS, and HTTP/2; and the PEM file of its key and certificate."""

    listen: str
    certificate: Path

    def __str__(self) -> str:
        words = f"listen {self.listen} ssl http2 backlog=4096; ssl_protocols TLSv1.3;"
        where = self.certificate
        return f"{words} ssl_certificate {where}; ssl_certificate_key {where};"


@dataclass(frozen=True, slots=True)
class Site:
    """What nginx serves and where: an index, and what is in the folder, at an address.

    Of the folder that is `hot/` and `pypi/`. With a `serial` pages say it as PyPI's do.
    """

    tree: Path
    folder: Path
    listen: str
    log: bool = False
    serial: int | None = None
    tls: Tls | None = None


def nginx(name: str, site: Site, *, cores: str = LOAD_CORE, inside: Sequence[str] = ()) -> Command:
    """Write the configuration and return the command, with `inside` as the words before it.

    Pages go out by what the client accepts, JSON or HTML, plain or compressed beforehand; with
    all that makes nginx fast, and without an access log unless one is asked for.
    """
    site.folder.mkdir(parents=True, exist_ok=True)
    path = site.folder / "nginx.conf"
    path.write_text(
        CONFIG.format(
            folder=site.folder,
            tree=site.tree,
            listen=site.listen,
            user="user root;" if os.geteuid() == 0 else "",
            access_log=f"{site.folder}/access.log" if site.log else "off",
            tls=site.tls or "",
            serial=f"add_header X-PyPI-Last-Serial {site.serial};" if site.serial else "",
        )
    )
    words = [*inside, "nginx", "-p", site.folder, "-e", site.folder / "nginx-error.log", "-c", path]
    return Command(name, words, site.folder, cores)
