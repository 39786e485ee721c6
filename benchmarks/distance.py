"""A network between this host and an upstream in a namespace of its own, 25 ms long each way.

Real TCP over a real round trip: handshakes, slow start and acknowledgements all pay for it. Two TUN
devices, one on either side; every packet read from one is written to the other 25 ms later. Run as
a program it is the wire; it ends, and leaves nothing behind, when it is told to or the benchmark
ends. Nothing but the two addresses, of the range that RFC 2544 sets aside for this, can use it.
"""

import fcntl
import os
import select
import socket
import statistics
import struct
import subprocess
import sys
import time
from collections import deque
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import trustme

from benchmarks.nginx import Site, Tls, nginx
from benchmarks.processes import BOTH_CORES, Command, Unmeasured, answers, running, trusting

ROUND_TRIP = 0.050
PORT, TLS_PORT = 8000, 8443
TUN = Path("/dev/net/tun")
TUNSETIFF, TUNSETOFFLOAD = 0x400454CA, 0x400454D0
IFF_TUN, IFF_NO_PI, IFF_VNET_HDR = 0x0001, 0x1000, 0x4000
# Segments travel in bundles of up to 64 KiB with a header that says so, as between a host and its
# network card: one read and one write for forty packets, so that the wire is not what is measured.
TUN_F_CSUM, TUN_F_TSO4 = 0x01, 0x02
BUNDLE = 65536 + 64
QUEUE = "20000"


@contextmanager
def far_upstream(
    tree: Path, folder: Path, serial: int | None = None, *, tls: bool = False
) -> Iterator[str]:
    """Serve the tree from the other end, and yield the URL of its index as seen from here.

    With `tls` as PyPI is reached, over TLS and in HTTP/2 by whoever speaks it; what is started
    meanwhile trusts the certificate.
    """
    if os.geteuid() != 0 or not TUN.exists():
        raise Unmeasured("a network with a delay needs root and /dev/net/tun")
    near, far = _addresses()
    folder.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        site = Site(tree, folder, f"0.0.0.0:{PORT}", serial=serial)
        if tls:
            authority, certificate = _certified(far, folder)
            stack.enter_context(trusting(authority))
            site = replace(site, tls=Tls(f"0.0.0.0:{TLS_PORT}", certificate))
        inside = ("unshare", "--net")
        upstream = nginx("far upstream", site, cores=BOTH_CORES, inside=inside)
        server = stack.enter_context(running(upstream))
        server.wait_until(lambda: _namespace(server.pid) != _namespace(os.getpid()))
        words = [sys.executable, "-m", "benchmarks.distance", str(server.pid), near, far]
        env = {"PYTHONPATH": str(Path(__file__).parent.parent)}
        wire = stack.enter_context(running(Command("wire", words, folder, BOTH_CORES, env)))
        wire.wait_until(answers(PORT, "/simple/", far))
        yield f"https://{far}:{TLS_PORT}/simple/" if tls else f"http://{far}:{PORT}/simple/"


def _certified(host: str, folder: Path) -> tuple[Path, Path]:
    """Write an authority of its own and the host's key and certificate; return where they are."""
    kind = trustme.KeyType.ECDSA  # as PyPI's
    authority, certificate = folder / "authority.pem", folder / "certificate.pem"
    issuer = trustme.CA(key_type=kind)
    issuer.cert_pem.write_to_path(authority)
    issued = issuer.issue_cert(host, key_type=kind)
    issued.private_key_and_cert_chain_pem.write_to_path(certificate)
    return authority, certificate


def round_trip(url: str) -> float:
    """Measure a TCP handshake with the upstream, in seconds: the median of nine."""
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port or 0
    return statistics.median(_handshake(host, port) for _ in range(9))


def _handshake(host: str, port: int) -> float:
    began = time.perf_counter()
    with socket.create_connection((host, port)):
        return time.perf_counter() - began


def _namespace(pid: int) -> int:
    return Path(f"/proc/{pid}/ns/net").stat().st_ino


def _addresses() -> tuple[str, str]:
    """Return two neighbouring addresses that another run on this host does not use."""
    block = os.getpid() % (1 << 15)
    start = f"198.{18 + (block >> 14)}.{block >> 6 & 255}"
    return f"{start}.{(block & 63) * 4 + 1}", f"{start}.{(block & 63) * 4 + 2}"


def main(pid: str, near: str, far: str) -> None:
    """Lay the wire between this host and the namespace of that process, and carry packets."""
    here, there = _device(f"clb{pid}n"), _device(f"clb{pid}f")
    _ip("link", "set", f"clb{pid}f", "netns", pid)
    _set_up(f"clb{pid}n", near, far)
    _set_up(f"clb{pid}f", far, near, inside=("nsenter", f"--net=/proc/{pid}/ns/net"))
    _carry(here, there)


def _device(name: str) -> int:
    device = os.open(TUN, os.O_RDWR | os.O_NONBLOCK)
    flags = IFF_TUN | IFF_NO_PI | IFF_VNET_HDR
    fcntl.ioctl(device, TUNSETIFF, struct.pack("16sH22x", name.encode(), flags))
    fcntl.ioctl(device, TUNSETOFFLOAD, TUN_F_CSUM | TUN_F_TSO4)
    return device


def _set_up(device: str, own: str, peer: str, inside: tuple[str, ...] = ()) -> None:
    _ip("addr", "add", own, "peer", peer, "dev", device, inside=inside)
    _ip("link", "set", device, "txqueuelen", QUEUE, "up", inside=inside)


def _ip(*words: str, inside: tuple[str, ...] = ()) -> None:
    subprocess.run([*inside, "ip", *words], check=True)


def _carry(here: int, there: int) -> None:
    """Write what either device sends to the other, half a round trip later, for ever."""
    under_way: deque[tuple[float, int, bytes]] = deque()
    while True:
        wait = max(0.0, under_way[0][0] - time.monotonic()) if under_way else None
        readable, _, _ = select.select((here, there), (), (), wait)
        for device in readable:
            packet = os.read(device, BUNDLE)
            due = time.monotonic() + ROUND_TRIP / 2
            under_way.append((due, there if device == here else here, packet))
        now = time.monotonic()
        while under_way and under_way[0][0] <= now:
            _, device, packet = under_way.popleft()
            os.write(device, packet)


if __name__ == "__main__":
    main(*sys.argv[1:])
