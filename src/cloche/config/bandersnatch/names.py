"""bandersnatch's filters over names and versions, and lists of both."""

from collections.abc import Iterator
from pathlib import Path

from cloche.config.bandersnatch.conf import Conf, Table, split
from cloche.core.errors import BadSetting

MAX_BYTES = 4 << 20  # of each requirements file
NOTHING: Table = {"kind": "deny", "what": ["*"]}
PINNED = "project_requirements_pinned"


def allowed(conf: Conf) -> list[str]:
    """The names on the list of what is allowed."""
    return [name for name, _ in map(split, conf.lines("allowlist", "packages"))]


def pinned(conf: Conf) -> list[str]:
    """The projects of which requirements files name versions, if that filter is enabled.

    Other filters over releases let them be.
    """
    if not {PINNED, "all"}.intersection(conf.enabled()):
        return []
    return sorted({name for name, versions in map(split, _required(conf)) if versions})


def allowlist_project(conf: Conf) -> Iterator[Table]:
    if only := allowed(conf):
        yield {"kind": "allow", "only": only}


def allowlist_release(conf: Conf) -> Iterator[Table]:
    pairs = map(split, conf.lines("allowlist", "packages"))
    yield _only(conf, "allowlist_release", [f"{name}{versions}" for name, versions in pairs])


def blocklist_project(conf: Conf) -> Iterator[Table]:
    lines = conf.lines("blocklist", "packages")
    if what := [line for line in lines if split(line) == (line, "")]:
        yield {"kind": "deny", "what": what}


def blocklist_release(conf: Conf) -> Iterator[Table]:
    pairs = map(split, conf.lines("blocklist", "packages"))
    if what := [f"{name}{versions}" for name, versions in pairs]:
        yield {"kind": "deny", "what": what}


def project_requirements(conf: Conf) -> Iterator[Table]:
    if names := sorted({name for name, _ in map(split, _required(conf))}):
        _note_files(conf, "project_requirements")
        yield {"kind": "allow", "only": names}


def project_requirements_pinned(conf: Conf) -> Iterator[Table]:
    only = sorted({f"{name}{versions}" for name, versions in map(split, _required(conf))})
    if only:
        _note_files(conf, PINNED)
    yield _only(conf, PINNED, only)


def regex_project(conf: Conf) -> Iterator[Table]:
    if patterns := conf.patterns("filter_regex", "packages"):
        yield {"kind": "pattern", "project": patterns}


def regex_release(conf: Conf) -> Iterator[Table]:
    if patterns := conf.patterns("filter_regex", "releases"):
        yield {"kind": "pattern", "version": patterns}


def prerelease_release(conf: Conf) -> Iterator[Table]:
    """Its own idea of them: a version such as `1.0rc1.post1` is none."""
    projects = conf.lines("filter_prerelease", "packages")
    rule: Table = {"kind": "pattern", "version": [r"\A.+(?:rc|a|b|dev)\d+\Z"]}
    yield rule | ({"projects": projects} if projects else {})


def _only(conf: Conf, name: str, only: list[str]) -> Table:
    if only:
        return {"kind": "allow", "only": only}
    conf.note(f"{name}: there is nothing on the list, so that bandersnatch takes nothing at all")
    return NOTHING.copy()


def _note_files(conf: Conf, name: str) -> None:
    conf.note(f"{name}: the files were read now; import again when they change")


def _required(conf: Conf) -> list[str]:
    """What the requirements files name, as it is now."""
    found: list[str] = []
    for file in _requirement_files(conf):
        try:
            text = file.read_bytes()[:MAX_BYTES].decode(errors="replace")
        except OSError as e:
            raise BadSetting(
                f"{file} cannot be read ({e.strerror}); [allowlist] names it"
            ) from None
        lines = (line.partition("#")[0].strip() for line in text.splitlines())
        found += [line for line in lines if line and not line.startswith("-")]
    return found


def _requirement_files(conf: Conf) -> Iterator[Path]:
    folder = Path(conf.get("allowlist", "requirements_path") or "")
    for line in conf.lines("allowlist", "requirements"):
        yield from sorted(folder.glob(line)) if "*" in line else [folder / line]
