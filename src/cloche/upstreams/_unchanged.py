"""Whether a remote index's list of projects is as it was, asked without aiohttp.

To import that takes longer than the question. Any other answer than "as before" is for the
usual way to ask for, and to understand.
"""

import ssl
from contextlib import suppress
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from socket import SHUT_RDWR, socket
from threading import Event, Timer

from yarl import URL

from cloche import __version__
from cloche.upstreams._environment import usual_proxy
from cloche.upstreams._reaching import ACCEPT, authorization, origin_of, trust, verbatim
from cloche.upstreams.simple import Settings


def is_unchanged(name: str, settings: Settings, etag: str) -> bool:
    """Ask once. False also when there is no answer, or a proxy is in the way."""
    address = URL(settings.url)
    url = verbatim(str(address.with_user(None)).rstrip("/") + "/")
    if settings.proxy or usual_proxy(*origin_of(str(url))[:2]):
        return False
    headers = {
        "Accept": ACCEPT,
        "Accept-Encoding": "gzip",
        "Connection": "close",
        "If-None-Match": etag,
        "User-Agent": f"cloche/{__version__}",
        **authorization(name, settings, address),
    }
    connection = _connection(name, settings, url)
    try:
        return _status(connection, url, headers, settings) == HTTPStatus.NOT_MODIFIED
    except (OSError, HTTPException, ValueError):
        return False
    finally:
        connection.close()


def _connection(name: str, settings: Settings, url: URL) -> HTTPConnection:
    host, seconds = url.raw_host or "", settings.connect_timeout
    if url.scheme == "http":
        return HTTPConnection(host, url.port, timeout=seconds)
    context = trust(name, settings.ca_file) if settings.ca_file else ssl.create_default_context()
    return HTTPSConnection(host, url.port, timeout=seconds, context=context)


def _status(
    connection: HTTPConnection, url: URL, headers: dict[str, str], settings: Settings
) -> int:
    """What it answers, in no more time than a page may take. Raise OSError and HTTPException."""
    connection.connect()
    wire, late = connection.sock, Event()
    wire.settimeout(min(settings.read_timeout, settings.page_timeout))
    ending = Timer(settings.page_timeout, _end, (wire, late))
    ending.daemon = True
    ending.start()
    try:
        connection.request("GET", url.raw_path_qs, headers=headers)
        status = connection.getresponse().status
    finally:
        ending.cancel()
    if late.is_set():  # headers that break off are taken for whole
        raise TimeoutError
    return status


def _end(wire: socket, late: Event) -> None:
    """Whoever waits for it is told that it has ended: closing would tell nobody."""
    late.set()
    with suppress(OSError):
        wire.shutdown(SHUT_RDWR)
