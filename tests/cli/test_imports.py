"""What a start imports, by name: time can be measured on a quiet machine only."""

import re
from pathlib import Path

import pytest

from cloche import cli, kinds
from tests.cli.program import Program, run

NOWHERE = "http://127.0.0.1:9/simple/"
TELL = {"PYTHONPROFILEIMPORTTIME": "1"}  # the interpreter then names each module on standard error
_IMPORTED = re.compile(r"^import time: +\d+ \| +\d+ \| +(\S+)$", re.MULTILINE)

NOBODYS = {"structlog", "pydantic", "pygments"}
"""What no start has any use for."""
SERVERS = {"starlette", "uvicorn", "prometheus_client", "anyio", "httptools", "python_multipart"}
FOR_SOME = {
    "alembic", "fastapi", "psycopg", "obstore", "jinja2.ext", "readme_renderer", "nh3",
    "cryptography", "license_expression", "trove_classifiers", "cvss", "passlib", "sigstore",
    "sqlalchemy.orm", "rich.console", "tomli_w", "distlib.index", "packaging.pylock",
}  # fmt: skip
"""What is imported when the first one needs it."""


def heavy(said: str, *names: set[str]) -> set[str]:
    """Those of the names that are among what was imported."""
    imported = set(_IMPORTED.findall(said))
    assert "cloche.cli" in imported
    return imported & set().union(*names)


@pytest.mark.parametrize("words", ["--version", "--help"])
def test_a_word_about_itself(tmp_path: Path, words: str) -> None:
    """The program tells what it is, and what it can do, without importing any of it."""
    done = run(tmp_path, words, env=TELL)

    imported = set(_IMPORTED.findall(done.stderr))
    assert {name for name in imported if name.startswith(("cloche.", "sqlalchemy", "asyncio"))} <= {
        "cloche.cli", "cloche.kinds", "cloche.core", "cloche.core.errors",
    }  # fmt: skip
    assert heavy(done.stderr, NOBODYS, SERVERS, FOR_SOME, {"aiohttp"}) == set()


@pytest.mark.parametrize(
    "words", ["sync --status", "token create", "explain main acme", "gc --dry-run", "verify"]
)
def test_commands(tmp_path: Path, words: str) -> None:
    """A command that serves nobody and draws nothing imports nothing of a server or a terminal."""
    (tmp_path / "cloche.toml").write_text(
        f'[server]\noffline = true\n[upstream.pypi]\nurl = "{NOWHERE}"\n'
        '[upstream.pypi.mirror]\nmode = "all"\n'
    )
    for _ in range(2):  # on new data, and on what is there
        done = run(tmp_path, *words.split(), "--config", "cloche.toml", env=TELL)

        assert heavy(done.stderr, NOBODYS, SERVERS, FOR_SOME) == set()


def test_serving(tmp_path: Path) -> None:
    """A server that is ready has imported nothing that it may never need."""
    for _ in range(2):
        with Program(
            tmp_path, "serve", "--port", "0", "--offline", "--upstream", NOWHERE, env=TELL
        ) as server:
            assert server.url
            assert heavy(server.err, NOBODYS, FOR_SOME) == set()


@pytest.mark.parametrize("name", kinds.names(cli))
def test_commands_say_what_they_are_for(name: str) -> None:
    """The first line of a command's module is its line in the help: its name, and a sentence."""
    first = Path(cli.__path__[0], f"{name}.py").read_text().partition("\n")[0]

    assert re.fullmatch(rf'"""`cloche {name.removesuffix("_")}`: \w.*\."""', first)
