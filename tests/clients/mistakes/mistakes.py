"""The most common mistakes, by the headings that they have on the page."""

from collections.abc import Callable, Sequence

from tests.clients.matrix.installing import WRONG_TOKEN
from tests.clients.matrix.kitchen import Kitchen
from tests.clients.matrix.rows.pip import Pip
from tests.clients.matrix.rows.poetry import PoetryInstaller, PoetryUploader
from tests.clients.matrix.rows.twine import Twine
from tests.clients.matrix.rows.uv import UvInstaller, UvUploader
from tests.clients.mistakes.model import PROJECT, Attempt, install, upload
from tests.packages import Built, wheel

GOOD = wheel(PROJECT, "1.0")
OTHER = wheel(PROJECT, "1.0", body=b"other = True\n")
RENAMED = Built("oyster-2.0-py3-none-any.whl", GOOD.content, GOOD.metadata, PROJECT, "2.0")
UNSOUND = wheel(PROJECT, "1.0", requires_python="soon")
LARGE = wheel(PROJECT, "1.0", size=200_000)


def _installs(
    wanted: str, index: Callable[[Kitchen], str], *, poetry: bool = True
) -> list[Attempt]:
    attempts = [
        install(f"pip install {wanted}", Pip, wanted, index),
        install(f"uv pip install {wanted}", UvInstaller, wanted, index),
    ]
    if poetry:
        attempts.append(install("poetry install", PoetryInstaller, wanted, index))
    return attempts


def _uploads(
    *tries: Sequence[Built], password: Callable[[Kitchen], str], poetry: bool = True
) -> list[Attempt]:
    attempts = [
        upload("twine upload dist/*", Twine, password, *tries),
        upload("uv publish", UvUploader, password, *tries),
    ]
    if poetry:
        attempts.append(upload("poetry publish", PoetryUploader, password, *tries))
    return attempts


def _main(kitchen: Kitchen) -> str:
    return kitchen.server.simple


def _outage(kitchen: Kitchen) -> str:
    return f"{kitchen.server.url}/outage/simple/"


def _careful(kitchen: Kitchen) -> str:
    return f"{kitchen.server.url}/careful/simple/"


def _wrong(_: Kitchen) -> str:
    return WRONG_TOKEN


def _right(kitchen: Kitchen) -> str:
    return kitchen.uploading


MISTAKES: dict[str, list[Attempt]] = {
    "Wrong password": [
        *_installs("salt", lambda kitchen: kitchen.by_url(WRONG_TOKEN)),
        *_uploads([GOOD], password=_wrong),
    ],
    "No permission": [
        *_installs("salt", lambda kitchen: kitchen.by_url(kitchen.reading)),
        *_uploads([GOOD], password=lambda kitchen: kitchen.reading),
    ],
    "Name taken": _uploads([GOOD], [OTHER], password=_right),
    "Bad filename": _uploads([RENAMED], password=_right, poetry=False),
    "Bad metadata": _uploads([UNSOUND], password=_right, poetry=False),
    "Digest mismatch": _installs("vinegar", _main),
    "Too large": _uploads([LARGE], password=_right, poetry=False),
    "Unknown project": _installs("caviar", _main, poetry=False),
    "Upstream down": _installs("salt", _outage),
    "Blocked by a rule": _installs("salt", _careful),
    "Quarantined project": _installs("mushrooms", _main, poetry=False),
}
