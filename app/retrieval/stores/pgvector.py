"""PostgreSQL with pgvector: plain SQL over psycopg; BM25 over the words that a GIN index finds."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from typing import Any, Literal

from app.retrieval.base import Embedder
from app.retrieval.stores.base import Generation, Hit, IndexInfo, IndexOptions, Point, StoredPoint
from app.retrieval.stores.conditions import Bounded, Condition, Tagged, Wanted
from app.retrieval.stores.optional import client_package, need_endpoint, read_options
from app.retrieval.stores.remote import VectorStore
from app.settings import RetrievalSettings
from app.vectors import Vector

_EXTRA = "pgvector"
_DISTANCES = {"cosine": ("<=>", "cosine"), "dot": ("<#>", "ip"), "euclidean": ("<->", "l2")}
#: The largest vectors of an HNSW index of pgvector.
_MOST_DIMENSIONS = {"vector": 2000, "halfvec": 4000}

_LOCK = "SELECT pg_advisory_xact_lock(hashtext('meta_ai_stores'))"
_COLUMNS = """
    id uuid PRIMARY KEY, document text NOT NULL, revision text NOT NULL, head text NOT NULL, chunk text NOT NULL,
    source text NOT NULL, collection text NOT NULL, tenant text NOT NULL, roles text[] NOT NULL, tags text[] NOT NULL,
    numbers jsonb NOT NULL, words jsonb NOT NULL, at timestamptz NOT NULL
"""
_UPSERT = """
    INSERT INTO {table} (id, document, revision, head, chunk, source, collection, tenant, roles, tags, numbers, words,
        at, embedding)
    VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, to_timestamp(%s), %s::{type})
    ON CONFLICT (id) DO UPDATE SET head = excluded.head, chunk = excluded.chunk, source = excluded.source,
        roles = excluded.roles, tags = excluded.tags, numbers = excluded.numbers, words = excluded.words,
        at = excluded.at, embedding = excluded.embedding
"""
#: BM25 of what the search may find: how rare a term is, is counted there only.
_MATCHING = """
    WITH found AS (SELECT id, words FROM {table} WHERE {where} AND words ?| %s),
        size AS (SELECT count(*)::float AS chunks FROM {table} WHERE {where}),
        pairs AS (SELECT id, term, (words->>term)::float AS weight FROM found, unnest(%s::text[]) AS term
            WHERE words ? term),
        rarity AS (SELECT term, ln(1 + (size.chunks - count(*) + 0.5) / (count(*) + 0.5)) AS idf
            FROM pairs, size GROUP BY term, size.chunks),
        best AS (SELECT id, sum(weight * idf) AS score FROM pairs JOIN rarity USING (term)
            GROUP BY id ORDER BY score DESC, id LIMIT %s)
    SELECT id::text, head, chunk FROM best JOIN {table} USING (id) ORDER BY score DESC, id
