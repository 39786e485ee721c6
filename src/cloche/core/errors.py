"""Everything that can go wrong, as one tree. `web.problems` gives each kind its status, once.

Error
├── BadRequest                 the client's words cannot be understood
│   ├── BadName                not a project name, version, digest or filename
│   ├── BadUpload              an upload whose parts contradict each other; lists every problem
│   ├── BadBundle              a bundle that is damaged, forged, nobody's we trust, or out of turn
│   └── NotAcceptable          none of the forms in which this can be answered is wanted
├── Unauthenticated            nobody, or a token that is unknown, expired or revoked
├── Forbidden                  somebody, but not allowed to do this
│   ├── Denied                 a file that a rule does not let anybody have, or a page of such
│   └── Follows                the index does what another server does: changes are made there
├── NotFound
│   ├── NoSuchIndex
│   ├── NoSuchProject
│   │   ├── Elsewhere          an upstream that is not asked here may have it
│   │   └── NotThen            nothing tells whether an upstream had it at a past moment
│   ├── NoSuchMoment           no snapshot of that name
│   ├── ProjectDeleted         every file was deleted, and the name is nobody else's
│   ├── NoSuchFile
│   ├── NoSuchBlob
│   └── NoSuchAdmission        nothing is let past the rules under that number, or no longer
├── Forgotten                  what was seen at a past moment is not kept any more
├── Occupied                   somebody does what only one may do at a time
├── FileExists                 the filename is taken by other bytes, for ever
├── OtherJournal               what somebody followed is not the journal that is here
├── TooLarge                   beyond a bound set by the operator
├── UpstreamDown               could not look, and nothing kept: try again later
│   └── TransferBroken         a file transfer from an upstream ended early
├── UpstreamLies               an upstream's answer contradicts itself or a listed digest
│   └── DigestMismatch         the bytes are not the promised bytes
├── StorageFull                the disk, or a quota on it
├── StorageDown                database or blob store cannot be reached: try again later
└── BadSetting                 configuration or command line; never reaches HTTP
"""

import errno
from collections.abc import Mapping

FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
"""What the operating system says when bytes no longer fit: StorageFull here."""


class Error(Exception):
    """Root of the tree. Its text is one sentence for the user: the cause, then the cure."""

    @property
    def detail(self) -> str:
        return str(self)


class BadRequest(Error):
    pass


class BadName(BadRequest):
    pass


class BadUpload(BadRequest):
    """Carries all the problems found, so that one try shows them together."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


class BadBundle(BadRequest):
    pass


class NotAcceptable(BadRequest):
    pass


class Unauthenticated(Error):
    pass


class Forbidden(Error):
    pass


class Denied(Forbidden):
    """`members` say by which rule, why and until when, for programs (RFC 9457, section 3.2)."""

    def __init__(self, sentence: str, members: Mapping[str, object]) -> None:
        super().__init__(sentence)
        self.members = members


class Follows(Forbidden):
    @classmethod
    def to(cls, index: str, where: str) -> "Follows":
        """Changes of the index are made elsewhere."""
        return cls(
            f"index {index} follows {where}, where changes are made; make this one there, or, if "
            f"that server is gone for good, end it with `cloche promote {index}`"
        )


class NotFound(Error):
    pass


class NoSuchIndex(NotFound):
    pass


class NoSuchProject(NotFound):
    """`max_age` is for how many seconds that holds; None when nothing but the journal ends it.

    `upstreams` are those that were asked, and said so.
    """

    def __init__(
        self, sentence: str, *, max_age: float | None = None, upstreams: tuple[str, ...] = ()
    ) -> None:
        super().__init__(sentence)
        self.max_age = max_age
        self.upstreams = upstreams


class Elsewhere(NoSuchProject):
    """Not here; `url` may have it, and the client is to look there itself."""

    def __init__(self, sentence: str, *, url: str = "") -> None:
        super().__init__(sentence, max_age=0)
        self.url = url

    @classmethod
    def at(cls, upstream: str, base: str, project: str) -> "Elsewhere":
        """On the upstream's page; `base` is its address, with a slash at the end."""
        url = f"{base}{project}/"
        return cls(f"{project} is not here; {upstream} may have it, at {url}", url=url)


class NotThen(NoSuchProject):
    """A search for the name ends here, as a source that comes later may be a stranger."""


class NoSuchMoment(NotFound):
    pass


class ProjectDeleted(NotFound):
    """Not a NoSuchProject: a search for the name ends here."""


class NoSuchFile(NotFound):
    pass


class NoSuchBlob(NotFound):
    pass


class NoSuchAdmission(NotFound):
    pass


class Forgotten(Error):
    pass


class Occupied(Error):
    pass


class FileExists(Error):
    pass


class OtherJournal(Error):
    pass


class TooLarge(Error):
    pass


class UpstreamDown(Error):
    """`retry_after` is in seconds: what the upstream asked for, or a sensible wait."""

    def __init__(self, sentence: str, *, retry_after: int = 5) -> None:
        super().__init__(sentence)
        self.retry_after = retry_after


class TransferBroken(UpstreamDown):
    pass


class UpstreamLies(Error):
    pass


class DigestMismatch(UpstreamLies):
    pass


class StorageFull(Error):
    pass


class StorageDown(Error):
    pass


class BadSetting(Error):
    pass
