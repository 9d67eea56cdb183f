"""`sql`: the rows of a query, each a document that is written by a template."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import closing
from typing import Any, ClassVar, Literal, Self

from pydantic import Field, JsonValue

from app.errors import ConfigurationError, SourceError, SourceUnavailable
from app.settings import SourceSettings
from app.source.problems import unknown_key
from app.sources.base import Content, Item, Options, Permissions, from_thread, parse_options, required_url
from app.sql import Database, SQLAlchemyError, is_away, plain_value, text
from topics.metadata_filters import MetadataValue

_FIELD = re.compile(r"\{(\w+)\}")
#: Seconds in which a database should have ended a statement that takes too long.
_MARGIN = 5.0
#: Rows that the driver has in memory.
_ROWS = 200

_CONTENT_TYPES = {"markdown": "text/markdown", "text": "text/plain"}

Row = Mapping[str, Any]


class SqlOptions(Options):
    """The query, and what its columns are.

    `id` names a row, and `template` makes its text, with `{column}` for values. With a `cursor`, a column that grows
    with each change, only rows after the last sync's are read. `roles`, `tenant` and `deleted` are columns that say who
    may find a row, whose it is, and that it is gone; of those in `metadata`, searches can filter. Without `deletions`,
    rows that are missing are not looked for.
    """

    query: str = Field(min_length=1)
    template: str = Field(min_length=1)
    id: str = "id"
    format: Literal["markdown", "text"] = "markdown"
    cursor: str | None = None
    address: str | None = None
    metadata: tuple[str, ...] = ()
    roles: str | None = None
    tenant: str | None = None
    deleted: str | None = None
    deletions: bool = True
    write: bool = False


class SqlSource:
    """The rows of a query."""

    incremental: ClassVar[bool] = False

    def __init__(
        self,
        name: str,
        database: Database,
        options: SqlOptions,
        timeout: float,
        default_roles: tuple[str, ...] | None = (),
    ) -> None:
        self._name = name
        self._database = database
        self._options = options
        self._timeout = timeout
        self._default_roles = default_roles

    @classmethod
    def from_settings(cls, name: str, settings: SourceSettings) -> Self:
        """Return the query of the settings.

        Raises:
            ConfigurationError: an option is not valid, or the URL is not.
        """
        url = required_url(name, settings, "postgresql://reader:${DB_PASSWORD}@db/wiki")
        options = parse_options(name, settings, SqlOptions)
        setting = f"sources.{name}.url"
        database = Database(url, setting, timeout=settings.timeout, write=options.write, connections=0)
        kind = _Incremental if options.cursor else cls
        return kind(name, database, options, settings.timeout, settings.default_roles)  # type: ignore[return-value]  # a kind of it

    async def items(self, position: JsonValue) -> AsyncIterator[Item]:
        """Yield the rows, in the order of their ids, or of the cursor."""
        async for item in from_thread(self._items(position), self._timeout + _MARGIN, self._name):
            yield item

    async def read(self, item: Item) -> Content:
        """Refuse: each row comes with its content.

        Raises:
            SourceError: always.
        """
        raise SourceError(f"there is no row {item.id}")

    def ids(self) -> AsyncIterator[str] | None:
        """Yield the ids of all rows."""
        return from_thread(self._ids(), self._timeout + _MARGIN, self._name) if self._options.deletions else None

    async def close(self) -> None:
        """Close the connections."""
        self._database.close()

    def _order(self) -> tuple[str, ...]:
        return (self._options.id,)

    def _items(self, position: JsonValue) -> Iterator[Item]:
        order = self._order()
        columns = [self._quoted(one) for one in order]
        after: dict[str, Any] = {}
        where = " AND ".join(f"{one} IS NOT NULL" for one in columns)
        if position is not None:
            places = position if isinstance(position, list) else [position]
            after = {f"after{number}": value for number, value in enumerate(places)}
            where += f" AND {_beyond(columns, 0)}"
        statement = f"SELECT * FROM ({self._options.query}) q WHERE {where} ORDER BY {', '.join(columns)}"  # noqa: S608  # the operator's query
        for row in self._rows(statement, after):
            yield self._item(row, order)

    def _ids(self) -> Iterator[str]:
        column = self._quoted(self._options.id)
        statement = f"SELECT {column} FROM ({self._options.query}) q WHERE {column} IS NOT NULL"  # noqa: S608  # likewise
        for row in self._rows(statement, {}):
            yield str(next(iter(row.values())))

    def _rows(self, statement: str, values: Mapping[str, Any]) -> Iterator[Row]:
        try:
            with self._database.transaction() as connection:
                streamed = connection.execution_options(stream_results=True, max_row_buffer=_ROWS)
                with closing(streamed.execute(text(statement), values)) as result:
                    for row in result.mappings():
                        yield dict(row)
        except SQLAlchemyError as error:
            kind = SourceUnavailable if is_away(error) else SourceError
            raise kind(f"{self._name}: {self._database.said(error)}") from None

    def _quoted(self, column: str) -> str:
        return f"q.{self._database.engine.dialect.identifier_preparer.quote(column)}"

    def _item(self, row: Row, order: tuple[str, ...]) -> Item:
        options = self._options
        written = _FIELD.sub(lambda found: _text(self._value(row, found[1])), options.template)
        places = [plain_value(self._value(row, one)) for one in order]
        return Item(
            id=_text(self._value(row, options.id)),
            position=places if len(places) > 1 else places[0],
            deleted=bool(options.deleted and self._value(row, options.deleted)),
            address=_text(self._value(row, options.address)) or None if options.address else None,
            metadata={
                one: value for one in options.metadata if (value := _metadata(self._value(row, one))) is not None
            },
            permissions=self._permissions(row),
            content=Content(written.encode(errors="replace"), _CONTENT_TYPES[options.format]),
        )

    def _permissions(self, row: Row) -> Permissions | None:
        """Return who may find a row, if a column says it; where that is empty, it is nobody."""
        roles, tenant = self._options.roles, self._options.tenant
        if roles is None and tenant is None:
            return None
        owner = None if tenant is None else self._value(row, tenant)
        if tenant is not None and owner is None:
            return Permissions()
        said = _roles(self._value(row, roles)) if roles is not None else self._default_roles
        return Permissions(said, None if owner is None else str(owner))

    def _value(self, row: Row, column: str) -> Any:
        if column not in row:
            raise ConfigurationError(f"sources.{self._name}.options: {unknown_key(column, list(row))}")
        return row[column]


class _Incremental(SqlSource):
    """Goes on after the last row by the cursor, and by the id among those of one value."""

    incremental: ClassVar[bool] = True

    def _order(self) -> tuple[str, ...]:
        return (self._options.cursor or "", self._options.id)


def _beyond(columns: list[str], place: int) -> str:
    """Return the condition that a row comes after the values `after0`, `after1` … in this order."""
    first = f"{columns[place]} > :after{place}"
    if place + 1 == len(columns):
        return first
    return f"({first} OR ({columns[place]} = :after{place} AND {_beyond(columns, place + 1)}))"


def _text(value: Any) -> str:
    plain = plain_value(value)
    if plain is None:
        return ""
    return plain if isinstance(plain, str) else json.dumps(plain, ensure_ascii=False)


def _metadata(value: Any) -> MetadataValue | None:
    plain = plain_value(value)
    if isinstance(plain, list):
        return tuple(one for one in plain if isinstance(one, str | int | float | bool))
    return plain if isinstance(plain, str | int | float | bool) else None


def _roles(value: Any) -> tuple[str, ...]:
    """Return the roles in a column: an array, a JSON list, or names between commas; none if it is empty."""
    if isinstance(value, str) and value.lstrip().startswith("["):
        try:
            value = json.loads(value)
        except ValueError:
            return ()
    if isinstance(value, str):
        value = value.split(",")
    return tuple(str(one).strip() for one in value if str(one).strip()) if isinstance(value, list | tuple) else ()
