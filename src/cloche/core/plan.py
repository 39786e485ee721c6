"""What a run of a mirror is to do, and what it came to."""

from msgspec import Struct

from cloche.core.mirrors import Choice, Gone, Mode
from cloche.core.targets import Targets
from cloche.core.wants import Want


class Plan(Struct, frozen=True, kw_only=True):
    """What of an upstream is to be here, and how it is brought."""

    upstream: str
    mode: Mode
    choice: Choice
    gone: Gone
    indexes: tuple[str, ...]  # under whose rules
    policy: str  # all of that in a word, so that a change of it is noticed
    jobs: int
    environments: tuple[Targets, ...] = ()  # for which dependencies are wanted too; none: for none
    wants: tuple[Want, ...] = ()  # what requirements say of versions
    prereleases: bool = False  # they say that these will do
    whole: Choice | None = None  # of what is chosen, that of which all versions are
    full: bool = False  # look at every project, whatever the serials say
    dry: bool = False  # say what would be done, and change nothing
    patient: bool = False  # what failed is not tried again before its time
    shrink: bool = False  # a list that is much shorter than before is believed
    processes: int = 1  # at most
    many: int = 1  # projects at once, from which on there is more than one process


class Done(Struct, frozen=True, kw_only=True):
    """What a run came to. With a dry run: would come to."""

    upstream: str
    projects: int = 0  # looked at
    files: int = 0  # brought
    size: int = 0
    dropped: int = 0
    failed: int = 0  # projects of which something could not be had
    notes: tuple[str, ...] = ()  # what is not known of dependencies
