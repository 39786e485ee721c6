"""`cloche admissions`: what is, or was, let past the rules."""

import sys
from datetime import UTC, datetime
from typing import Annotated

import msgspec
import typer

from cloche.app.opening import utc_now
from cloche.cli._managing import Desk
from cloche.cli._options import Config, Data, Json
from cloche.cli._shown import table
from cloche.ports import Admitted

app = typer.Typer(add_completion=False, rich_markup_mode=None)

HEAD = ["number", "state", "index", "what", "rule", "until", "who", "reason"]
MOST = 100_000


@app.command()
def admissions(
    *,
    current: Annotated[bool, typer.Option("--current", help="Only those that hold now.")] = False,
    as_json: Json = False,
    index: Annotated[
        str | None, typer.Option("--index", metavar="NAME", help="Of this index only.")
    ] = None,
    data: Data = None,
    config: Config = None,
) -> None:
    """List what is let past rules, and what was: who did it, why, and until when."""
    desk = Desk(config, data, index)
    found = list(desk.do(lambda services: services.admit.history(index, 0, MOST)))
    now = utc_now()
    if current:
        found = [each for each in found if each.holds(now)]
    if as_json:
        sys.stdout.write(msgspec.json.encode(found).decode() + "\n")
        return
    for line in table([HEAD, *(_cells(each, now) for each in found)]):
        print(line)


def _cells(each: Admitted, now: datetime) -> list[str]:
    admission = each.admission
    over = "ended" if each.ended_at else "over"
    return [
        str(each.serial),
        "holds" if each.holds(now) else over,
        admission.part.index,
        str(admission.part),
        admission.rule or "all",
        admission.until.astimezone(UTC).isoformat(timespec="seconds"),
        admission.who,
        admission.reason,
    ]
