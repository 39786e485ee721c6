"""All that one database serves, opened."""

import asyncio
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Engine
from sqlalchemy.engine import URL
from sqlalchemy.exc import SQLAlchemyError

from cloche.catalog import address, revisions
from cloche.catalog.absences import SqlAbsences
from cloche.catalog.access import SqlAccesses
from cloche.catalog.admissions import SqlAdmissions
from cloche.catalog.advisories import SqlAdvisories
from cloche.catalog.arrivals import SqlArrivals
from cloche.catalog.audit import SqlAudit
from cloche.catalog.bundles import SqlCarried
from cloche.catalog.cursors import SqlCursors
from cloche.catalog.database import CONNECTIONS, Database
from cloche.catalog.documentation import SqlDocumentation
from cloche.catalog.endings import SqlEndings
from cloche.catalog.engine import is_sqlite, open_engine
from cloche.catalog.expiry import SqlExpiry
from cloche.catalog.facts import SqlFacts
from cloche.catalog.failures import said
from cloche.catalog.findings import SqlFindings
from cloche.catalog.followable import SqlFollowable
from cloche.catalog.history import SqlJournal
from cloche.catalog.holdings import SqlHoldings
from cloche.catalog.leases import SqlLeases
from cloche.catalog.leasing import LeasedPulse, dialer
from cloche.catalog.ledger import SqlLedger
from cloche.catalog.mirrors import SqlMirrors, SqlStandings
from cloche.catalog.pages import SqlPageStore
from cloche.catalog.past import SqlChronicle
from cloche.catalog.policies import SqlPolicies
from cloche.catalog.promotion import SqlPromotion
from cloche.catalog.pulse import Beacon, SqlitePulse
from cloche.catalog.pursuits import SqlPursuits
from cloche.catalog.recalls import SqlRecalls
from cloche.catalog.snapshots import SqlSnapshots
from cloche.catalog.stewardship import SqlStewardship
from cloche.catalog.tokens import SqlTokens
from cloche.catalog.upkeep import SqlUpkeep
from cloche.catalog.usage import SqlUsage
from cloche.core.errors import BadSetting, Error, StorageFull
from cloche.ports import (
    Absences,
    Accesses,
    Admissions,
    Advisories,
    Arrivals,
    Audit,
    Carried,
    Chronicle,
    Cursors,
    Documentation,
    Endings,
    Expiry,
    FactStore,
    Findings,
    Followable,
    Holdings,
    Journal,
    Leases,
    Ledger,
    Mirrors,
    PageStore,
    Policies,
    Promotion,
    Pulse,
    Pursuits,
    Recalls,
    Snapshots,
    Standings,
    Stewardship,
    Tokens,
    Upkeep,
    Usage,
    Uses,
)

__all__ = ["Catalog", "connect"]


@dataclass(frozen=True, slots=True)
class Catalog:
    """The ports that one database serves. `close` it in the end."""

    ledger: Ledger
    journal: Journal
    chronicle: Chronicle
    snapshots: Snapshots
    policies: Policies
    stewardship: Stewardship
    admissions: Admissions
    promotion: Promotion
    arrivals: Arrivals
    cursors: Cursors
    followable: Followable
    pursuits: Pursuits
    documentation: Documentation
    pages: PageStore
    findings: Findings
    facts: FactStore
    holdings: Holdings
    expiry: Expiry
    absences: Absences
    endings: Endings
    advisories: Advisories
    recalls: Recalls
    audit: Audit
    mirrors: Mirrors
    standings: Standings
    leases: Leases
    usage: Usage
    uses: Uses
    carried: Carried
    tokens: Tokens
    accesses: Accesses
    pulse: Pulse
    upkeep: Upkeep
    database: Database
    beside: Database  # the access journal's
    beacon: Beacon

    async def close(self) -> None:
        """Finish what is under way, then give back threads and connections."""
        await asyncio.to_thread(self.beside.close)
        await asyncio.to_thread(self.database.close)
        await asyncio.to_thread(self.beacon.close)


def connect(url: str, *, migrate: bool = True) -> Catalog:
    """Open the catalog at an address, made or brought up to date if need be.

    Raise BadSetting with cause and cure when that is not possible. Any number of
    processes may do this at once.
    """
    engine = _ready(url, migrate=migrate)
    beacon = _beacon(engine)
    database = Database(engine, beacon)
    beside = _beside(database, beacon, migrate=migrate)
    return Catalog(
        ledger=SqlLedger(database),
        journal=SqlJournal(database),
        chronicle=SqlChronicle(database),
        snapshots=SqlSnapshots(database),
        policies=SqlPolicies(database),
        stewardship=SqlStewardship(database),
        admissions=SqlAdmissions(database),
        promotion=SqlPromotion(database),
        arrivals=SqlArrivals(database),
        cursors=SqlCursors(database),
        followable=SqlFollowable(database),
        pursuits=SqlPursuits(database),
        documentation=SqlDocumentation(database),
        pages=SqlPageStore(database),
        findings=SqlFindings(database),
        facts=SqlFacts(database),
        holdings=SqlHoldings(database),
        expiry=SqlExpiry(database),
        absences=SqlAbsences(database),
        endings=SqlEndings(database),
        advisories=SqlAdvisories(database),
        recalls=SqlRecalls(database),
        audit=SqlAudit(database),
        mirrors=SqlMirrors(database),
        standings=SqlStandings(database),
        leases=SqlLeases(database),
        usage=SqlUsage(database),
        uses=SqlUsage(database),
        carried=SqlCarried(database),
        tokens=SqlTokens(database),
        accesses=SqlAccesses(beside),
        pulse=beacon,
        upkeep=SqlUpkeep(database),
        database=database,
        beside=beside,
        beacon=beacon,
    )


def _beside(database: Database, beacon: Beacon, *, migrate: bool) -> Database:
    """Where the access journal is: a write to SQLite's file is a beat of every worker's pulse."""
    if not is_sqlite(database.engine):
        return database
    main = Path(str(database.engine.url.database))
    path = main.with_name(f"{main.stem}-access{main.suffix}")
    return Database(_ready(f"sqlite:///{path}", migrate=migrate), beacon)


def _ready(url: str, *, migrate: bool) -> Engine:
    parsed = address.parse(url)
    try:
        return _opened(parsed, migrate=migrate)
    except (BadSetting, StorageFull):
        raise
    except Error as trouble:
        raise BadSetting(trouble.detail) from trouble
    except SQLAlchemyError as failure:
        raise BadSetting(
            f"the database {address.shown(parsed)} cannot be opened: {said(failure, parsed)!r}; "
            "correct its address"
        ) from failure


def _opened(url: URL, *, migrate: bool) -> Engine:
    engine = open_engine(url, CONNECTIONS)
    try:
        revisions.prepare(engine, migrate=migrate)
    except BaseException:
        engine.dispose()
        raise
    return engine


def _beacon(engine: Engine) -> Beacon:
    if is_sqlite(engine):
        return SqlitePulse(str(engine.url.database))
    return LeasedPulse(dialer(engine))
