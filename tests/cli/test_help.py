"""What the program says of itself."""

import re
from pathlib import Path

import pytest

from cloche import __version__, cli, kinds
from tests.cli.program import refused, run

WHERE = ("--index", "--data", "--config")
COMMANDS = {
    "": [
        *("--version", "admissions", "admit", "advisories", "bundle", "config", "delete"),
        *("doctor", "explain", "export", "follow", "gc", "import", "journal", "prefetch"),
        *("promote", "push", "serve", "simulate", "snapshot", "status", "sync", "token"),
        *("unyank", "verify", "wheelhouse", "who", "yank"),
    ],
    "yank": ["--reason", *WHERE],
    "unyank": ["--reason", *WHERE],
    "delete": ["--all", "--reason", *WHERE],
    "status": ["quarantined", "--remove", "--reason", *WHERE],
    "journal": ["--since", "--limit", "--json", *WHERE],
    "serve": [
        *("--host", "--port", "--data", "--config", "--workers", "--upstream", "--offline"),
    ],
    "import": [
        *("--to", "--as", "--from", "--copy", "--link", "--move", "--dry-run", "--jobs", "--json"),
        *("--data", "--config", "SOURCE"),
    ],
    "prefetch": [
        *("--index", "--platform", "--python", "--implementation", "--abi", "--all", "--pre"),
        *("--no-sdists", "--jobs", "--json", "--upstream", "--data", "--config", "uv.lock"),
    ],
    "export": [
        *(
            "TARGET",
            "--index",
            "--as-of",
            "--requirements",
            "--no-deps",
            "--layout",
            "--held-only",
            "--link",
        ),
        *(
            "--base-url",
            "--platform",
            "--python",
            "--all",
            "--no-sdists",
            "--pre",
            "--jobs",
            "--full",
        ),
        *("--dry-run", "--json", "--upstream", "--data", "--config", "--server-config", "--listen"),
    ],
    "sync": [
        *("--dry-run", "--status", "--full", "--allow-shrink", "--json", "--jobs"),
        *("--data", "--config", "NAME..."),
    ],
    "wheelhouse": [
        *("--requirement", "--index", "--from", "--python", "--with", "--env", "--timeout"),
        *("--jobs", "--dry-run", "--json", "--data", "--config"),
    ],
    "token": ["create", "list", "revoke"],
    "token create": ["--index", "--can", "--name", "--days", "--data", "--config"],
    "token list": ["--json", "--data", "--config"],
    "token revoke": ["--data", "--config"],
    "advisories": ["list", "refresh", "show"],
    "advisories list": ["--json", "--data", "--config"],
    "advisories refresh": ["NAME", "--data", "--config"],
    "advisories show": ["PROJECT", "--json", "--data", "--config"],
    "admissions": ["--current", "--json", *WHERE],
    "admit": ["--reason", "--for", "--until", "--rule", "--end", "--data", "--config"],
    "follow": ["INDEX...", "--status", "--dry-run", "--json", "--data", "--config"],
    "promote": ["INDEX", "--force", "--reason", "--json", "--data", "--config"],
    "explain": ["--json", "--data", "--config"],
    "push": [
        *("--to", "--from", "--dry-run", "--username", "--password", "--reason", "--json"),
        *("--data", "--config"),
    ],
    "simulate": [
        *("--config", "--against", "--lock", "--requirements", "--since", "--index"),
        *("--refresh", "--json", "--data"),
    ],
    "bundle": ["apply", "create", "key", "lacks", "mark", "verify"],
    "bundle key create": ["FILE"],
    "bundle create": [
        *("--index", "--as-of", "--since", "--requirements", "--lock", "--lacking", "--split"),
        *("--key", "--json", "--data", "--config"),
    ],
    "bundle verify": ["--trust", "--allow-unsigned", "--json"],
    "bundle apply": [
        *("--to", "--trust", "--allow-unsigned", "--replace", "--dry-run", "--json", "--data"),
        "--config",
    ],
    "bundle mark": ["--to", "--data", "--config"],
    "bundle lacks": ["--requirements", "--lock", "--index", "--data", "--config"],
    "snapshot": ["create", "list", "delete"],
    "snapshot create": ["--at", "--reason", *WHERE],
    "snapshot list": ["--json", *WHERE],
    "snapshot delete": ["--reason", *WHERE],
    "gc": ["--dry-run", "--delete-uploads", "--limit", "--json", "--data", "--config"],
    "verify": [
        *("PLACE...", "--repair", "--again", "--older-than", "--jobs", "--json"),
        *("--data", "--config"),
    ],
    "who": ["--since", "--limit", "--json", *WHERE],
    "config": ["check", "import"],
    "config import": ["--index"],
    "config check": ["--json", "--data", "--config"],
    "doctor": ["--json", "--data", "--config"],
}


@pytest.mark.parametrize("command", COMMANDS)
def test_help(tmp_path: Path, command: str) -> None:
    """Each command's help names each of its words, on standard output, and does nothing."""
    done = run(tmp_path, *command.split(), "--help" if " " in command else "-h")

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"Usage: cloche {command}".rstrip())
    assert [word for word in COMMANDS[command] if word not in done.stdout] == []
    assert list(tmp_path.iterdir()) == []


def test_every_command_is_there() -> None:
    """These tests know every command that there is."""
    assert {name.removesuffix("_") for name in kinds.names(cli)} == {
        name.split()[0] for name in COMMANDS if name
    }


def test_defaults_are_told(tmp_path: Path) -> None:
    """The help of `serve` tells what holds without a flag."""
    said = run(tmp_path, "serve", "--help").stdout

    for default in ("127.0.0.1", "8080", "1"):
        assert f"[default: {default}]" in said
    assert re.search(r"\[default:\s+cloche-\s*data\]", said)


@pytest.mark.parametrize("command", ["", "token", "config"])
def test_without_arguments(tmp_path: Path, command: str) -> None:
    """A command that needs another word shows its help, and says that nothing was done."""
    done = run(tmp_path, *command.split())

    assert (done.returncode, done.stderr) == (2, "")
    assert done.stdout.startswith("Usage: cloche")


def test_version(tmp_path: Path) -> None:
    """The version is one line."""
    done = run(tmp_path, "--version")

    assert (done.returncode, done.stdout) == (0, f"cloche {__version__}\n")


@pytest.mark.parametrize(
    "word", ["nosuch", "_options", "__init__", "serve.py", "--nosuch", "sevre"]
)
def test_unknown_command(tmp_path: Path, word: str) -> None:
    """A word that is no command is one line that says where to look."""
    said = refused(run(tmp_path, word))

    assert word in said
    assert "cloche --help" in said
