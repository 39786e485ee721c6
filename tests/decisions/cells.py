"""The cells of the decision table: what is so, and what a server was seen to answer then."""

from collections.abc import Iterator
from itertools import product
from typing import Literal, get_args

from msgspec import Struct

Owner = Literal["own upload", "partner", "PyPI", "nobody"]
State = Literal["answers", "lists no file", "down", "down, kept"]
Route = Literal["none", "to partner"]
Rule = Literal["none", "denies", "hides"]
Right = Literal["yes", "no"]

HEADS = ("owner", "`partner`", "route", "page", "owner's file", "stranger's file", "PyPI asked")


class Cell(Struct, frozen=True):
    """Who has the name, how the private upstream is, and what the index says about it."""

    owner: Owner
    state: State
    route: Route
    rule: Rule
    right: Right

    @property
    def part(self) -> str:
        """The table that it is in."""
        return "no right to read" if self.right == "no" else f"rule {self.rule}"

    @property
    def row(self) -> str:
        """What names the row; whoever may not read sees no difference, so that there is one."""
        if self.right == "no":
            return "any | any | any"
        return f"{self.owner} | {self.state} | {self.route}"

    @property
    def project(self) -> str:
        """A name of its own, on which the indexes' patterns match."""
        said = (self.route, self.rule, self.right, self.owner, self.state)
        return "-".join(each.replace(",", "").replace(" ", "-").lower() for each in ("dt", *said))


class Answer(Struct, frozen=True):
    """Statuses, and whether PyPI heard the name."""

    page: int
    page_of: str  # whose files are on it
    file: int | None  # None: the owner has none to ask for
    strangers: int | None
    asked: bool

    def __str__(self) -> str:
        shown = f"{self.page}, {self.page_of}" if self.page_of else str(self.page)
        files = [str(each) if each else "" for each in (self.file, self.strangers)]
        return " | ".join((shown, *files, "yes" if self.asked else "no"))


def _cells() -> Iterator[Cell]:
    dimensions = (Owner, State, Route, Rule, Right)
    for each in product(*map(get_args, dimensions)):
        yield Cell(*each)


CELLS = tuple(_cells())
PARTS = tuple(dict.fromkeys(cell.part for cell in CELLS))
