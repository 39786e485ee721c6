"""The matrix: what each client that uploads does with this server."""

from pathlib import Path

import pytest

from tests.clients.client import NewClient
from tests.clients.matrix.kitchen import Kitchen
from tests.clients.matrix.model import Uploader, Uploading
from tests.clients.matrix.page import PAGE, label
from tests.clients.matrix.tables import UPLOADING
from tests.clients.matrix.uploading import CELLS
from tests.clients.record import Seen

pytestmark = pytest.mark.clients


@pytest.mark.parametrize(
    ("row", "action"),
    [
        pytest.param(row, action, id=f"{row.name}-{action.name}")
        for row in UPLOADING.rows
        for action in CELLS
        if action not in row.cannot
    ],
)
def test_the_client_does_what_the_page_says(
    *,
    row: type[Uploader],
    action: Uploading,
    new_client: NewClient,
    kitchen: Kitchen,
    tmp_path: Path,
    seen: Seen,
) -> None:
    """A client's run of one action ends as the page on clients says."""
    if reason := row.missing():
        pytest.skip(reason)  # no Python here that this client runs on: `make test` has said which
    found = CELLS[action](row(new_client(row.name), tmp_path), kitchen)

    known = UPLOADING.findings(PAGE.read_text())
    name = label(row, (client for client, _ in known))
    if seen(UPLOADING.name, name, action, found):
        assert known.get((name, action)) == found
