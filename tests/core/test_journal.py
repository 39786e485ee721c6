from typing import Any

import pytest

from cloche.core.journal import Change, Event, as_pypi_says
from cloche.core.model import ProjectName
from tests.fakes import NOW


def event(action: str, **other: Any) -> Event:
    facts = {"version": "1.0", "filename": "demo-1.0-py2.py3-none-any.whl", **other}
    return Event(
        serial=7,
        at=NOW,
        who="alice",
        action=action,
        place="main",
        project=ProjectName("demo"),
        **facts,
    )


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (
            event(Change.FILE_UPLOADED, opens_project=True, opens_version=True),
            ["create", "new release", "add py2.py3 file demo-1.0-py2.py3-none-any.whl"],
        ),
        (
            event(Change.FILE_UPLOADED, filename="demo-1.0.tar.gz"),
            ["add source file demo-1.0.tar.gz"],
        ),
        (event(Change.FILE_UPLOADED, filename="odd"), ["add any file odd"]),
        (event(Change.FILE_DELETED, filename="demo-1.0.zip"), ["remove file demo-1.0.zip"]),
        (event(Change.PAGE_GONE, version=None), ["remove project"]),
        (event(Change.PAGE_CHANGED, version=None, opens_project=True), ["create", "page changed"]),
        (event(Change.FILE_YANKED, filename="demo-1.0.zip"), ["yank file demo-1.0.zip"]),
        (event(Change.VERSION_YANKED, filename=None), ["yank release"]),
        (event(Change.VERSION_UNYANKED, filename=None), ["unyank release"]),
        (event(Change.STATUS_CHANGED, version=None), ["status changed"]),
    ],
)
def test_changes_in_pypi_s_words(said: Event, words: list[str]) -> None:
    """Each change is told as PyPI's changelog would tell it, or as the journal does."""
    assert list(as_pypi_says(said)) == words
