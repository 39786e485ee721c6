"""The command line: one command a module, imported when it is called for."""

import os
import sys
import traceback
from gc import disable, enable, freeze
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from cloche import __version__, cli, kinds
from cloche.core.errors import Error

TRACEBACK = "CLOCHE_TRACEBACK"
"""A variable: set it to see where an accident happened."""


class Commands(TyperGroup):
    """Finds a command in the module of its name, so that starting one does not import all.

    `import_` is the module of `import`, which is no name in Python.
    """

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002 - the base class's signature
        return list(_modules())

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ARG002 - the same
        name = _modules().get(cmd_name)
        if name is None:
            return None
        command = typer.main.get_command(_loaded(name).app)
        command.name = cmd_name
        return command

    def format_commands(self, ctx: Any, formatter: Any) -> None:  # noqa: ARG002 - the same
        """What each command is for, as the first line of its module says it; none is imported."""
        rows = [(name, _purpose(module)) for name, module in _modules().items()]
        with formatter.section("Commands"):
            formatter.write_dl(rows)


def _modules() -> dict[str, str]:
    """The modules of commands by the commands' names."""
    return {name.removesuffix("_"): name for name in kinds.names(cli)}


def _loaded(name: str) -> Any:
    """The module of a command. What is imported stays: to look for garbage there took 14 %."""
    disable()
    try:
        return kinds.load(cli, name)
    finally:
        freeze()
        enable()


def _purpose(module: str) -> str:
    """The purpose, of `cloche NAME`: PURPOSE."""
    with Path(cli.__path__[0], f"{module}.py").open(encoding="utf-8") as source:
        said = source.readline().strip().strip('"').partition("`: ")[2]
    return said[:1].upper() + said[1:]


app = typer.Typer(
    cls=Commands,
    name="cloche",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:  # noqa: FBT001 - typer calls it so
    if wanted:
        print(f"cloche {__version__}")
        raise typer.Exit


@app.callback()
def root(
    *,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print and exit.")
    ] = False,
) -> None:
    """Serve a package index for Python: private packages and a cache of PyPI, one URL."""


Misused: type[Any] = typer.BadParameter.__mro__[1]
"""Whatever is wrong with the words of a command line (click's UsageError, which typer hides)."""


def main() -> None:
    """Run the command line. Whatever goes wrong is one line on standard error, and exit code 2."""
    try:
        code = app(prog_name="cloche", standalone_mode=False)
    except Error as e:
        code = _failed(e.detail)
    except Misused as e:
        code = _misused(e)
    except KeyboardInterrupt:
        code = 130
    except Exception as e:  # noqa: BLE001 - a traceback is for those who ask for one
        if os.environ.get(TRACEBACK):
            traceback.print_exc()
        code = _failed(
            f"this should not have happened, please report it: {type(e).__name__}: {e} "
            f"({TRACEBACK}=1 shows where)"
        )
    sys.exit(code)


def _misused(e: Any) -> int:
    if type(e).__name__ == "NoArgsIsHelpError":
        print(e.format_message())
        return 2
    asked = e.ctx.command_path if e.ctx else "cloche"
    return _failed(f"{e.format_message().rstrip('.')}; see `{asked} --help`")


def _failed(sentence: str) -> int:
    print(f"cloche: {' '.join(sentence.split())}", file=sys.stderr)
    return 2
