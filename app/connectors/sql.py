"""`sql`: a query of the settings, with values from the step, which are bound and never part of its text."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field, JsonValue
from pydantic_core import to_json

from app.connectors.base import Arguments, parse_arguments, parse_options
from app.errors import ConfigurationError, ConnectorError, ConnectorTimeout, ConnectorUnavailable
from app.settings import ConnectorSettings
from app.sql import Database, SQLAlchemyError, is_away, plain_value, text


class SqlConnectorOptions(BaseModel):
    """The queries that steps can name, and how much they may return; only with `write` may they change anything.

    With `free`, a step may also bring a query of its own.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    queries: dict[str, str] = Field(default_factory=dict)
    free: bool = False
    write: bool = False
    max_rows: int = Field(default=1000, ge=1)
    max_bytes: int = Field(default=512 * 1024, ge=1)


class SqlArguments(Arguments):
    """The name of a query, or its text where that is allowed, and its `parameters`, which it names with a colon."""

    query: str
    parameters: dict[str, JsonValue] = Field(default_factory=dict)


class SqlConnector:
    """Runs queries on one database; connections are opened by the first."""

    def __init__(self, database: Database, options: SqlConnectorOptions, timeout: float) -> None:
        self._database = database
        self._options = options
        self._timeout = timeout
        self._closed = False

    @classmethod
    def from_settings(cls, name: str, settings: ConnectorSettings) -> Self:
        """Return the database that the configuration calls `name`.

        Raises:
            ConfigurationError: it has no URL, or an option is not valid.
        """
        if not settings.url:
            raise ConfigurationError(f"connectors.{name}.url: is missing; give one such as sqlite:///orders.db")
        options = parse_options(name, settings, SqlConnectorOptions)
        if not (options.queries or options.free):
            raise ConfigurationError(f"connectors.{name}.options.queries: is empty, so there is nothing to ask")
        database = Database(
            settings.url,
            f"connectors.{name}.url",
            timeout=settings.timeout,
            write=options.write,
            connections=min(settings.max_concurrency, 20),
        )
        return cls(database, options, settings.timeout)

    async def run(self, arguments: Mapping[str, JsonValue], *, timeout: float) -> JsonValue:  # noqa: ARG002  # the database ends its statements
        """Return the rows, each as an object, or for a change how many rows it has changed.

        Raises:
            ConnectorError: there is no such query, a parameter is missing, or there are too many rows.
        """
        given = parse_arguments(arguments, SqlArguments)
        if self._closed:
            raise ConnectorError("the connector is closed")
        statement = self._options.queries.get(given.query) or (given.query if self._options.free else None)
        if statement is None:
            known = ", ".join(sorted(self._options.queries))
            raise ConnectorError(f"arguments.query: no query is called so; there are {known}")
        return await asyncio.to_thread(self._run, statement, given.parameters)

    async def close(self) -> None:
        """Close the connections; none is opened afterwards."""
        self._closed = True
        await asyncio.to_thread(self._database.close)

    def _run(self, statement: str, parameters: Mapping[str, JsonValue]) -> JsonValue:
        wanted = text(statement)
        if missing := sorted(wanted._bindparams.keys() - parameters.keys()):  # noqa: SLF001  # SQLAlchemy has no other way
            raise ConnectorError(f"arguments.parameters: {missing[0]} is missing")
        if unknown := sorted(parameters.keys() - wanted._bindparams.keys()):  # noqa: SLF001  # likewise
            raise ConnectorError(f"arguments.parameters: the query has no parameter {unknown[0]}")
        try:
            with self._database.transaction() as connection:
                result = connection.execution_options(**self._streaming).execute(wanted, dict(parameters))
                if not result.returns_rows:
                    return {"changed": result.rowcount}
                rows = [dict(row) for row in result.mappings().fetchmany(self._options.max_rows + 1)]
        except SQLAlchemyError as error:
            said = self._database.said(error)
            if "timeout" in said or "interrupted" in said:
                raise ConnectorTimeout(f"the query took longer than {self._timeout:g} s") from None
            raise (ConnectorUnavailable if is_away(error) else ConnectorError)(said) from None
        return self._limited(rows)

    @property
    def _streaming(self) -> dict[str, Any]:
        """Have rows fetched as they are read; what changes something cannot be."""
        return {} if self._options.write else {"stream_results": True, "max_row_buffer": 100}

    def _limited(self, rows: list[dict[Any, Any]]) -> JsonValue:
        if len(rows) > self._options.max_rows:
            raise ConnectorError(f"there are more than {self._options.max_rows} rows: ask for fewer, or raise max_rows")
        plain: list[JsonValue] = [{str(name): plain_value(value) for name, value in row.items()} for row in rows]
        size = len(to_json(plain, inf_nan_mode="null"))
        if size > self._options.max_bytes:
            raise ConnectorError(f"the rows are {size} bytes: ask for fewer, or raise max_bytes")
        return plain
