"""SQL databases, by any URL of SQLAlchemy: reading that cannot change anything, and limits of time.

Only databases of which that can be had are read without being asked: PostgreSQL, MySQL and MariaDB in a read-only
transaction, SQLite by an authorizer that allows nothing else.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from datetime import time as clock_time
from decimal import Decimal
from typing import Any
from uuid import UUID

from pydantic import JsonValue

from app.errors import ConfigurationError, MissingDependency
from app.redaction import redactor

try:
    from sqlalchemy import Connection, Engine, NullPool, create_engine, event, make_url, text
    from sqlalchemy.exc import (
        ArgumentError,
        DBAPIError,
        InterfaceError,
        NoSuchModuleError,
        OperationalError,
        SQLAlchemyError,
        TimeoutError,  # noqa: A004  # of the pool
    )
except ImportError:  # this module is only imported where a database is configured
    raise MissingDependency('pip install "meta-ai-orchestrator[sql]"') from None

#: The drivers that the extra installs, in place of SQLAlchemy's own choice.
_DRIVERS = {"postgresql": "postgresql+psycopg", "postgres": "postgresql+psycopg"}
_READ_ONLY = {"postgresql", "mysql", "mariadb", "sqlite"}
#: What SQLite may do where it may only read.
_ALLOWED = {
    sqlite3.SQLITE_SELECT,
    sqlite3.SQLITE_READ,
    sqlite3.SQLITE_FUNCTION,
    sqlite3.SQLITE_RECURSIVE,
    sqlite3.SQLITE_TRANSACTION,
}
#: Of SQLite's instructions, so many run until the clock is looked at.
_INSTRUCTIONS = 1000
_LONGEST = 300

__all__ = ["Database", "SQLAlchemyError", "is_away", "plain_value", "text"]


class Database:
    """A database that is connected when it is first used; `setting` is what errors call it.

    A statement takes `timeout` seconds at most. Without `write`, none changes anything. So many `connections` are kept;
    0 keeps none.
    """

    def __init__(self, url: str, setting: str, *, timeout: float, write: bool = False, connections: int = 5) -> None:
        """Take the URL.

        Raises:
            ConfigurationError: it is not one, its driver is not installed, or it cannot be read without being changed.
        """
        try:
            parsed = make_url(url)
            parsed = parsed.set(drivername=_DRIVERS.get(parsed.drivername, parsed.drivername))
            self._secret = redactor([parsed.password] if parsed.password else [])
            options: dict[str, Any] = {"prepare_threshold": 0} if parsed.drivername == "postgresql+psycopg" else {}
            self.engine: Engine = create_engine(
                parsed, hide_parameters=True, pool_pre_ping=True, connect_args=options, **_pool(parsed, connections)
            )
        except ArgumentError:
            raise ConfigurationError(f"{setting}: is not a URL of a database, such as sqlite:///notes.db") from None
        except (NoSuchModuleError, ImportError) as problem:
            raise ConfigurationError(f"{setting}: its driver is not installed: {problem}") from None
        self._name = self.engine.dialect.name
        self._timeout = timeout
        self._write = write
        if not write and self._name not in _READ_ONLY:
            raise ConfigurationError(
                f"{setting}: {self._name} cannot be kept from changing anything: "
                "use a user that may only read, and set options.write to true"
            )
        if self._name == "sqlite":
            event.listen(self.engine, "connect", self._connected)

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """Have a connection in a transaction: committed at its end if it may write, and else undone."""
        with self.engine.connect() as connection:
            self._begin(connection)
            yield connection
            if self._write:
                connection.commit()
            else:
                connection.rollback()

    def said(self, error: SQLAlchemyError) -> str:
        """Return what a database says of an error, in one line without its password."""
        said = str(error.orig if isinstance(error, DBAPIError) else error).strip().split("\n")[0]
        return self._secret(said)[:_LONGEST] or type(error).__name__

    def close(self) -> None:
        """Close the connections."""
        self.engine.dispose()

    def _begin(self, connection: Connection) -> None:
        milliseconds = max(1, int(self._timeout * 1000))
        match self._name:
            case "postgresql":
                if not self._write:
                    connection.execute(text("SET TRANSACTION READ ONLY"))
                connection.execute(text(f"SET LOCAL statement_timeout = {milliseconds}"))
            case "mysql" | "mariadb":
                if not self._write:
                    connection.rollback()
                    connection.execute(text("SET SESSION TRANSACTION READ ONLY"))
                    connection.commit()
                if self._name == "mysql":
                    connection.execute(text(f"SET SESSION max_execution_time = {milliseconds}"))
            case "sqlite":
                until = time.monotonic() + self._timeout
                raw: Any = connection.connection.driver_connection
                raw.set_progress_handler(lambda: time.monotonic() > until, _INSTRUCTIONS)

    def _connected(self, raw: Any, _record: Any) -> None:
        if not self._write:
            raw.set_authorizer(lambda action, *_: sqlite3.SQLITE_OK if action in _ALLOWED else sqlite3.SQLITE_DENY)


def _pool(url: Any, connections: int) -> Mapping[str, Any]:
    if not connections:
        return {"poolclass": NullPool}
    in_memory = url.get_backend_name() == "sqlite" and url.database in {None, "", ":memory:"}
    return {} if in_memory else {"pool_size": connections, "max_overflow": 0}


def is_away(error: SQLAlchemyError) -> bool:
    """Whether a later try may succeed: the database cannot be reached, is too busy, or took too long."""
    orig = getattr(error, "orig", None)
    if isinstance(orig, sqlite3.OperationalError):  # it says so of errors in a statement, too
        return any(word in str(orig) for word in ("locked", "busy", "interrupted", "unable to open"))
    return isinstance(error, OperationalError | InterfaceError | TimeoutError)


def plain_value(value: Any) -> JsonValue:  # noqa: PLR0911  # one for each kind
    """Return a column's value as JSON: times as ISO 8601, decimals and ids as texts, bytes as hexadecimal digits."""
    match value:
        case None | bool() | int() | float() | str():
            return value
        case datetime() | date() | clock_time():
            return value.isoformat()
        case timedelta():
            return value.total_seconds()
        case Decimal() | UUID():
            return str(value)
        case bytes() | bytearray() | memoryview():
            return bytes(value).hex()
        case list() | tuple() | set():
            return [plain_value(one) for one in value]
        case dict():
            return {str(key): plain_value(one) for key, one in value.items()}
        case _:
            return str(value)
