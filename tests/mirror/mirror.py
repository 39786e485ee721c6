"""A mirror that `cloche sync` fills from the scripted upstream, run as a user runs it."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tests.cli.program import environment
from tests.mirror.comparison import differences
from tests.mirror.holding import Holding
from tests.mirror.world import Expected
from tests.server import Cloche

SECONDS = 120.0
SETTINGS = """\
[upstream.mirrored]
url = "SIMPLE"
attempts = 1
[upstream.mirrored.mirror]
mode = "all"
gone = "GONE"
[index.main]
sources = ["mirrored"]
"""

Done = subprocess.CompletedProcess[str]


@dataclass(frozen=True, slots=True)
class Mirror:
    """A folder with settings, the usual ones if none are given, and data."""

    folder: Path
    simple: str
    gone: str = "hide"
    settings: str = SETTINGS

    @property
    def data(self) -> Path:
        return self.folder / "data"

    @property
    def config(self) -> Path:
        path = self.folder / "cloche.toml"
        path.write_text(self.settings.replace("SIMPLE", self.simple).replace("GONE", self.gone))
        return path

    @property
    def holding(self) -> Holding:
        return Holding(self.data)

    def copy(self, folder: Path) -> "Mirror":
        """The same as it is now, in another folder. Blobs, which never change, are linked."""
        shutil.copytree(self.data, folder / "data", copy_function=_linked)
        return replace(self, folder=folder)

    def words(self, *arguments: str | Path) -> list[str]:
        where = ("mirrored", "--data", self.data, "--config", self.config)
        return [sys.executable, "-m", "cloche", "sync", *map(str, (*where, *arguments))]

    def sync(
        self, *arguments: str, env: Mapping[str, str] | None = None, longest: int | None = None
    ) -> Done:
        """Run the command to its end, however that is; no file it writes gets longer than that."""
        limit = ["prlimit", f"--fsize={longest}"] if longest is not None else []
        done = subprocess.run(
            [*limit, *self.words(*arguments)],
            cwd=self.folder,
            env=environment(self.folder, env),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
        assert "Traceback" not in done.stderr + done.stdout, done.stderr
        return done

    def status(self) -> dict[str, Any]:
        """What `--status --json` says of the upstream."""
        done = self.sync("--status", "--json")
        (said,) = [json.loads(line) for line in done.stdout.splitlines()]
        status: dict[str, Any] = said
        return status

    def differences(self, expected: Expected, *, only: Collection[str] | None = None) -> list[str]:
        """What it serves offline otherwise than expected, each in a line."""
        with Cloche(self.data, config=self.config, offline=True) as server:
            return differences(server.url, expected, only=only)


def _linked(source: str, target: str) -> None:
    if "/blobs/sha256/" in source:
        with suppress(OSError):  # between file systems there are no links
            os.link(source, target)
            return
    shutil.copy2(source, target)
