"""A real S3 server: Ceph's gateway over one monitor and one object store that lives in memory."""

import http.client
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import msgspec
from obstore.store import S3Store

from tests import children
from tests.ports import free_port
from tests.services.daemons import Runner, ServiceFailed, listens, program, started
from tests.services.signing import REGION, signed_headers

CONFIGURATION = """\
[global]
fsid = {fsid}
run dir = {folder}
crash dir = {folder}
admin socket = {folder}/$name.sock
log file = {folder}/$name.log
mon data = {folder}/mon
osd data = {folder}/osd
rgw data = {folder}/rgw

mon host = [v2:127.0.0.1:{port}]
mon initial members = a
public addr = 127.0.0.1
cluster addr = 127.0.0.1
ms bind ipv6 = false
ms bind msgr1 = false

auth cluster required = none
auth service required = none
auth client required = none
# The gateway asks for encryption unless told otherwise, and there is none without cephx keys:
# it would try for ever.
ms mon client mode = crc

# Each pool of the gateway takes a few rounds of agreement, and a round by default a second:
# with these the start takes one second, not twelve.
paxos propose interval = 0.05
paxos min wait = 0.01
mon tick interval = 1

osd objectstore = memstore
memstore device bytes = 8589934592
osd crush chooseleaf type = 0
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 4
osd pool default pgp num = 4
osd pool default pg autoscale mode = off
mon allow pool size one = true
mon max pg per osd = 1000
mon data avail crit = 1
rgw thread pool size = 32
"""


class Server(msgspec.Struct, frozen=True):
    """A running gateway, and the keys of its one user."""

    endpoint: str
    access_key: str
    secret_key: str

    def bucket(self) -> "Bucket":
        """Make a new, empty bucket."""
        name = f"test-{uuid.uuid4().hex}"
        status, said = self.ask("PUT", f"/{name}")
        if status != 200:
            raise ServiceFailed(f"no bucket: {status} {said.decode()}")
        return Bucket(self.endpoint, name, self.access_key, self.secret_key)

    def knows_us(self) -> bool:
        """Say whether it answers, and is the server of these keys and not another's."""
        try:
            return self.ask("GET", "/")[0] == 200
        except (OSError, http.client.HTTPException):
            return False

    def ask(self, method: str, path: str) -> tuple[int, bytes]:
        """Send a signed request without a body, and return the status and body of the answer."""
        headers = signed_headers(method, self.endpoint + path, self.access_key, self.secret_key)
        host = self.endpoint.removeprefix("http://")
        with closing(http.client.HTTPConnection(host, timeout=60)) as connection:
            connection.request(method, path, headers=headers)
            with connection.getresponse() as response:
                return response.status, response.read()


@dataclass(frozen=True, slots=True)
class Bucket:
    """A bucket, and all that a client needs to use it."""

    endpoint: str
    bucket: str
    access_key: str
    secret_key: str
    region: str = REGION

    @property
    def url(self) -> str:
        return f"s3://{self.bucket}"

    @property
    def environment(self) -> dict[str, str]:
        """The variables by which S3 clients commonly learn all but the bucket."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_ACCESS_KEY_ID": self.access_key,
            "AWS_SECRET_ACCESS_KEY": self.secret_key,
            "AWS_REGION": self.region,
            "AWS_ALLOW_HTTP": "true",
        }

    def store(self, prefix: str | None = None) -> S3Store:
        """Open the bucket with obstore."""
        return S3Store(
            self.bucket,
            prefix=prefix,
            endpoint=self.endpoint,
            access_key_id=self.access_key,
            secret_access_key=self.secret_key,
            region=self.region,
            virtual_hosted_style_request=False,
            client_options={"allow_http": True},
        )


@contextmanager
def s3_server() -> Iterator[Server]:
    """Run a gateway in a process of its own."""
    child = children.Child(__name__)
    try:
        yield msgspec.json.decode(child.said, type=Server)
    finally:
        child.close()


@contextmanager
def gateway(folder: Path) -> Iterator[Server]:
    """Run the monitor, the object store and the gateway, with all their data in the folder."""
    port = free_port()
    configuration = folder / "ceph.conf"
    fsid = str(uuid.uuid4())
    configuration.write_text(CONFIGURATION.format(folder=folder, fsid=fsid, port=port))
    runner = Runner(folder / "log", environment={"CEPH_CONF": str(configuration)})
    for name in ("mon", "osd", "rgw"):
        (folder / name).mkdir()
    with ExitStack() as stack:
        stack.enter_context(_monitor(runner, folder, fsid, port))
        stack.enter_context(_object_store(runner))
        yield stack.enter_context(_gateway(runner))


@contextmanager
def _monitor(runner: Runner, folder: Path, fsid: str, port: int) -> Iterator[None]:
    where = ("--addv", "a", f"[v2:127.0.0.1:{port}]")
    runner.tool(program("monmaptool"), "--create", "--fsid", fsid, *where, folder / "map")
    runner.tool(program("ceph-mon"), "--mkfs", "-i", "a", "--monmap", folder / "map")
    with runner.daemon(program("ceph-mon"), "-f", "-i", "a") as monitor:
        runner.wait(lambda: listens(port), monitor)
        yield


@contextmanager
def _object_store(runner: Runner) -> Iterator[None]:
    identity = str(uuid.uuid4())
    _ceph(runner, "osd", "new", identity)
    runner.tool(program("ceph-osd"), "--mkfs", "-i", "0", "--osd-uuid", identity)
    _ceph(runner, "osd", "crush", "add", "osd.0", "1.0", "host=localhost", "root=default")
    with runner.daemon(program("ceph-osd"), "-f", "-i", "0"):
        yield


@contextmanager
def _gateway(runner: Runner) -> Iterator[Server]:
    port = free_port()
    server = Server(f"http://127.0.0.1:{port}", uuid.uuid4().hex[:20], uuid.uuid4().hex)
    keys = ("--access-key", server.access_key, "--secret-key", server.secret_key)
    who = ("--uid=tests", "--display-name=tests")
    runner.tool(program("radosgw-admin"), "user", "create", *who, *keys)
    front = f"beast endpoint=127.0.0.1:{port} tcp_nodelay=1"
    command = (program("radosgw"), "-f", "-n", "client.rgw", "--rgw-frontends", front)
    with runner.daemon(*command) as process:
        runner.wait(server.knows_us, process)
        yield server


def _ceph(runner: Runner, *arguments: str) -> None:
    runner.tool(program("ceph"), "--connect-timeout", "20", *arguments)


def main() -> None:
    children.end_at_sigterm()
    with tempfile.TemporaryDirectory(prefix="cloche-s3-") as folder, ExitStack() as stack:
        server = started(stack, lambda: gateway(Path(tempfile.mkdtemp(dir=folder))))
        children.serve(msgspec.json.encode(server).decode())


if __name__ == "__main__":
    main()