"""


class PgvectorOptions(IndexOptions):
    """Half precision is the one quantisation."""

    quantization: Literal["none", "half"] = "none"


class PgvectorStore(VectorStore):
    """Chunks in PostgreSQL with the extension `vector`, 0.8 or later."""

    @classmethod
    def from_settings(cls, settings: RetrievalSettings, embedder: Embedder) -> PgvectorStore:
        """Return a store at `settings.endpoint`, whose password is `settings.api_key`.

        Raises:
            ConfigurationError: a setting is missing or wrong.
            MissingDependency: psycopg is not installed.
        """
        endpoint = need_endpoint(settings, "postgresql://meta_ai@127.0.0.1:5432/meta_ai")
        options = read_options(settings, PgvectorOptions)
        secret = settings.api_key.get_secret_value() if settings.api_key else ""
        database = PostgresDatabase(endpoint, secret, options, timeout=settings.timeout)
        return cls(embedder, database, settings, index=options.index)


class PostgresDatabase:
    """A table for each generation, and a table that says which one is live."""

    most = 10_000

    def __init__(self, endpoint: str, password: str, options: PgvectorOptions, *, timeout: float) -> None:
        self._psycopg = client_package("psycopg", _EXTRA)
        self._pools = client_package("psycopg_pool", _EXTRA)
        self._sql = client_package("psycopg.sql", _EXTRA)
        self.failures: tuple[type[Exception], ...] = (self._psycopg.Error, self._pools.PoolTimeout)
        self.has_words = options.words
        self._options = options
        self._type = "halfvec" if options.quantization == "half" else "vector"
        self._about = f"{options.index}_generations"
        arguments = {"autocommit": True, "connect_timeout": max(2, int(timeout))}
        self._pool = self._pools.AsyncConnectionPool(
            endpoint,
            kwargs=arguments | ({"password": password} if password else {}),
            min_size=0,
            max_size=8,
            timeout=timeout,
            open=False,
            configure=self._configure,
        )

    async def open(self) -> None:
        """Open the pool, and make the table of generations."""
        await self._pool.open()
        async with self._pool.connection() as connection, connection.transaction():
            await connection.execute(_LOCK)
            found = await connection.execute("SELECT to_regclass(%s)", [self._about])
            if (await found.fetchone())[0] is None:
                await connection.execute("CREATE EXTENSION IF NOT EXISTS vector")
                columns = "(name text PRIMARY KEY, about text NOT NULL, live boolean NOT NULL)"
                await connection.execute(self._query("CREATE TABLE {table} " + columns, self._about))

    async def _configure(self, connection: Any) -> None:
        """Have filtered searches of an HNSW index go on until they have found enough."""
        await connection.execute("SELECT set_config('hnsw.iterative_scan', 'strict_order', false)")
        await connection.execute("SELECT set_config('hnsw.ef_search', %s, false)", [str(self._options.ef_search)])

    async def live(self) -> Generation | None:
        """Return the live generation."""
        rows = await self._rows(self._query("SELECT name, about FROM {table} WHERE live", self._about))
        return Generation(rows[0][0], IndexInfo.from_json(rows[0][1])) if rows else None

    async def create(self, name: str, info: IndexInfo) -> None:
        """Create the table of a generation and its indexes."""
        async with self._pool.connection() as connection, connection.transaction():
            await connection.execute(_LOCK)
            columns = f"{_COLUMNS}, embedding {self._type}({info.dimensions}) NOT NULL"
            await connection.execute(self._query(f"CREATE TABLE IF NOT EXISTS {{table}} ({columns})", name))
            for number, index in enumerate(self._indexes(info)):
                text = f"CREATE INDEX IF NOT EXISTS {{index}} ON {{table}} {index}"
                await connection.execute(self._query(text, name, index=f"{name}_{number}"))
            await connection.execute(
                self._query("INSERT INTO {table} VALUES (%s, %s, false) ON CONFLICT DO NOTHING", self._about),
                [name, info.to_json()],
            )

    def _indexes(self, info: IndexInfo) -> list[str]:
        found = ["(document)", "(collection, tenant)", "USING gin (tags)"]
        if self.has_words:
            found.append("USING gin (words)")
        if self._options.kind == "hnsw" and info.dimensions <= _MOST_DIMENSIONS[self._type]:
            operators = f"{self._type}_{_DISTANCES[self._options.metric][1]}_ops"
            build = f"(m = {self._options.m}, ef_construction = {self._options.ef_construction})"
            found.append(f"USING hnsw (embedding {operators}) WITH {build}")
        return found

    async def switch(self, name: str) -> None:
        """Make a generation the live one."""
        async with self._pool.connection() as connection:
            await connection.execute(self._query("UPDATE {table} SET live = (name = %s)", self._about), [name])

    async def generations(self) -> list[str]:
        """Return their names."""
        return [row[0] for row in await self._rows(self._query("SELECT name FROM {table} ORDER BY name", self._about))]

    async def drop(self, name: str) -> None:
        """Drop the table of a generation."""
        async with self._pool.connection() as connection, connection.transaction():
            await connection.execute(self._query("DELETE FROM {table} WHERE name = %s", self._about), [name])
            await connection.execute(self._query("DROP TABLE IF EXISTS {table}", name))

    async def upsert(self, name: str, points: Sequence[Point]) -> None:
        """Write the points in one transaction."""
        rows = [
            (
                *(one.id, one.document, one.revision, one.head, one.chunk, one.source, one.collection, one.tenant),
                *(one.roles, one.tags, json.dumps(dict(one.numbers)), json.dumps(dict(one.words))),
                *(one.at, _vector(one.vector)),
            )
            for one in points
        ]
        async with self._pool.connection() as connection, connection.transaction():
            query = self._query(_UPSERT.replace("{type}", self._type), name)
            await connection.cursor().executemany(query, [tuple(map(_storable, row)) for row in rows])

    async def delete(self, name: str, document: str, *, keep: str = "", only: str = "") -> None:
        """Delete the rows of a document: all but those of the revision `keep`, or those of the revision `only`."""
        which = "revision = %s" if only else "revision <> %s"
        query = self._query(f"DELETE FROM {{table}} WHERE document = %s AND {which}", name)  # noqa: S608  # of constants
        async with self._pool.connection() as connection:
            await connection.execute(query, [_storable(document), only or keep])

    async def has(self, name: str, point: str, *, tenant: str, collection: str) -> bool:  # noqa: ARG002  # ids are enough
        """Return whether there is a row with this id."""
        return bool(await self._rows(self._query("SELECT 1 FROM {table} WHERE id = %s", name), [point]))

    async def nearest(self, name: str, vector: Vector, *, limit: int, wanted: Wanted) -> list[Hit]:
        """Return the nearest rows."""
        where, values = _where(wanted)
        distance = f"embedding {_DISTANCES[self._options.metric][0]} %s::{self._type}"
        text = f"SELECT id::text, head, chunk FROM {{table}} WHERE {where} ORDER BY {distance} LIMIT %s"  # noqa: S608  # of constants
        rows = await self._rows(self._query(text, name), [*values, _vector(vector), limit])
        return [Hit(*row) for row in rows]

    async def matching(self, name: str, terms: Sequence[str], *, limit: int, wanted: Wanted) -> list[Hit]:
        """Return the rows with the best BM25."""
        where, values = _where(wanted)
        known = [_storable(term) for term in terms]
        text = _MATCHING.replace("{where}", where)
        rows = await self._rows(self._query(text, name), [*values, known, *values, known, limit])
        return [Hit(*row) for row in rows]

    async def count(self, name: str) -> int:
        """Return the number of rows."""
        return int((await self._rows(self._query("SELECT count(*) FROM {table}", name)))[0][0])

    async def points(self, name: str) -> AsyncIterator[StoredPoint]:
        """Yield the rows, from a cursor of the server."""
        query = self._query("SELECT id::text, document, revision FROM {table}", name)
        async with (
            self._pool.connection() as connection,
            connection.transaction(),
            connection.cursor(name="points") as cursor,
        ):
            await cursor.execute(query)
            async for row in cursor:
                yield StoredPoint(*row)

    async def close(self) -> None:
        """Close the pool."""
        await self._pool.close()

    def _query(self, text: str, table: str, **names: str) -> Any:
        """Return a query with the name of a table in it; `%s` and `?` stay as they are."""
        given = {name: self._sql.Identifier(value) for name, value in {"table": table, **names}.items()}
        return self._sql.SQL(text).format(**given)

    async def _rows(self, query: Any, values: Sequence[Any] = ()) -> list[Any]:
        async with self._pool.connection() as connection:
            found: list[Any] = await (await connection.execute(query, values)).fetchall()
            return found


def _vector(vector: Vector) -> str:
    return f"[{','.join(map(str, vector.tolist()))}]"


def _storable(value: Any) -> Any:
    """Return a value without NUL, which no text of PostgreSQL may have; the JSON of a chunk has it escaped."""
    return value.replace("\0", "\ufffd").replace("\\u0000", "\\ufffd") if isinstance(value, str) else value


def _where(wanted: Wanted) -> tuple[str, list[Any]]:
    text = "collection = %s AND tenant = ANY(%s) AND roles && %s"
    values: list[Any] = [_storable(wanted.collection), list(wanted.tenants), list(map(_storable, wanted.roles))]
    if wanted.condition is None:
        return text, values
    condition, more = _condition(wanted.condition)
    return f"{text} AND {condition}", [*values, *more]


def _condition(condition: Condition) -> tuple[str, list[Any]]:
    match condition:
        case Tagged(tags, negated):
            return f"{'NOT ' if negated else ''}(tags && %s)", [list(tags)]
        case Bounded(name, at_least, value):
            return f"((numbers->>%s)::float8 {'>=' if at_least else '<='} %s)", [name, value]
        case _:
            parts = [_condition(part) for part in condition.parts]
            joined = (" OR " if condition.any_of else " AND ").join(text for text, _ in parts)
            return f"({joined})", [value for _, values in parts for value in values]
