"""Who fetched what, over HTTP: for those who manage what they ask about."""

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.packages import Built, wheel
from tests.server import Cloche
from tests.waiting import until
from tests.web.api.managing import ROOT, Manager
from tests.web.forms import upload
from tests.web.tokens import granted

ACCESS = f"{ROOT}/access"
OLD, NEW = wheel("aa-demo", "1.0"), wheel("aa-demo", "2.0")


@pytest.fixture(scope="module")
def fetched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloche]:
    """A server from which two releases were fetched, one twice and from two indexes."""
    folder: Path = tmp_path_factory.mktemp("access")
    config = folder / "cloche.toml"
    config.write_text('[index.main]\nuploads = true\n[index.team]\nsources = ["main"]\n')
    with Cloche(folder / "data", config=config) as server:
        for built in (OLD, NEW):
            upload(server.url, built, granted(server.data, "upload"))
        for built, index in ((OLD, "main"), (NEW, "main"), (OLD, "team")):
            assert server.get(place(built, index), {"User-Agent": "pip/26.0"}).status == 200
        admin = Manager(server, granted(server.data, "admin", index="*"))
        until(lambda: len(admin.get(ACCESS)["entries"]) == 3)
        yield server


def place(built: Built, index: str) -> str:
    return f"/packages/{index}/{built.project}/{built.sha256}/{built.filename}"


def versions(server: Cloche, query: str) -> list[str]:
    admin = Manager(server, granted(server.data, "admin", index="*"))
    return [entry["version"] for entry in admin.get(f"{ACCESS}?{query}")["entries"]]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("project=AA_demo", ["1.0", "2.0", "1.0"]),
        ("project=aa-demo&version=v2.0", ["2.0"]),
        (f"filename={OLD.filename}", ["1.0", "1.0"]),
        (f"digest=sha256:{NEW.sha256.upper()}", ["2.0"]),
        ("index=team", ["1.0"]),
        ("since=2020-01-01&limit=2", ["1.0", "2.0"]),
        (f"since={quote('2999-01-01T00:00Z')}", []),
        ("project=aa-nobody", []),
    ],
)
def test_what_is_meant(fetched: Cloche, query: str, found: list[str]) -> None:
    """Entries are found by project, version, file, digest, index and time, the newest first."""
    assert versions(fetched, query) == found


def test_an_entry(fetched: Cloche) -> None:
    """It says when, which file of which index, from where, and with which client."""
    admin = Manager(fetched, granted(fetched.data, "admin", index="*"))
    (entry,) = admin.get(f"{ACCESS}?index=team")["entries"]

    assert entry.pop("number") > 0
    assert entry.pop("at").startswith("20")
    assert entry == {
        "index": "team",
        "project": "aa-demo",
        "version": "1.0",
        "filename": OLD.filename,
        "digest": OLD.sha256,
        "who": None,
        "address": "127.0.0.1",
        "client": "pip 26.0",
    }


def test_pages(fetched: Cloche) -> None:
    """`next` leads through all of them."""
    admin = Manager(fetched, granted(fetched.data, "admin", index="*"))
    first = admin.get(f"{ACCESS}?limit=2")
    last = admin.get(f"{ACCESS}?limit=2&before={first['next']}")

    assert [len(first["entries"]), len(last["entries"])] == [2, 1]
    assert last["next"] is None


def test_who_may_ask(fetched: Cloche) -> None:
    """It takes admin on the index that is named, and on every index if none is."""
    mine = Manager(fetched, granted(fetched.data, "admin", index="team"))
    reader = Manager(fetched, granted(fetched.data, "read", "upload", index="*"))

    assert mine.ask("GET", f"{ACCESS}?index=team").status == 200
    assert mine.ask("GET", f"{ACCESS}?index=main").status == 403
    assert mine.ask("GET", ACCESS).status == 403
    assert reader.ask("GET", f"{ACCESS}?index=team").status == 403
    assert Manager(fetched, None).ask("GET", ACCESS).status == 401


@pytest.mark.parametrize(
    "query", ["digest=abc", "since=soon", "version=new", "project=-", "limit=0"]
)
def test_what_cannot_be_meant(fetched: Cloche, query: str) -> None:
    """Nonsense is said to be."""
    admin = Manager(fetched, granted(fetched.data, "admin", index="*"))
    assert admin.ask("GET", f"{ACCESS}?{query}").status == 400
