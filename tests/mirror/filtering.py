"""Run by bandersnatch's own Python: what its filters leave of projects, without any mirroring.

Reads cases from its standard input, each of settings and projects' documents; writes for each the
files that are left of each project, or null for one at which a filter fails.
"""

import json
import os
import sys
from importlib import import_module
from importlib.metadata import entry_points
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

Left = dict[str, list[str] | None]


def main() -> None:
    cases = json.load(sys.stdin)
    import_module("bandersnatch.package")
    found = entry_points()  # finding and importing them takes longer than all else of a case
    asked: Any = import_module("bandersnatch.filter")
    for group in asked.LoadedFilters.ENTRYPOINT_GROUPS:
        for each in found.select(group=group):
            each.load()
    asked.entry_points = lambda: found
    # Filters keep what they have read in their classes: each case gets a process of its own.
    json.dump([_apart(case) for case in cases], sys.stdout)


def _apart(case: dict[str, Any]) -> Left:
    ours, theirs = os.pipe()
    if not os.fork():
        with os.fdopen(theirs, "w") as said:
            json.dump(_left(case), said)
        os._exit(0)
    os.close(theirs)
    with os.fdopen(ours, "rb") as answer:
        left: Left = json.load(answer)
    os.wait()
    return left


def _left(case: dict[str, Any]) -> Left:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "bandersnatch.conf"
        path.write_text(f"[mirror]\ndirectory = {folder}\n{case['conf']}")
        config = import_module("bandersnatch.configuration").BandersnatchConfig()
        config.read(path)
        filters = import_module("bandersnatch.filter").LoadedFilters(load_all=True)
    return {each["info"]["name"]: _of(filters, each) for each in case["projects"]}


def _of(filters: Any, document: dict[str, Any]) -> list[str] | None:
    """As its mirror asks them."""
    package = import_module("bandersnatch.package").Package(document["info"]["name"])
    package._metadata = document  # noqa: SLF001  # as its `update_metadata` does
    name = {"info": {"name": package.name}}
    try:
        if not all(one.filter(name) for one in filters.filter_project_plugins()):
            return []
        if not package.filter_metadata(filters.filter_metadata_plugins()):
            return []
        package.filter_all_releases_files(filters.filter_release_file_plugins())
        package.filter_all_releases(filters.filter_release_plugins())
    except (TypeError, ValueError, AttributeError):  # as it does for values that are no text
        return None
    return sorted(file["filename"] for file in package.release_files)


if __name__ == "__main__":
    main()
