"""Lock files, one format a module: what each names, as wants."""

from collections.abc import Callable

from cloche.core.locks import pdm, pipfile, poetry, pylock, uv
from cloche.core.wants import Wants

FORMATS = (pylock, uv, poetry, pdm, pipfile)

Read = Callable[[str], Wants]
"""Read the text. Raise BadRequest when it is no such lock, TooLarge."""


def reader(filename: str) -> Read | None:
    """What reads a file of that name; None for one that is no lock file by its name."""
    return next((each.read for each in FORMATS if each.NAME.search(filename)), None)
