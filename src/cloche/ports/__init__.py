"""Every seam to the world. If it is not here, the services cannot do it."""

from collections.abc import Callable
from datetime import datetime

from cloche.ports.access import Accesses, Fetched, Recorded, Sought, Used
from cloche.ports.admissions import Admissions, Admitted
from cloche.ports.advisories import Advisories, Bulletin, Delivery, Feed, FeedState
from cloche.ports.arrivals import Arrivals, Bearer
from cloche.ports.audit import Audit, Inspection, Need, Spoilt, Verified
from cloche.ports.blobs import AtHand, Blobs, Opened, Spooled, Stored
from cloche.ports.builders import Builder, Guests, Lodging, Ran
from cloche.ports.bundles import Carried
from cloche.ports.cache import (
    Absences,
    Expiry,
    FactStore,
    Findings,
    Found,
    Holdings,
    Kept,
    KeptPages,
    PageStore,
)
from cloche.ports.catalog import Pulse, Token, Tokens, Upkeep
from cloche.ports.endings import Endings
from cloche.ports.following import Followable, Primary, Pursuit, Pursuits
from cloche.ports.handing import Placing, Signing
from cloche.ports.hooks import Courier, Cursors
from cloche.ports.ledger import (
    NO_DETAIL,
    Changes,
    Deed,
    Documentation,
    Entries,
    Entry,
    Journal,
    Ledger,
    Opening,
    Own,
    Records,
    Stewardship,
    Survey,
)
from cloche.ports.mirrors import (
    Failure,
    Leases,
    Mirroring,
    Mirrors,
    Roll,
    Rolled,
    Settled,
    Standing,
    Standings,
)
from cloche.ports.past import Chronicle, Policies, Remembered, Snapshot, Snapshots
from cloche.ports.people import Attestor, Login
from cloche.ports.promotion import Copy, Outside, Promotion
from cloche.ports.recalls import Recalls
from cloche.ports.spool import Growth, Hashed, Note, Partial, Scratch, Spool
from cloche.ports.stocks import Find, Guide, Left, Lot, Stock, Way
from cloche.ports.upstreams import Document, Foretelling, Greetable, Received, Transfer, Upstream
from cloche.ports.usage import Idle, Usage, Uses

__all__ = [
    "NO_DETAIL",
    "Absences",
    "Accesses",
    "Admissions",
    "Admitted",
    "Advisories",
    "Arrivals",
    "AtHand",
    "Attestor",
    "Audit",
    "Bearer",
    "Blobs",
    "Builder",
    "Bulletin",
    "Carried",
    "Changes",
    "Chronicle",
    "Clock",
    "Copy",
    "Courier",
    "Cursors",
    "Deed",
    "Delivery",
    "Document",
    "Documentation",
    "Endings",
    "Entries",
    "Entry",
    "Expiry",
    "FactStore",
    "Failure",
    "Feed",
    "FeedState",
    "Fetched",
    "Find",
    "Findings",
    "Followable",
    "Foretelling",
    "Found",
    "Greetable",
    "Growth",
    "Guests",
    "Guide",
    "Hashed",
    "Holdings",
    "Idle",
    "Inspection",
    "Journal",
    "Kept",
    "KeptPages",
    "Leases",
    "Ledger",
    "Left",
    "Lodging",
    "Login",
    "Lot",
    "Mirroring",
    "Mirrors",
    "Need",
    "Note",
    "Opened",
    "Opening",
    "Outside",
    "Own",
    "PageStore",
    "Partial",
    "Placing",
    "Policies",
    "Primary",
    "Promotion",
    "Pulse",
    "Pursuit",
    "Pursuits",
    "Ran",
    "Recalls",
    "Received",
    "Recorded",
    "Records",
    "Remembered",
    "Roll",
    "Rolled",
    "Scratch",
    "Settled",
    "Signing",
    "Snapshot",
    "Snapshots",
    "Sought",
    "Spoilt",
    "Spool",
    "Spooled",
    "Standing",
    "Standings",
    "Stewardship",
    "Stock",
    "Stored",
    "Survey",
    "Token",
    "Tokens",
    "Transfer",
    "Upkeep",
    "Upstream",
    "Usage",
    "Used",
    "Uses",
    "Verified",
    "Way",
]

Clock = Callable[[], datetime]
"""The time now, with its zone."""
