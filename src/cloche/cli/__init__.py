"""The command line: one command a module, imported when it is called for."""

import os
import sys
import traceback
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
        return [name.removesuffix("_") for name in kinds.names(cli)]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ARG002 - the same
        name = next((name for name in (cmd_name, f"{cmd_name}_") if name in kinds.names(cli)), None)
        if name is None or cmd_name.endswith("_"):
            return None
        module = kinds.load(cli, name)
        command = typer.main.get_command(module.app)
        command.name = cmd_name
        return command


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
