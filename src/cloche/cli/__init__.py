"""The command line: one command a module, imported when it is called for."""

import sys
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from cloche import __version__, cli, kinds
from cloche.core.errors import Error


class Commands(TyperGroup):
    """Finds a command in the module of its name, so that starting one does not import all."""

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002 - the base class's signature
        return kinds.names(cli)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ARG002 - the same
        if cmd_name not in kinds.names(cli):
            return None
        module = kinds.load(cli, cmd_name)
        command = typer.main.get_command(module.app)
        command.name = cmd_name
        return command


app = typer.Typer(
    cls=Commands,
    name="cloche",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
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


def main() -> None:
    """Run the command line. Whatever goes wrong is one line on standard error, and exit code 2."""
    try:
        app()
    except Error as e:
        print(f"cloche: {e}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        sys.exit(130)
