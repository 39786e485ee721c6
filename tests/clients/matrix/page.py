"""The tables in docs/reference/clients.md: read, compared with, and written anew."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.metadata import distributions

from packaging.utils import canonicalize_name

from tests.clients.client import ROOT
from tests.clients.matrix.model import Row
from tests.docs import markdown

PAGE = ROOT / "docs" / "reference" / "clients.md"
LOCKS = ROOT / "requirements" / "clients"
CANNOT = "no"

Findings = Mapping[tuple[str, str], str]
"""What was found, by a row's label and a column."""


@dataclass(frozen=True, slots=True)
class Table:
    """One of the page's tables: it stands between two comments with its name."""

    name: str
    rows: tuple[type[Row], ...]
    columns: tuple[str, ...]

    def on(self, text: str) -> str:
        """Return the table, and its notes, as the page has them."""
        found = re.search(self._pattern, text, re.DOTALL)
        assert found, f"{PAGE} has no table named {self.name}"
        return found[1]

    def findings(self, text: str) -> Findings:
        """Return what the page says, but for what no client can."""
        return {
            (row["client"], column): row[column]
            for row in markdown.rows(self.on(text))
            for column in self.columns
            if not row[column].startswith(CANNOT)
        }

    def put(self, text: str, findings: Findings) -> str:
        """Return the page with these findings in place of those for the same cells."""
        table = self._render({**self.findings(text), **findings})
        return re.sub(
            self._pattern,
            lambda found: found[0].replace(found[1], table) if found[1] else table,
            text,
            flags=re.DOTALL,
        )

    @property
    def _pattern(self) -> str:
        return rf"(?<=<!-- {self.name} -->\n)(.*?)(?=<!-- /{self.name} -->)"

    def _render(self, findings: Findings) -> str:
        reasons: list[str] = []
        lines = [["client", *self.columns], ["---"] * (len(self.columns) + 1)]
        for row in self.rows:
            name = label(row, (client for client, _ in findings))
            cells = [self._cell(row, name, column, findings, reasons) for column in self.columns]
            lines.append([name, *cells])
        notes = "".join(f"{number}. {reason}\n" for number, reason in enumerate(reasons, 1))
        return "".join(f"| {' | '.join(line)} |\n" for line in lines) + f"\n{notes}" * bool(notes)

    def _cell(
        self, row: type[Row], name: str, column: str, findings: Findings, reasons: list[str]
    ) -> str:
        reason = row.cannot.get(column)
        if reason is None:
            return findings.get((name, column), "?")
        if reason not in reasons:
            reasons.append(reason)
        return f"{CANNOT} ({reasons.index(reason) + 1})"


def label(row: type[Row], known: Iterable[str] = ()) -> str:
    """Return the client's name and version: one that is known, if its lock allows it."""
    versions = locked(row)
    labels = [f"{row.title} {version}" for version in versions] or [row.title]
    if len(labels) == 1:
        return labels[0]
    return next((one for one in known if one in labels), f"{row.title} {_version(row)}")


def locked(row: type[Row]) -> list[str]:
    """Return the versions of the client that its lock has: more than one for several Pythons."""
    lock = LOCKS / f"{row.name}.txt"
    if not lock.exists():
        return []
    return re.findall(rf"^{row.project}==([^\s;]+)", lock.read_text(), re.MULTILINE)


def _version(row: type[Row]) -> str:
    (site,) = (ROOT / ".venvs" / row.name).glob("lib/python*/site-packages")
    found = distributions(path=[str(site)])
    return next(one.version for one in found if canonicalize_name(one.name) == row.project)
