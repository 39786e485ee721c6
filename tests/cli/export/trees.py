"""What is exported here, and what lies in folders."""

import gzip
import re
from pathlib import Path
from typing import Any

import msgspec
import zstandard

from tests.packages import Built, sdist, wheel

OWN, OWN_2 = wheel("Own.Name", "1.0"), wheel("own-name", "2.0", requires_python=">=3.8")
CACHED, SDIST = wheel("cached", "1.0+local.1", size=300_000), sdist("cached", "0.9")


def tree(folder: Path, *, own: bool = True) -> dict[str, bytes]:
    """Every file by its path; without what the export wrote down for itself if not `own`."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and (own or ".cloche" not in path.parts)
    }


def files(folder: Path) -> set[str]:
    """The names of all distributions."""
    return {path.name for path in folder.rglob("packages/**/*") if path.name.endswith(ENDS)}


ENDS = (".whl", ".tar.gz")


def page(folder: Path, name: str) -> Any:
    """A project's page in JSON, after a look that its other forms say the same."""
    home = folder / "simple" / name
    for each in ("index.html", "index.v1_json"):
        body = (home / each).read_bytes()
        assert gzip.decompress((home / f"{each}.gz").read_bytes()) == body
        assert zstandard.decompress((home / f"{each}.zst").read_bytes()) == body
    said = msgspec.json.decode((home / "index.v1_json").read_bytes())
    links = re.findall(r'href="([^"#]+)', (home / "index.html").read_text())
    assert links == [file["url"] for file in said["files"]]
    return said


def lies_at(folder: Path, name: str, url: str) -> Path:
    """Where a page's link leads."""
    return (folder / "simple" / name / url.replace("%2B", "+")).resolve()


def projects(folder: Path) -> list[str]:
    said = msgspec.json.decode((folder / "simple" / "index.v1_json").read_bytes())
    names = [project["name"] for project in said["projects"]]
    html = (folder / "simple" / "index.html").read_text()
    assert re.findall(r'href="([^"]+)/"', html) == names
    return names


def metadata(folder: Path, built: Built) -> bytes:
    (found,) = folder.rglob(f"{built.filename}.metadata")
    return found.read_bytes()
