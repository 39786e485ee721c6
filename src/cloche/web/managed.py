"""What the management API is over."""

from dataclasses import dataclass

from cloche.ports import Accesses
from cloche.service.admit import Admit
from cloche.service.builds import Builds
from cloche.service.explain import Explain
from cloche.service.followed import Followed
from cloche.service.promote import Promote
from cloche.service.shelf import Shelf
from cloche.service.snapshots import Naming
from cloche.service.steward import Steward


@dataclass(frozen=True, slots=True)
class Managed:
    """The use cases that it is over."""

    steward: Steward
    builds: Builds
    admit: Admit
    promote: Promote
    explain: Explain
    naming: Naming
    shelf: Shelf
    accesses: Accesses
    followed: Followed
