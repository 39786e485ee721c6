"""What people read when they make the most common mistakes is what the page on errors says."""

from pathlib import Path

import pytest

from tests.clients.client import NewClient
from tests.clients.matrix.kitchen import Kitchen
from tests.clients.mistakes.mistakes import MISTAKES
from tests.clients.mistakes.model import Attempt, said
from tests.clients.mistakes.page import NAME, PAGE, put, texts
from tests.clients.record import Seen

ATTEMPTS = [(mistake, one) for mistake, attempts in MISTAKES.items() for one in attempts]


@pytest.mark.clients
@pytest.mark.parametrize(
    ("mistake", "attempt"), [pytest.param(*one, id=f"{one[0]}-{one[1].title}") for one in ATTEMPTS]
)
def test_people_read_what_the_page_says(
    *,
    mistake: str,
    attempt: Attempt,
    new_client: NewClient,
    kitchen: Kitchen,
    tmp_path: Path,
    seen: Seen,
) -> None:
    """A client fails at the mistake, and its last words are those on the page."""
    outcome = attempt.run(new_client(attempt.name), tmp_path, kitchen)

    assert outcome.code != 0, outcome.output
    words = said(outcome, tmp_path, kitchen)
    if seen(NAME, mistake, attempt.title, words):
        assert texts(PAGE.read_text())[mistake, attempt.title] == words


def test_the_page_has_every_mistake() -> None:
    """Each mistake is a section, each attempt a block that is not empty, and none is left over."""
    found = texts(PAGE.read_text())

    assert set(found) == {(mistake, one.title) for mistake, one in ATTEMPTS}
    assert all(found.values())


def test_other_words_change_the_page() -> None:
    """What a client says stands in its block under its mistake, and nowhere else."""
    page = PAGE.read_text()
    block = ATTEMPTS[0][0], ATTEMPTS[0][1].title

    changed = texts(put(page, {block: "changed\n"}))

    assert changed == {**texts(page), block: "changed\n"}
