"""What a client that installs is asked to do, one function a column."""

from collections.abc import Callable, Mapping
from urllib.parse import urlsplit

from tests.clients import menu
from tests.clients.client import Client, Outcome
from tests.clients.evidence import digests, promised
from tests.clients.matrix import kitchen
from tests.clients.matrix.keyring import keep
from tests.clients.matrix.kitchen import Kitchen
from tests.clients.matrix.model import Finding, Installer, Installing
from tests.packages import wheel

SALT = {"salt": "1.0"}
WRONG_TOKEN = "cloche_made-up"  # noqa: S105


def install(client: Installer, kitchen: Kitchen) -> Finding:
    """A public project, with all that it needs, an sdist among it."""
    return _installs(client, client.install(kitchen.server.simple, "breakfast"), menu.VERSIONS)


def lock(client: Installer, kitchen_: Kitchen) -> Finding:
    """A lock has the upstream's digests."""
    locked = client.lock(kitchen_.server.simple, "breakfast")
    assert [one.filename for one in kitchen.MEAL if one.sha256 not in locked] == []
    return Finding.YES


def download(client: Installer, kitchen_: Kitchen) -> Finding:
    """What is downloaded is the upstream's, byte for byte."""
    got = digests(client.download(kitchen_.server.simple, "breakfast"))
    assert got == promised(*kitchen.MEAL)
    return Finding.YES


def offline(client: Installer, kitchen: Kitchen) -> Finding:
    """What another client once fetched installs from a server that is cut off."""
    return _installs(client, client.install(kitchen.offline.simple, "breakfast"), menu.VERSIONS)


def hashes(client: Installer, kitchen: Kitchen) -> Finding:
    """The upstream's digests are accepted, and those of other bytes are not."""
    other = client.hashed(kitchen.server.simple, wheel("salt", "1.0", body=b"other = True\n"))
    assert other.code != 0, other.output
    assert client.installed() == {}
    return _installs(client, client.hashed(kitchen.server.simple, menu.SALT), SALT)


def date(client: Installer, kitchen: Kitchen) -> Finding:
    """What is newer than a day is passed over."""
    outcome = client.older_than(1, kitchen.server.simple, "mustard")
    return _installs(client, outcome, {"mustard": "1.0"})


def yanked(client: Installer, kitchen_: Kitchen) -> Finding:
    """A yanked version installs where it is pinned."""
    outcome = client.install(kitchen_.server.simple, "pepper==2.0")
    _installs(client, outcome, {"pepper": "2.0"})
    return Finding.YES if kitchen.REASON in outcome.words else Finding.SILENT


def private_and_public(client: Installer, kitchen: Kitchen) -> Finding:
    """A private project comes from the URL that its public needs come from; no stranger's does."""
    outcome = client.install(kitchen.server.simple, "acme")
    return _installs(client, outcome, {"acme": "1.0", **SALT})


def by_url(client: Installer, kitchen: Kitchen) -> Finding:
    """The token in the URL opens pages, metadata and files."""
    return _installs(client, client.install(kitchen.by_url(kitchen.private), "salt"), SALT)


def by_netrc(client: Installer, kitchen: Kitchen) -> Finding:
    """So does the token in ~/.netrc."""
    write_netrc(client.client, kitchen.closed, kitchen.private)
    return _installs(client, client.install(kitchen.closed, "salt"), SALT)


def by_keyring(client: Installer, kitchen: Kitchen) -> Finding:
    """So does the token in the keyring."""
    env = keep(client.client, urlsplit(kitchen.closed).netloc, "__token__", kitchen.private)
    outcome = client.install_by_keyring(kitchen.by_user, "salt", env)
    return _installs(client, outcome, SALT)


def wrong(client: Installer, kitchen: Kitchen) -> Finding:
    """A token that nobody made installs nothing."""
    outcome = client.install(kitchen.by_url(WRONG_TOKEN), "salt")
    return _fails(client, outcome, 401, "this token is unknown, expired or revoked")


def forbidden(client: Installer, kitchen: Kitchen) -> Finding:
    """A token of another index installs nothing."""
    outcome = client.install(kitchen.by_url(kitchen.reading), "salt")
    return _fails(client, outcome, 403, "may not read in index private")


def unknown(client: Installer, kitchen: Kitchen) -> Finding:
    """What nobody has is not found."""
    outcome = client.install(kitchen.server.simple, "caviar")
    return _fails(client, outcome, 404, "index main has no project caviar")


CELLS: Mapping[Installing, Callable[[Installer, Kitchen], Finding]] = {
    Installing.INSTALL: install,
    Installing.LOCK: lock,
    Installing.DOWNLOAD: download,
    Installing.OFFLINE: offline,
    Installing.HASHES: hashes,
    Installing.DATE: date,
    Installing.YANKED: yanked,
    Installing.PRIVATE: private_and_public,
    Installing.URL: by_url,
    Installing.NETRC: by_netrc,
    Installing.KEYRING: by_keyring,
    Installing.WRONG: wrong,
    Installing.FORBIDDEN: forbidden,
    Installing.UNKNOWN: unknown,
}


def write_netrc(client: Client, url: str, password: str) -> None:
    """Give the client's user a ~/.netrc with the password for the URL's host."""
    file = client.home / ".netrc"
    host = urlsplit(url).hostname
    file.write_text(f"machine {host}\nlogin __token__\npassword {password}\n")
    file.chmod(0o600)


def told(outcome: Outcome, status: int, sentence: str) -> Finding:
    """What a client that failed tells its user of the server's answer."""
    if sentence in outcome.words:
        return Finding.SENTENCE
    return Finding.STATUS if outcome.names(status) else Finding.OWN_WORDS


def _installs(client: Installer, outcome: Outcome, expected: dict[str, str]) -> Finding:
    assert outcome.code == 0, outcome.output
    assert expected.items() <= client.installed().items(), outcome.output
    return Finding.YES


def _fails(client: Installer, outcome: Outcome, status: int, sentence: str) -> Finding:
    assert outcome.code != 0, outcome.output
    assert not {"salt", "caviar"} & set(client.installed())
    return told(outcome, status, sentence)
