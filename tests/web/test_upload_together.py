"""Many uploads of one release at the same moment."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.packages import sdist, wheel
from tests.server import Cloche
from tests.web.answers import listed
from tests.web.forms import upload

MANY = 20


def test_files_of_one_release_at_once(tmp_path: Path) -> None:
    """Twenty files of one release, uploaded at once to two workers, are all published."""
    files = [wheel("together", "1.0", tag=f"py3-none-plat_{n}") for n in range(MANY - 1)]
    files.append(sdist("together", "1.0"))
    with Cloche(tmp_path / "data", workers=2, offline=True) as server:
        token = server.first_token
        with ThreadPoolExecutor(MANY) as pool:
            replies = list(pool.map(lambda built: upload(server.url, built, token), files))

        assert [reply.status for reply in replies] == [200] * MANY
        assert set(listed(server, "together")) == {built.filename for built in files}
        for built in files:
            place = f"/packages/main/together/{built.sha256}/{built.filename}"
            assert server.get(place).body == built.content
