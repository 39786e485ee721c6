"""Versions that are known to be vulnerable, or to be malware."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import ClassVar, Literal

from msgspec import Struct

from cloche.core.advisories import Advisory, concerned
from cloche.core.known import Need
from cloche.core.policy import Candidate, Objection, Offer, Rule

Severity = Literal["any", "low", "medium", "high", "critical", "never"]
LEAST: Mapping[Severity, float] = {
    "any": 0.0,
    "low": 0.1,
    "medium": 4.0,
    "high": 7.0,
    "critical": 9.0,
    "never": 11.0,
}
"""CVSS's own bands (FIRST, CVSS 4.0, section 6)."""

MAX_REASON = 240  # characters
UNKNOWN = Objection("what is known to be vulnerable has not been loaded yet")


class Settings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`kind = "vulnerable"`."""

    severity: Severity = "high"
    malware: bool = True
    unscored: bool = True
    unfixed: bool = True
    ignore: tuple[str, ...] = ()
    uploads: bool = False


def connect(settings: Settings, folder: Path) -> Rule:
    return Vulnerable(settings, frozenset(settings.ignore))


class Vulnerable(Struct, frozen=True):
    """Objects to files of versions that an advisory is about, and to all while there are none.

    What was uploaded here is let be, unless the settings say else: advisories are about PyPI's
    projects, and a stranger can have taken the name of a private one there.
    """

    settings: Settings
    ignored: frozenset[str]

    needs: ClassVar[frozenset[Need]] = frozenset({"advisories"})

    def judge(self, offer: Offer, now: datetime) -> Iterable[tuple[Candidate, Objection]]:
        judged = [one for one in offer.candidates if self.settings.uploads or not one.hosted]
        advisories = offer.known.advisories
        if advisories is None:
            return [(one, UNKNOWN) for one in judged]
        counted = self._counted(advisories)
        if not counted:
            return []
        found = concerned(counted, (one.version for one in judged if one.version is not None))
        said = {version: _objection(each) for version, each in found.items()}
        # A file whose version nobody can tell may be of any.
        said_of_all = _objection(counted)
        return [
            (one, said[one.version] if one.version is not None else said_of_all)
            for one in judged
            if one.version is None or one.version in said
        ]

    def _counted(self, advisories: Sequence[Advisory]) -> list[Advisory]:
        """Those that count, the worst first."""
        scores: dict[str, float] = {}
        for each in advisories:
            for name in each.names if each.score is not None else ():
                scores[name] = max(each.score or 0.0, scores.get(name, 0.0))
        ranked = []
        for each in advisories:
            # Of one flaw, GitHub tells the score and Python's own database may not.
            score = max((scores[name] for name in each.names if name in scores), default=None)
            if (
                each.withdrawn is None
                and not each.names & self.ignored
                and self._counts(each, score)
            ):
                ranked.append((each.is_malware, score or 0.0, each))
        ranked.sort(key=lambda item: (not item[0], -item[1], item[2].id))
        return [each for *_, each in ranked]

    def _counts(self, advisory: Advisory, score: float | None) -> bool:
        settings = self.settings
        if advisory.is_malware:
            return settings.malware
        if not settings.unfixed and not advisory.fixed_in:
            return False
        if score is None:
            return settings.unscored and settings.severity != "never"
        return score >= LEAST[settings.severity]


def _objection(advisories: Sequence[Advisory]) -> Objection:
    worst, *others = advisories
    what = "it is known as malware" if worst.is_malware else "it is known to be vulnerable"
    score = "" if worst.score is None or worst.is_malware else f", CVSS {worst.score:.1f}"
    summary = "".join(c if c.isprintable() else " " for c in worst.summary)
    names = worst.id + next((f", {a}" for a in worst.aliases if a.startswith("CVE-")), "")
    said = f"{what} ({names}{score}){': ' * bool(summary)}{summary}"
    if len(said) > MAX_REASON:
        said = f"{said[:MAX_REASON]}…"
    return Objection(f"{said}; and {len(others)} more" if others else said)
