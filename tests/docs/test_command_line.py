"""The reference of the command line says what the program does."""

from typing import Any

import pytest
import typer

from cloche.cli import app
from tests.docs import markdown

PAGE = markdown.DOCS / "reference" / "command-line.md"
SECTIONS = markdown.sections(PAGE.read_text())
HELP = {"--help", "-h"}  # every command has it: documented once


def commands(command: Any, path: str) -> dict[str, Any]:
    """Every command that does something, by the words that call it, and the root."""
    nested = getattr(command, "list_commands", None)
    if nested is None:
        return {path: command}
    ctx = typer.Context(command)
    found = {path: command} if path == "cloche" else {}
    for name in nested(ctx):
        found |= commands(command.get_command(ctx, name), f"{path} {name}")
    return found


COMMANDS = commands(typer.main.get_command(app), "cloche")


def documented(path: str) -> set[str]:
    """The options and arguments in the table of a command, without what they take."""
    cells = [next(iter(row.values())) for row in markdown.rows(SECTIONS[path])]
    return {code.split()[0] for cell in cells for code in markdown.code(cell)}


@pytest.mark.parametrize("path", COMMANDS)
def test_options_and_arguments(path: str) -> None:
    """A command's table lists what the command takes: all of it, and nothing else."""
    taken = {name for parameter in COMMANDS[path].params for name in _names(parameter)}

    assert documented(path) == taken - HELP


def test_commands() -> None:
    """Each command has a section, and each section a command."""
    assert {heading for heading in SECTIONS if heading.startswith("cloche")} == COMMANDS.keys()


def test_help_is_everywhere() -> None:
    """Each command answers to the options that are documented once for all."""
    for path, command in COMMANDS.items():
        assert set(command.get_help_option_names(typer.Context(command))) <= HELP, path


def _names(parameter: Any) -> list[str]:
    if parameter.param_type_name == "argument":
        shown: str = parameter.metavar or parameter.name
        return [(shown[1:-1] if shown.startswith("[") else shown).upper()]
    return [*parameter.opts, *parameter.secondary_opts]
