"""A mistake that people make, and what they read of it."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from tests.clients.client import Client, Outcome
from tests.clients.matrix.kitchen import Kitchen
from tests.clients.matrix.model import Installer, Uploader
from tests.clients.matrix.uploading import USER
from tests.packages import Built

PROJECT = "oyster"
"""What is uploaded by mistake."""

_HOST = "cloche.example"
_SAME = (
    (r"host='127\.0\.0\.1', port=\d+", f"host='{_HOST}', port=80"),
    (r"\btoken-[0-9a-f]+", "token-…"),
    # RFC 9110 renamed 413; Python knows the new name since 3.13.
    (r"(Request Entity|Payload) Too Large", "Content Too Large"),
    (r"(?<=retry in )[\d.]+s", "…"),
    (r"cloche_[\w~.-]{6,}", "cloche_…"),
    (r"\b[0-9a-f]{64}\b", "…"),
    (r"[ \t]+$", ""),
)
_NOISE = re.compile(
    r"Looking in indexes|Collecting |  Downloading |Using (CPython|Python) |Publishing |Hashing "
    r"|Uploading |Updating dependencies|Resolving dependencies|Resolved |Creating virtualenv"
    r"| *\d+% | - Uploading .*\d+%$|$"
)


@dataclass(frozen=True, slots=True)
class Attempt:
    """What one client does, and how people type it."""

    typed: str
    run: Callable[[Client, Path, Kitchen], Outcome]
    name: str
    """The client's environment."""

    @property
    def title(self) -> str:
        """The attempt, as the block of the page is called."""
        return " ".join(self.typed.split()[:2])


def install(
    typed: str, row: type[Installer], wanted: str, index: Callable[[Kitchen], str]
) -> Attempt:
    """Make the attempt to install something from an index."""

    def run(client: Client, folder: Path, kitchen: Kitchen) -> Outcome:
        return row(client, folder).install(index(kitchen), wanted)

    return Attempt(typed, run, row.name)


def upload(
    typed: str, row: type[Uploader], password: Callable[[Kitchen], str], *tries: Sequence[Built]
) -> Attempt:
    """Make the attempt to upload files; all tries but the last have been before."""

    def run(client: Client, folder: Path, kitchen: Kitchen) -> Outcome:
        uploader = row(client, folder)
        uploader.distribution = PROJECT
        uploader.dist.mkdir()
        outcomes = []
        for files in tries:
            for built in files:
                built.write(uploader.dist)
            repository = kitchen.server.legacy
            outcomes.append(uploader.upload(repository, USER, password(kitchen)))
        assert all(before.code == 0 for before in outcomes[:-1]), outcomes
        return outcomes[-1]

    return Attempt(typed, run, row.name)


def said(outcome: Outcome, folder: Path, kitchen: Kitchen) -> str:
    """Return what the client said in the end, without what differs from run to run."""
    text = outcome.output.replace("\r", "\n").replace(f"{folder}/", "")
    text = text.replace(urlsplit(kitchen.server.url).netloc, _HOST)
    for pattern, same in _SAME:
        text = re.sub(pattern, same, text, flags=re.MULTILINE)
    # poetry quotes the code that raised the error.
    text = re.sub(r"^  at /.*?(?=^Cannot install)", "", text, flags=re.MULTILINE | re.DOTALL)
    # twine wraps at 80 characters, wherever they end.
    text = re.sub(r"\n {9}(?=\S)", " ", text)
    return "".join(f"{line}\n" for line in text.splitlines() if not _NOISE.match(line))
