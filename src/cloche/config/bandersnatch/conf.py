"""A bandersnatch.conf as it is read there: sections, lists, patterns."""

import re
from configparser import ConfigParser, InterpolationError
from configparser import Error as BadIni
from dataclasses import dataclass, field
from typing import Any

from packaging.requirements import InvalidRequirement, Requirement

from cloche.core.errors import BadSetting

Table = dict[str, Any]

OLD_WORDS = (("whitelist", "allowlist"), ("blacklist", "blocklist"), ("denylist", "blocklist"))
"""What bandersnatch called them before 5.0: sections and filters."""

NEVER = "(?!)"
"""A pattern that nothing matches: where none are given."""

_FLAGS = re.compile(r"\(\?([aimsux]+)\)")
_SECTION = re.compile(r"(?m)^\[.*\]")


@dataclass
class Conf:
    parser: ConfigParser
    notes: list[str] = field(default_factory=list)  # what is to be said of the translation

    def get(self, section: str, key: str) -> str | None:
        try:
            value: str | None = self.parser.get(section, key, fallback=None)
        except InterpolationError:  # a % that bandersnatch would have doubled
            value = self.parser.get(section, key, fallback=None, raw=True)
        return value.strip() if value and value.strip() else None

    def keys(self, section: str) -> list[str]:
        return list(self.parser[section]) if self.parser.has_section(section) else []

    def is_true(self, section: str, key: str) -> bool:
        states = ConfigParser.BOOLEAN_STATES
        return states.get((self.get(section, key) or "").lower(), False)

    def number(self, section: str, key: str) -> int:
        """0 where none stands."""
        found = self.get(section, key)
        return int(found) if found and found.isdecimal() else 0

    def lines(self, section: str, key: str) -> list[str]:
        """What stands there, a line each, without comments."""
        found = (
            line.partition("#")[0].strip() for line in (self.get(section, key) or "").split("\n")
        )
        return [line for line in found if line]

    def patterns(self, section: str, key: str, *, anywhere: bool = False) -> list[str]:
        """Regular expressions, which may hold anything; they begin where the text does."""
        found = (line.strip() for line in (self.get(section, key) or "").split("\n"))
        return [line if anywhere else at_start(line) for line in found if line]

    def note(self, said: str) -> None:
        self.notes.append(said)

    def enabled(self) -> list[str]:
        """The filters that are named."""
        return [_new(name) for name in (self.get("plugins", "enabled") or "").split()]


def conf(text: str) -> Conf:
    """Raise BadSetting when it is none."""
    # Keys are kept as they are: paths into metadata know capitals, and have colons.
    parser = ConfigParser(delimiters=("=",), strict=False)
    parser.optionxform = str  # type: ignore[assignment,method-assign]  # the way that its documentation names
    try:
        parser.read_string(_SECTION.sub(lambda found: _new(found[0]), text))
    except BadIni as e:
        raise BadSetting(f"this is no bandersnatch.conf: {str(e).splitlines()[0]}") from None
    return Conf(parser)


def at_start(pattern: str) -> str:
    """The same for `re.search` as the pattern is for `re.match`."""
    flags = _FLAGS.match(pattern)
    head, rest = (flags[0], pattern[flags.end() :]) if flags else ("", pattern)
    # With the flag x a comment may be the end of it.
    end = "\n)" if "x" in head else ")"
    return rf"{head}\A(?:{rest}{end}"


def split(requirement: str) -> tuple[str, str]:
    """Name and specifiers. Raise BadSetting when it is no requirement."""
    try:
        found = Requirement(requirement)
    except InvalidRequirement:
        raise BadSetting(f"{requirement!r} is no requirement; correct it and try again") from None
    return found.name, str(found.specifier)


def _new(word: str) -> str:
    for old, new in OLD_WORDS:
        word = word.replace(old, new)
    return word
