"""The far side of an air gap, run in a network of its own that nothing else is in.

`python -m tests.clients.beyond FOLDER UPSTREAM` says what it has seen as JSON.
"""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

from tests.clients.evidence import installed
from tests.server import Cloche

BIN = Path(sys.executable).parent


def main(folder: Path, upstream: str) -> None:
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    far = Cloche(folder / "far", offline=True, config=folder / "far.toml")
    seen = {"reached": reached(upstream), "lacking": bundle(far, "lacks", *wanted(folder))}
    bundle(far, "apply", str(folder / "one"))
    with far:
        seen["pip"] = install(far, folder / "pip", sys.executable, "-m", "pip")
        seen["uv"] = install(far, folder / "uv", BIN / "uv", "pip")
        bundle(far, "apply", str(folder / "two"))
        seen["then"] = install(far, folder / "then", BIN / "uv", "pip")
    seen["lacking then"] = bundle(far, "lacks", *wanted(folder))
    sys.stdout.write(json.dumps(seen) + "\n")


def wanted(folder: Path) -> tuple[str, str]:
    return "--requirements", str(folder / "requirements.txt")


def reached(url: str) -> bool:
    """Whether there is a way to the near side."""
    host, port = url.removeprefix("http://").split("/")[0].split(":")
    try:
        socket.create_connection((host, int(port)), 5).close()
    except OSError:
        return False
    return True


def bundle(far: Cloche, *words: str) -> str:
    done = far.command("bundle", *words, "--data", str(far.data), "--config", str(far.config))
    assert done.returncode in {0, 1}, done.stderr
    assert done.returncode == 0 or words[0] == "lacks", done.stderr
    return done.stdout


def install(far: Cloche, target: Path, *tool: str | Path) -> dict[str, str]:
    options = ("--no-cache-dir" if "-m" in tool else "--no-cache", "--index-url", far.simple)
    done = subprocess.run(
        [*tool, "install", *options, "--target", target, "gap-acme"],
        env={"PATH": os.environ["PATH"], "HOME": str(target.parent)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return installed(target)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
