"""Credentials as the catalog knows them: never a secret."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Connection, bindparam, insert, select, update

from cloche.catalog.database import Database
from cloche.catalog.glances import Look
from cloche.catalog.journal import record
from cloche.catalog.schema import tokens
from cloche.core.access import Action
from cloche.core.journal import Change
from cloche.ports import Token


@dataclass(frozen=True, slots=True)
class SqlTokens:
    database: Database

    async def add(self, token: Token, who: str) -> None:
        await self.database.to_writer(self._add, token, who)

    async def find(self, token_id: str) -> Token | None:
        found = await self.database.glance(_LOOK, {"token_id": token_id})
        if found is None:
            return await self.database.to_reader(self._find, token_id)
        return _token(found[0]) if found else None

    async def list(self) -> list[Token]:
        return await self.database.to_reader(_all, self.database)

    async def revoke(self, token_id: str, at: datetime, who: str) -> bool:
        return await self.database.to_writer(self._revoke, token_id, at, who)

    def _add(self, token: Token, who: str) -> None:
        with self.database.writing() as connection:
            connection.execute(insert(tokens), _row(token))
            detail = {"indexes": token.indexes, "can": token.can}
            _journal(connection, Change.TOKEN_CREATED, token, token.created_at, who, **detail)

    def _find(self, token_id: str) -> Token | None:
        with self.database.reading() as connection:
            return _found(connection, token_id)

    def _revoke(self, token_id: str, at: datetime, who: str) -> bool:
        with self.database.writing() as connection:
            token = _found(connection, token_id)
            if token is None or token.revoked_at is not None:
                return False
            named = update(tokens).where(tokens.c.id == token_id)
            connection.execute(named, {"revoked_at": at})
            _journal(connection, Change.TOKEN_REVOKED, token, at, who)
            return True


_FIND = select(tokens).where(tokens.c.id == bindparam("token_id"))
_LOOK = Look(_FIND)


def _all(database: Database) -> list[Token]:
    query = select(tokens).order_by(tokens.c.created_at, tokens.c.id)
    with database.reading() as connection:
        return [_token(row._asdict()) for row in connection.execute(query)]


def _found(connection: Connection, token_id: str) -> Token | None:
    row = connection.execute(_FIND, {"token_id": token_id}).one_or_none()
    return None if row is None else _token(row._asdict())


def _journal(
    connection: Connection, action: Change, token: Token, at: datetime, who: str, **detail: Any
) -> None:
    about = {"id": token.id, "name": token.name, **detail}
    record(connection, action, at=at, who=who, detail=about)


def _row(token: Token) -> dict[str, Any]:
    row = msgspec.structs.asdict(token)
    row["indexes"] = msgspec.json.encode(token.indexes).decode()
    row["can"] = msgspec.json.encode(token.can).decode()
    return row


def _token(row: dict[str, Any]) -> Token:
    indexes = msgspec.json.decode(row["indexes"], type=tuple[str, ...])
    can = msgspec.json.decode(row["can"], type=tuple[Action, ...])
    return Token(**{**row, "indexes": indexes, "can": can})
