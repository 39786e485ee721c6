"""Two servers that no network joins: what one has is carried to the other, and installed there."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.attestations import attestation, provenance, statement
from tests.clients.client import NewClient
from tests.clients.evidence import installed
from tests.clients.installer import Installer
from tests.packages import Built, sdist, wheel
from tests.server import Cloche
from tests.upstream.controller import Upstream
from tests.web.forms import upload

pytestmark = pytest.mark.clients

JSON = {"Accept": "application/vnd.pypi.simple.v1+json"}
OYSTER = wheel("gap-oyster", "1.0", requires_python=">=3.11")
ACME, ACME_2 = wheel("gap-acme", "1.0", requires=["gap-oyster"]), wheel("gap-acme", "2.0")
GONE = sdist("gap-gone", "1.0")
FAR = """\
[upstream.carried]
kind = "bundle"
trust = ["{key}"]

[index.main]
sources = ["carried"]
default = true
"""


class Gap:
    """The near side, the far side, and what is carried between them."""

    def __init__(self, folder: Path, upstream: Upstream) -> None:
        self.folder = folder
        near = folder / "near.toml"
        near.write_text(f'[upstream.pypi]\nurl = "{upstream.simple}"\n')
        self.near = Cloche(folder / "near", config=near)
        key = self.do(self.near, "key", "create", str(folder / "key")).strip()
        config = folder / "far.toml"
        config.write_text(FAR.format(key=key))
        self.far = Cloche(folder / "far", offline=True, config=config)

    def do(self, server: Cloche, *arguments: str, code: int = 0) -> str:
        done = server.command("bundle", *arguments)
        assert done.returncode == code, done.stderr
        return done.stdout

    def create(self, name: str, *arguments: str) -> str:
        path = str(self.folder / name)
        key = ("--key", str(self.folder / "key"))
        self.do(self.near, "create", path, *key, *settings(self.near), *arguments)
        return path

    def carry(self, name: str, *arguments: str) -> None:
        self.do(self.far, "apply", self.create(name, *arguments), *settings(self.far))

    def mark(self) -> str:
        path = self.folder / "mark.json"
        path.write_text(self.do(self.far, "mark", *settings(self.far)))
        return str(path)


@pytest.fixture
def gap(tmp_path: Path, upstream: Upstream) -> Gap:
    return Gap(tmp_path, upstream)


def test_carried_and_installed(gap: Gap, new_client: NewClient, upstream: Upstream) -> None:
    """Private and public packages install on the far side, with every fact; then the delta."""
    upstream.add(OYSTER)
    upstream.add(wheel("gap-oyster", "0.5"))
    with gap.near as near:
        token = near.first_token
        for built in (ACME, GONE):
            assert upload(near.url, built, token).status == 200
        assert near.get("/simple/gap-oyster/").status == 200
    gap.carry("one")
    here = page(gap.near, "gap-acme"), page(gap.near, "gap-oyster")

    with gap.far as far:
        assert (page_of(far, "gap-acme"), page_of(far, "gap-oyster")) == here
        for name in ("pip", "uv"):
            client = new_client(name)
            target = client.home / "target"
            done = Installer(client).install(far.simple, target, "gap-acme")
            assert done.code == 0, done.output
            assert installed(target) == {"gap-acme": "1.0", "gap-oyster": "1.0"}

        with gap.near as near:
            assert upload(near.url, ACME_2, token).status == 200
        for arguments in (("yank", "gap-acme", "1.0", "--reason", "wet"), ("delete", "gap-gone")):
            more = ("--all",) if arguments[0] == "delete" else ()
            changed = near.command(*arguments, *more, *settings(near))
            assert changed.returncode == 0, changed.stderr
        gap.carry("two", "--since", gap.mark())  # beside the server that runs

        assert page_of(far, "gap-acme") == page(gap.near, "gap-acme")
        assert page_of(far, "gap-acme")["files"][0]["yanked"] == "wet"
        assert far.get("/simple/gap-gone/").status == 404
        done = Installer(new_client("pip")).install(far.simple, gap.folder / "new", "gap-acme")
        assert done.code == 0, done.output
        assert installed(gap.folder / "new") == {"gap-acme": "2.0"}


def test_what_is_lacking(gap: Gap, upstream: Upstream) -> None:
    """The far side says what a lock file names that it has not; the near side brings just that."""
    upstream.add(OYSTER)
    pepper = wheel("gap-pepper", "1.0")
    upstream.add(pepper)
    wanted = gap.folder / "requirements.txt"
    wanted.write_text("gap-oyster==1.0\n")
    gap.carry("one", "--requirements", str(wanted))
    wanted.write_text(
        f"gap-oyster==1.0\ngap-pepper==1.0 --hash=sha256:{pepper.sha256}\ngap-none==1\n"
    )
    asked = ("lacks", "--requirements", str(wanted), *settings(gap.far))

    lacking = gap.folder / "lacking.txt"
    lacking.write_text(gap.do(gap.far, *asked, code=1))
    assert lacking.read_text() == (f"gap-pepper==1.0 --hash=sha256:{pepper.sha256}\ngap-none==1\n")
    done = gap.near.command(
        *("bundle", "create", str(gap.folder / "two"), "--lacking", str(lacking)),
        *("--since", gap.mark(), "--key", str(gap.folder / "key"), "--json"),
        *settings(gap.near),
    )
    assert done.returncode == 1, done.stderr  # one of them is nowhere
    events = [json.loads(line) for line in done.stdout.splitlines()]
    assert [event["event"] for event in events] == ["lacking", "made"]
    assert (events[0]["project"], events[1]["projects"], events[1]["brought"]) == ("gap-none", 2, 2)
    gap.do(gap.far, "apply", str(gap.folder / "two"), *settings(gap.far))
    wanted.write_text(wanted.read_text().replace("gap-none==1\n", ""))
    assert gap.do(gap.far, *asked) == ""


def has_networks() -> bool:
    """Whether a process here may have a network of its own."""
    if sys.platform != "linux" or shutil.which("unshare") is None or shutil.which("ip") is None:
        return False
    tried = subprocess.run(["unshare", "--net", "true"], check=False, capture_output=True)
    return tried.returncode == 0


# Two folders show the same above, wherever the kernel gives this process no network of its own.
@pytest.mark.skipif(not has_networks(), reason="a network of one's own takes privileges")
def test_without_a_network(gap: Gap, upstream: Upstream) -> None:
    """In a network namespace of its own the far side applies, serves pip and uv, and the delta."""
    upstream.add(OYSTER)
    (gap.folder / "requirements.txt").write_text("gap-acme==2.0\n")
    with gap.near as near:
        token = near.first_token
        assert upload(near.url, ACME, token).status == 200
        assert near.get("/simple/gap-oyster/").status == 200
    one = gap.create("one")
    with gap.near as near:
        assert upload(near.url, ACME_2, token).status == 200
    gap.create("two", "--since", one)

    done = subprocess.run(
        [
            "unshare",
            "--net",
            sys.executable,
            "-m",
            "tests.clients.beyond",
            gap.folder,
            upstream.url,
        ],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    both = {"gap-acme": "1.0", "gap-oyster": "1.0"}
    assert json.loads(done.stdout.splitlines()[-1]) == {
        "reached": False,
        "lacking": "gap-acme==2.0\n",
        "pip": both,
        "uv": both,
        "then": {"gap-acme": "2.0"},
        "lacking then": "",
    }


def test_who_signed_is_carried(gap: Gap, upstream: Upstream) -> None:
    """The far side has the provenance of uploads and of upstreams' files; no delta has it again."""
    body = provenance(attestation(statement(OYSTER)))
    where = upstream.add(Built("gap.provenance", body, b"", "side", "1.0"), metadata=False)
    upstream.add(OYSTER, provenance=upstream.url + where)
    said = json.dumps([attestation(statement(ACME))])
    with gap.near as near:
        token = near.first_token
        assert upload(near.url, ACME, token, attestations=said).status == 200
        assert near.get("/simple/gap-oyster/").status == 200
        mine = near.get(proven(ACME)).body
    gap.carry("one")

    with gap.far as far:
        assert [far.get(proven(each)).body for each in (ACME, OYSTER)] == [mine, body]
        address = str(listed(far, OYSTER)["provenance"])
        assert far.get(address.removeprefix(far.url)).body == body
    with gap.near as near:
        assert upload(near.url, ACME_2, token).status == 200
    gap.create("two", "--since", gap.mark())
    done = gap.near.command("bundle", "verify", str(gap.folder / "two"), "--allow-unsigned")
    assert " 2 files of " in done.stdout  # the new wheel and its metadata
    gap.do(gap.far, "apply", str(gap.folder / "two"), *settings(gap.far))
    with gap.far as far:
        assert [far.get(proven(each)).body for each in (ACME, OYSTER)] == [mine, body]


def proven(built: Built) -> str:
    return f"/integrity/{built.project}/{built.version}/{built.filename}/provenance"


def listed(server: Cloche, built: Built) -> dict[str, object]:
    """The file on its project's page."""
    [file] = [
        file
        for file in page_of(server, built.project)["files"]
        if file["filename"] == built.filename
    ]
    return file


def settings(server: Cloche) -> tuple[str, ...]:
    return ("--data", str(server.data), "--config", str(server.config))


def page_of(server: Cloche, project: str) -> dict[str, list[dict[str, object]]]:
    """What a page says, but for its server's own serial."""
    said = json.loads(server.get(f"/simple/{project}/", JSON).body)
    said["meta"].pop("_last-serial", None)
    answer: dict[str, list[dict[str, object]]] = said
    return answer


def page(server: Cloche, project: str) -> dict[str, list[dict[str, object]]]:
    with server:
        return page_of(server, project)
