"""`cloche explain`: why an index shows of a project what it shows."""

import sys
from datetime import UTC, datetime
from typing import Annotated

import msgspec
import typer

from cloche.cli._managing import Desk
from cloche.cli._options import Config, Data, Json
from cloche.cli._shown import table
from cloche.core import marks
from cloche.core.errors import BadSetting
from cloche.core.explanation import Account, Answer, Explanation, Outcome, Reason, Step
from cloche.core.model import project_name

app = typer.Typer(add_completion=False, rich_markup_mode=None)

FILES = ["state", "file", "source", "why"]


@app.command()
def explain(
    index: Annotated[
        str, typer.Argument(metavar="[INDEX]", help="The index's name. [default: the default one]")
    ],
    project: Annotated[
        str | None,
        typer.Argument(metavar="PROJECT[==VERSION]", help="The project, or one version of it."),
    ] = None,
    *,
    as_json: Json = False,
    data: Data = None,
    config: Config = None,
) -> None:
    """Say of every file whether the index shows it, by which rule, and which sources were asked.

    Exit code 1 if the project has no page there.
    """
    desk = Desk(config, data, index if project else None)
    if project is None and index in desk.settings.indexes:
        raise BadSetting(f"{index} is an index; say which project: cloche explain {index} PROJECT")
    name, _, version = (project or index).partition("==")
    wanted = marks.version(version) if version else None
    named = project_name(name.strip())
    found = desk.do(lambda services: services.explain.project(desk.index, named, wanted))
    if as_json:
        sys.stdout.write(msgspec.json.encode(found).decode() + "\n")
    else:
        print("\n".join(_lines(found)))
    if found.answer is not Answer.PAGE:
        raise typer.Exit(1)


def _lines(found: Explanation) -> list[str]:
    lines = [" ".join(found.says.split()), *table([_step(each) for each in found.steps] or [[""]])]
    if found.files:
        lines += ["", *table([FILES, *(_file(each) for each in found.files)])]
    return lines


def _step(step: Step) -> list[str]:
    source = step.source if step.source != step.index else f"uploads to {step.index}"
    outcome = step.outcome if step.outcome is Outcome.NOT_ASKED else f"asked: {step.outcome}"
    says = " ".join(step.says.split())
    if step.kept_since and step.checked_at:
        says += f"; as of {_at(step.kept_since)}, checked {_at(step.checked_at)}"
    return ["  " * step.depth + source, outcome, says]


def _file(file: Account) -> list[str]:
    said = [file.note] if file.note else []
    said += [_reason(each) for each in file.reasons]
    return [file.state, file.filename, file.source, "; ".join(said)]


def _reason(each: Reason) -> str:
    text = f"{each.effect} by {each.rule} of {each.index}: {each.reason}"
    if each.until:
        text += f", until {_at(each.until)}"
    if each.lifted and each.lifted_until:
        text += f" (lifted until {_at(each.lifted_until)}: {each.lifted})"
    return text


def _at(when: datetime) -> str:
    return when.astimezone(UTC).isoformat(timespec="seconds")
