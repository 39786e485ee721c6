"""What the pages tell people to type and to write works."""

import configparser
import json
import re
import shlex
import tomllib
from pathlib import Path
from typing import Any

import pytest
import typer

from cloche.cli import app
from cloche.config import load
from tests.docs import markdown
from tests.docs.markdown import Block
from tests.rules.samples import LISTS

OUR_TOML = [block for block in markdown.blocks("toml") if not block.title]
THEIR_TOML = [block for block in markdown.blocks("toml") if block.title]
# The program where a shell, or systemd, would start one: behind variables, in $(…), by its path.
CALL = re.compile(
    r"^(?:[A-Z_]+=\S* |[A-Z]+=\$\(|runuser -u \w+ -- |ExecStart=)*(?:[\w./-]+/)?cloche (\S[^\n)]*)",
    re.MULTILINE,
)
END = {"|", ">", "2>", "&", "&&", ";", "#", "\\"}


@pytest.mark.parametrize("block", OUR_TOML, ids=str)
def test_settings_are_sound(block: Block, tmp_path: Path) -> None:
    """Every example of cloche.toml loads without an error."""
    file = tmp_path / "cloche.toml"
    file.write_text(block.body)
    for each in LISTS.iterdir():  # that some name
        (tmp_path / each.name).write_bytes(each.read_bytes())

    settings = load(file, environ={})

    assert settings.default_index.name in settings.indexes


@pytest.mark.parametrize("block", THEIR_TOML, ids=str)
def test_other_programs_toml_can_be_read(block: Block) -> None:
    """Every TOML example for another program says which file it is, and is TOML."""
    assert tomllib.loads(block.body)


@pytest.mark.parametrize("block", markdown.blocks("ini"), ids=str)
def test_ini_files_can_be_read(block: Block) -> None:
    """Every example of an INI file has sections and keys."""
    parser = configparser.RawConfigParser()
    parser.read_string(block.body)

    assert parser.sections()


@pytest.mark.parametrize("block", markdown.blocks("json"), ids=str)
def test_json_can_be_read(block: Block) -> None:
    """Every example of JSON is JSON."""
    assert json.loads(block.body)


def calls() -> list[str]:
    """Every call of the program, in a block for a shell or between backticks."""
    shell = [block.body.replace("\\\n", " ") for block in markdown.blocks("sh", "ini")]
    inline = [f"{code}\n" for page in markdown.pages() for code in markdown.code(page.read_text())]
    found = [call for text in [*shell, *inline] for call in CALL.findall(text)]
    return sorted({call.strip() for call in found})


@pytest.mark.parametrize("call", calls())
def test_calls_name_what_exists(call: str) -> None:
    """Every call of the program names a command, and options that this command has."""
    words = _words(call)
    command, rest = _command(words)
    known = {name for parameter in command.params for name in parameter.opts} | {"--help", "-h"}

    given = {word.partition("=")[0] for word in rest if word.startswith("-")}
    assert given <= known, call


def test_calls_are_found() -> None:
    """The tests above have seen each command at least once."""
    seen = {" ".join(word for word in call.split()[:2] if word.isalpha()) for call in calls()}

    assert seen >= {"serve", "doctor", "config check", "token create", "token list", "token revoke"}


def _words(call: str) -> list[str]:
    words = []
    for word in shlex.split(call.replace("…", "").replace("COMMAND", "serve"), comments=True):
        if word in END:
            break
        words.append(word)
    return words


def _command(words: list[str]) -> tuple[Any, list[str]]:
    """The command that the first words name, and the words behind them."""
    command: Any = typer.main.get_command(app)
    rest = list(words)
    while hasattr(command, "get_command") and rest and not rest[0].startswith("-"):
        found = command.get_command(typer.Context(command), rest[0])
        assert found is not None, f"there is no command {rest[0]}"
        command, rest = found, rest[1:]
    return command, rest
