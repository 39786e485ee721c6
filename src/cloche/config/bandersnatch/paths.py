"""bandersnatch's filters over what PyPI's JSON says, of projects and of files."""

from collections.abc import Callable, Iterator

from cloche.config.bandersnatch.conf import NEVER, Conf, Table
from cloche.config.bandersnatch.names import NOTHING
from cloche.core.errors import BadName
from cloche.core.pypi_document import OF_FILE, path

Filter = Callable[[Conf], Iterator[Table]]

SEARCH = "search"
"""The one key of a section that is no path: whether patterns may match anywhere."""

RANGES = "version_range_release_file_metadata"


def regexes(section: str, *, of_file: bool) -> Filter:
    """One rule for each path."""

    def rules(conf: Conf) -> Iterator[Table]:
        anywhere = conf.is_true(section, SEARCH)
        for key in conf.keys(section):
            if key == SEARCH:
                continue
            *tags, said = (each.strip() for each in key.split(":"))
            patterns = conf.patterns(section, key, anywhere=anywhere)
            asks = _asks(tags, patterns)
            yield from _rule(conf, f"[{section}] {key}", said, asks, of_file=of_file)

    return rules


def ranges(section: str, *, of_file: bool) -> Filter:
    """What stands there is to be a range that admits one of the versions."""

    def rules(conf: Conf) -> Iterator[Table]:
        for key in conf.keys(section):
            *tags, said = (each.strip() for each in key.split(":"))
            versions = conf.lines(section, key)
            asks: Table = {"admits": versions} if versions else {"any": [NEVER]}
            asks |= {"missing": "allow"} if _passes_null(tags) else {}
            yield from _rule(conf, f"[{section}] {key}", said, asks, of_file=of_file)

    return rules


def ranges_of_projects(conf: Conf) -> Iterator[Table]:
    """It is among bandersnatch's filters, and nothing there ever calls it."""
    section = "version_range_project_metadata"
    if conf.keys(section):
        conf.note(f"{section}: bandersnatch never asks it; here it does what it says")
    yield from ranges(section, of_file=False)(conf)


def _rule(conf: Conf, where: str, said: str, asks: Table, *, of_file: bool) -> Iterator[Table]:
    """Where the path leads nowhere it is null for all, so that all or nothing is let through."""
    if _leads(said, of_file=of_file):
        yield {"kind": "pypi_json", "path": said} | asks
    elif asks.get("missing") == "allow":
        conf.note(f"{where}: there is no {said}, so that it leaves nothing out")
    else:
        conf.note(f"{where}: there is no {said}, so that bandersnatch takes nothing at all")
        yield NOTHING.copy()


def _leads(said: str, *, of_file: bool) -> bool:
    """Whether the document has it. Filters of files see no more than these and `info`."""
    head = said.partition(".")[0]
    if head != "info" and (head in OF_FILE) is not of_file:
        return False
    try:
        path(said)
    except BadName:
        return False
    return True


def _asks(tags: list[str], patterns: list[str]) -> Table:
    """The last tag of a sort counts. What is null fits, but where nothing may match."""
    how = next((tag for tag in reversed(tags) if tag in {"any", "all", "none"}), "any")
    if patterns:
        lenient = _passes_null(tags) and how != "none"
        return {how: patterns} | ({"missing": "allow"} if lenient else {})
    # Of no patterns none can match, and each does.
    return {"any": [NEVER]} if how == "any" else {"none": [NEVER], "missing": "allow"}


def _passes_null(tags: list[str]) -> bool:
    said = (tag for tag in reversed(tags) if tag in {"match-null", "not-null"})
    return next(said, "match-null") == "match-null"
