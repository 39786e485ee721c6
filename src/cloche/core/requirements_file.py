"""pip's requirements files, line by line (pip documentation, "Requirements File Format").

Other files that one names are not read here, and options that say where to look are passed
over: where to look, an index's own sources say.
"""

import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from packaging.requirements import InvalidRequirement, Requirement

from cloche.core.errors import BadName, BadRequest, TooLarge
from cloche.core.model import project_name
from cloche.core.wants import MAX_WANTS, Left, Named, Want, named

MAX_BYTES = 16 << 20
MAX_LINE = 64 << 10  # characters, after joining: some 700 hashes
MAX_WORDS = 4000  # characters of a line without its options
MAX_SPECIFIERS = 100  # 9,000 took minutes to hold against 60 versions

_COMMENT = re.compile(r"(?:^|(?<=\s))#.*")
_VARIABLE = re.compile(r"\$\{([A-Z0-9_]+)\}")
_FILE = re.compile(r"[/\\]|^\.|\.(whl|zip|tar|tgz|tar\.\w+)$")
_BOMS = (("utf-8", b"\xef\xbb\xbf"), ("utf-16-le", b"\xff\xfe"), ("utf-16-be", b"\xfe\xff"))
_FLAGS = frozenset({"--no-index", "--pre", "--prefer-binary", "--require-hashes"})
_VALUED = {
    "-r": "--requirement", "-c": "--constraint", "-e": "--editable", "-i": "--index-url",
    "-f": "--find-links", "-C": "--config-settings",
}  # fmt: skip
_OPTIONS = _FLAGS | {
    *_VALUED.values(), "--pypi-url", "--extra-index-url", "--no-binary", "--only-binary",
    "--trusted-host", "--use-feature", "--hash", "--global-option", "--install-option",
    "--build-option", "--config-setting", "--all-releases", "--only-final",
}  # fmt: skip


@dataclass
class RequirementsFile:
    """What one file says. `requirements` and `constraints` are paths that it refers to."""

    wants: list[Want] = field(default_factory=list)
    left: list[Left] = field(default_factory=list)
    requirements: list[str] = field(default_factory=list)
    constraints: list[str] = field(default_factory=list)
    prereleases: bool = False


def decode(data: bytes) -> str:
    """Read the bytes as UTF-8, or as their byte order mark says: PowerShell writes UTF-16.

    Raise TooLarge beyond MAX_BYTES, BadRequest when it is no text.
    """
    if len(data) > MAX_BYTES:
        raise TooLarge(f"a requirements file may have {MAX_BYTES} bytes, this one has more")
    encoding, mark = next((b for b in _BOMS if data.startswith(b[1])), ("utf-8", b""))
    try:
        return data.removeprefix(mark).decode(encoding)
    except UnicodeDecodeError:
        raise BadRequest(f"the file is not text in {encoding}; save it as UTF-8") from None


def read(
    text: str, variables: Mapping[str, str] | None = None, *, most: int = MAX_WANTS
) -> RequirementsFile:
    """Read a file; `${NAME}` stands for one of `variables`. Lines nobody can read are `left`.

    Raise TooLarge when it asks for more than `most` things.
    """
    found = RequirementsFile()
    for line in lines(text):
        _take(found, _expanded(line, variables or {}))
        if len(found.wants) + len(found.left) + len(found.requirements) > most:
            raise TooLarge(f"the list asks for over {most} things; ask for fewer, or split it")
    return found


def lines(text: str) -> Iterator[str]:
    """Logical lines: continued ones joined, without comments, none empty."""
    pending: list[str] = []
    for raw in text.splitlines():
        comment = raw.lstrip().startswith("#")
        if raw.endswith("\\") and not comment:
            pending.append(raw.strip("\\"))
            continue
        # A line that is all comment ends what is continued.
        yield from _bare("".join([*pending, " " * comment + raw]))
        pending.clear()
    yield from _bare("".join(pending))


def _bare(line: str) -> Iterator[str]:
    line = _COMMENT.sub("", line).strip()
    if line:
        yield line


def _expanded(line: str, variables: Mapping[str, str]) -> str:
    return _VARIABLE.sub(lambda match: variables.get(match[1]) or match[0], line)


def _take(found: RequirementsFile, line: str) -> None:
    if len(line) > MAX_LINE:
        why = f"the line has over {MAX_LINE} characters; shorten it"
        found.left.append(Left(says=line[:100], why=why))
        return
    words, options = _split(line)
    try:
        said = list(_options(options))
        if words:
            found.wants.append(_want(words, [value for name, value in said if name == "--hash"]))
        else:
            _heed(found, said)
    except BadRequest as e:
        found.left.append(Left(says=(words or line)[:MAX_WORDS], why=str(e)))


def _split(line: str) -> tuple[str, str]:
    """Tell a requirement from the options behind it: these begin at the first word with a dash."""
    words = line.split(" ")
    at = next((at for at, word in enumerate(words) if word.startswith("-")), len(words))
    return " ".join(words[:at]).strip(), " ".join(words[at:])


def _options(text: str) -> Iterator[tuple[str, str]]:
    """Options with their values, as pip's own parser takes them. Raise BadRequest."""
    try:
        words = iter(shlex.split(text))
    except ValueError:
        raise BadRequest("a quotation mark is not closed; close it") from None
    for word in words:
        name, equals, value = word.partition("=")
        if not name.startswith("--"):
            name, value, equals = _VALUED.get(word[:2], word), word[2:], word[2:]
        if name not in _OPTIONS:
            raise BadRequest(f"{name} is no option of a requirements file; leave it out")
        yield name, value if equals or name in _FLAGS else next(words, "")


def _heed(found: RequirementsFile, options: list[tuple[str, str]]) -> None:
    for name, value in options:
        if name == "--requirement":
            found.requirements.append(value)
        elif name == "--constraint":
            found.constraints.append(value)
        elif name == "--pre":
            found.prereleases = True
        elif name == "--editable":
            raise BadRequest("it is installed from a folder or a repository, not from an index")


def _want(words: str, hashes: list[str]) -> Want:
    if len(words) > MAX_WORDS:
        raise BadRequest(f"the requirement has over {MAX_WORDS} characters; shorten it")
    if _FILE.search(words.partition(";")[0].partition("@")[0].strip()):
        raise BadRequest("it is a file or an address; an index has projects")
    try:
        parsed = Requirement(words)
    except (InvalidRequirement, RecursionError):
        raise BadRequest("it is no requirement (PEP 508); write NAME==VERSION") from None
    if parsed.url:
        raise BadRequest("it is installed from an address of its own, not from an index")
    if len(parsed.specifier) > MAX_SPECIFIERS:
        raise BadRequest(f"it has over {MAX_SPECIFIERS} version specifiers; give fewer")
    return Want(
        project=project_name(parsed.name),
        says=words,
        specifiers=parsed.specifier,
        marker=parsed.marker,
        files=tuple(_hashed(hashes)),
        extras=frozenset(parsed.extras),
    )


def _hashed(hashes: list[str]) -> Iterator[Named]:
    for each in hashes:
        file = named(None, [each])
        if file is None:
            raise BadName(f"--hash={each[:100]} is not an algorithm and a hexadecimal digest")
        yield file
