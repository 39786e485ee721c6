"""What the matrix of clients is made of: actions, findings, and rows that can or cannot."""

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import ClassVar

from tests.clients.client import ROOT, Client, Outcome
from tests.clients.evidence import digests
from tests.packages import Built, sdist, wheel
from tests.server import Cloche

Environment = Mapping[str, str] | None


class Finding(StrEnum):
    """What a run of one action by one client showed."""

    YES = "yes"
    SILENT = "silent"
    SENTENCE = "sentence"
    STATUS = "status"
    OWN_WORDS = "own words"


class Installing(StrEnum):
    """The columns of clients that install, by their headings."""

    INSTALL = "install"
    LOCK = "lock"
    DOWNLOAD = "download"
    OFFLINE = "offline"
    HASHES = "hashes"
    DATE = "date"
    YANKED = "yanked pin"
    PRIVATE = "private and public"
    URL = "URL"
    NETRC = "netrc"
    KEYRING = "keyring"
    WRONG = "wrong password"
    FORBIDDEN = "403"
    UNKNOWN = "unknown"


class Uploading(StrEnum):
    """The columns of clients that upload, by their headings."""

    UPLOAD = "upload"
    AGAIN = "again"
    SKIP = "skip existing"
    NETRC = "netrc"
    KEYRING = "keyring"
    WRONG = "wrong password"
    FORBIDDEN = "403"
    TAKEN = "name taken"


Action = Installing | Uploading

NO_MEANS = "the client has no means for this: its row says why, in `cannot`, and is not asked"


def days_ago(days: int) -> str:
    """Return the date of that day, as options take it."""
    return f"{datetime.now(UTC) - timedelta(days=days):%Y-%m-%d}"


class Row(ABC):
    """A client at work, in a home and a folder of its own."""

    title: ClassVar[str]
    """As people know it."""
    name: ClassVar[str]
    """Its environment: .venvs/NAME, of requirements/clients/NAME.txt."""
    project: ClassVar[str]
    """Whose version in the lock is the client's."""
    cannot: ClassVar[Mapping[str, str]] = {}
    """The actions that the client has no means for, and why."""

    def __init__(self, client: Client, folder: Path) -> None:
        self.client = client
        self.folder = folder

    @classmethod
    def missing(cls) -> str | None:
        """Tell why the client is not here, if it cannot be."""
        reason = ROOT / ".venvs" / cls.name / "why-not"
        return reason.read_text() if reason.exists() else None


class Installer(Row):
    """A client that installs from one index."""

    @abstractmethod
    def install(self, index: str, *wanted: str, env: Environment = None) -> Outcome:
        """Install what is wanted, however that ends."""

    @abstractmethod
    def installed(self) -> dict[str, str]:
        """Return what `install` has installed: versions by names."""

    def lock(self, index: str, wanted: str) -> str:
        """Lock what is wanted and all it needs, and return the lock file."""
        raise NotImplementedError(NO_MEANS)  # some clients cannot, by design

    def download(self, index: str, wanted: str) -> Path:
        """Download what is wanted and all it needs, and return the folder that it lies in."""
        raise NotImplementedError(NO_MEANS)  # some clients cannot, by design

    def hashed(self, index: str, *wanted: Built) -> Outcome:
        """Install these, and no other bytes than these."""
        raise NotImplementedError(NO_MEANS)  # some clients cannot, by design

    def older_than(self, days: int, index: str, wanted: str) -> Outcome:
        """Install what there was so many days ago."""
        raise NotImplementedError(NO_MEANS)  # some clients cannot, by design

    def install_by_keyring(self, index: str, wanted: str, env: Environment) -> Outcome:
        """Install with the password that the keyring has for the user in the index's URL."""
        return self.install(index, wanted, env=env)


class Uploader(Row):
    """A client that uploads the wheel and the sdist of one project."""

    skips_other_bytes: ClassVar[bool] = False
    """Whether its way to skip what exists goes by the name alone."""

    def __init__(self, client: Client, folder: Path) -> None:
        super().__init__(client, folder)
        # One for each folder, for the cells share a server.
        self.distribution = "acme-" + hashlib.sha256(bytes(folder)).hexdigest()[:8]

    @property
    def dist(self) -> Path:
        return self.folder / "dist"

    def build(self, body: str = "") -> None:
        """Make what is to be uploaded, and nothing besides."""
        self.dist.mkdir(exist_ok=True)
        for make in (wheel, sdist):
            make(self.distribution, "1.0", body=body.encode()).write(self.dist)

    def built(self) -> dict[str, str]:
        """Return the SHA-256 of each file that `upload` uploads, by its name."""
        return digests(self.dist)

    @abstractmethod
    def upload(
        self, repository: str, user: str, password: str | None, env: Environment = None
    ) -> Outcome:
        """Upload what is built; without a password, the client must find one by itself."""

    def skip(self, server: Cloche, user: str, password: str) -> Outcome:
        """Upload what is built and not there, by the client's means for that."""
        raise NotImplementedError(NO_MEANS)  # some clients cannot, by design

    def service(self, repository: str) -> str:
        """Return what the client's keyring has the password under."""
        return repository
