"""Milvus: a server, or Milvus Lite on a file of this machine; words by Milvus's own BM25."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, Literal

from app.retrieval.base import Embedder
from app.retrieval.stores.base import Generation, Hit, IndexInfo, IndexOptions, Point, StoredPoint
from app.retrieval.stores.conditions import Bounded, Condition, Tagged, Wanted
from app.retrieval.stores.hashed import hashed, hashed_words
from app.retrieval.stores.optional import client_package, need_endpoint, read_options
from app.retrieval.stores.remote import VectorStore
from app.settings import RetrievalSettings
from app.vectors import Vector

_EXTRA = "milvus"
_BATCH = 100
_PAGE = 1000
#: The property with what a collection was made with, which Milvus Lite keeps and a description it does not.
_ABOUT = "meta_ai"
#: Bytes of a text, and elements of a list, which a field must state.
_LONGEST, _MANY = 65_535, 4096
_METRICS = {"cosine": "COSINE", "dot": "IP", "euclidean": "L2"}
#: BM25's parameters, as those of Lucene.
_BM25 = {"bm25_k1": 1.5, "bm25_b": 0.75}


class MilvusOptions(IndexOptions):
    """Vectors are not quantised."""

    quantization: Literal["none"] = "none"


class MilvusStore(VectorStore):
    """Chunks in collections of Milvus, 2.5 or later, or of Milvus Lite."""

    @classmethod
    def from_settings(cls, settings: RetrievalSettings, embedder: Embedder) -> MilvusStore:
        """Return a store at `settings.endpoint`, a URL or a file, with `settings.api_key` as its token.

        Raises:
            ConfigurationError: a setting is missing or wrong.
            MissingDependency: the client is not installed.
        """
        endpoint = need_endpoint(settings, "http://127.0.0.1:19530 or ./milvus.db")
        options = read_options(settings, MilvusOptions)
        token = settings.api_key.get_secret_value() if settings.api_key else ""
        database = MilvusDatabase(endpoint, token, options, timeout=settings.timeout)
        return cls(embedder, database, settings, index=options.index)


class MilvusDatabase:
    """A collection for each generation, and an alias for the live one. Every read sees what was written before it.

    What filters compare with is kept as hashes, so that no text of a document or a task is part of an expression.
    """

    most = 10_000

    def __init__(self, endpoint: str, token: str, options: MilvusOptions, *, timeout: float) -> None:
        self._milvus = client_package("pymilvus", _EXTRA)
        if "://" not in endpoint:
            client_package("milvus_lite", "milvus-lite")
        logging.getLogger("pymilvus").setLevel(logging.CRITICAL)  # what it logs, it also raises
        self.failures: tuple[type[Exception], ...] = (
            client_package("pymilvus.exceptions", _EXTRA).MilvusException,
            client_package("grpc", _EXTRA).RpcError,
        )
        self.has_words = options.words
        self._options = options
        self._where = {"uri": endpoint, "token": token, "timeout": timeout}
        self._client: Any = None

    async def open(self) -> None:
        """Connect, which the client does when it is made."""
        if self._client is None:
            self._client = await asyncio.to_thread(self._milvus.MilvusClient, **self._where)

    async def live(self) -> Generation | None:
        """Return what the alias stands for."""
        name = await self._aliased()
        if name is None:
            return None
        found = await self._call("describe_collection", name)
        return Generation(name, IndexInfo.from_json(found["properties"].get(_ABOUT, found["description"])))

    async def _aliased(self) -> str | None:
        try:
            found: str = (await self._call("describe_alias", self._options.index))["collection_name"]
        except self.failures:
            if await self.generations():  # else the server is there, and has no such alias yet
                known = await asyncio.gather(*(self._call("list_aliases", one) for one in await self.generations()))
                if any(self._options.index in aliases["aliases"] for aliases in known):
                    raise
            return None
        return found

    async def create(self, name: str, info: IndexInfo) -> None:
        """Create a collection with its indexes, and load it."""
        if await self._call("has_collection", name):
            return
        await self._call(
            "create_collection",
            name,
            schema=self._schema(info),
            index_params=self._indexes(),
            consistency_level="Strong",
            properties={_ABOUT: info.to_json()},
        )

    def _schema(self, info: IndexInfo) -> Any:
        milvus, kinds = self._milvus, self._milvus.DataType
        schema = milvus.MilvusClient.create_schema(
            auto_id=False, enable_dynamic_field=False, description=info.to_json()
        )
        schema.add_field("id", kinds.VARCHAR, is_primary=True, max_length=64)
        for field in ("document", "head", "chunk", "source"):
            schema.add_field(field, kinds.VARCHAR, max_length=_LONGEST)
        for field in ("key", "revision", "collection", "tenant"):
            schema.add_field(field, kinds.VARCHAR, max_length=64)
        for field in ("roles", "tags"):
            schema.add_field(field, kinds.ARRAY, element_type=kinds.VARCHAR, max_length=64, max_capacity=_MANY)
        schema.add_field("numbers", kinds.JSON)
        schema.add_field("at", kinds.DOUBLE)
        schema.add_field("embedding", kinds.FLOAT_VECTOR, dim=info.dimensions)
        if self.has_words:
            analyzer = {"tokenizer": "standard"}
            schema.add_field(
                "words", kinds.VARCHAR, max_length=_LONGEST, enable_analyzer=True, analyzer_params=analyzer
            )
            schema.add_field("terms", kinds.SPARSE_FLOAT_VECTOR)
            schema.add_function(
                milvus.Function(
                    name="bm25",
                    input_field_names=["words"],
                    output_field_names=["terms"],
                    function_type=milvus.FunctionType.BM25,
                )
            )
        return schema

    def _indexes(self) -> Any:
        options, indexes = self._options, self._milvus.MilvusClient.prepare_index_params()
        build = {"M": options.m, "efConstruction": options.ef_construction} if options.kind == "hnsw" else {}
        metric = _METRICS[options.metric]
        indexes.add_index("embedding", index_type=options.kind.upper(), metric_type=metric, params=build)
        if self.has_words:
            indexes.add_index("terms", index_type="SPARSE_INVERTED_INDEX", metric_type="BM25", params=_BM25)
        return indexes

    async def switch(self, name: str) -> None:
        """Point the alias at a collection."""
        action = "alter_alias" if await self._aliased() else "create_alias"
        await self._call(action, name, self._options.index)

    async def generations(self) -> list[str]:
        """Return the names of the collections."""
        return sorted(
            name for name in await self._call("list_collections") if name.startswith(f"{self._options.index}_")
        )

    async def drop(self, name: str) -> None:
        """Drop a collection."""
        await self._call("drop_collection", name)

    async def upsert(self, name: str, points: Sequence[Point]) -> None:
        """Write the points, some at a time."""
        rows = [self._row(point) for point in points]
        for start in range(0, len(rows), _BATCH):
            await self._call("upsert", name, rows[start : start + _BATCH])

    def _row(self, point: Point) -> dict[str, Any]:
        fields = ("id", "document", "revision", "head", "chunk", "source", "tags", "at")
        return {
            **{field: getattr(point, field) for field in fields},
            "key": hashed(point.document),
            "collection": hashed(point.collection),
            "tenant": hashed(point.tenant),
            "roles": [hashed(role) for role in point.roles],
            "numbers": dict(point.numbers),
            "embedding": point.vector.tolist(),
            **({"words": hashed_words(point.words)} if self.has_words else {}),
        }

    async def delete(self, name: str, document: str, *, keep: str = "", only: str = "") -> None:
        """Delete the rows of a document: all but those of the revision `keep`, or those of the revision `only`."""
        others = f' and revision == "{only}"' if only else f' and revision != "{keep}"'
        await self._call("delete", name, filter=f'key == "{hashed(document)}"{others}')

    async def has(self, name: str, point: str, *, tenant: str, collection: str) -> bool:  # noqa: ARG002  # ids are enough
        """Return whether there is a row with this id."""
        return bool(await self._call("get", name, [point], output_fields=["id"]))

    async def nearest(self, name: str, vector: Vector, *, limit: int, wanted: Wanted) -> list[Hit]:
        """Return the nearest rows."""
        params = {"ef": max(self._options.ef_search, limit)} if self._options.kind == "hnsw" else {}
        return await self._search(name, vector.tolist(), "embedding", limit, wanted, params)

    async def matching(self, name: str, terms: Sequence[str], *, limit: int, wanted: Wanted) -> list[Hit]:
        """Return the rows with the best BM25."""
        return await self._search(name, hashed_words(dict.fromkeys(terms, 1.0)), "terms", limit, wanted, {})

    async def _search(
        self, name: str, query: Any, field: str, limit: int, wanted: Wanted, params: Mapping[str, Any]
    ) -> list[Hit]:
        found = await self._call(
            "search",
            name,
            [query],
            limit=limit,
            anns_field=field,
            filter=_filter(wanted),
            output_fields=["head", "chunk"],
            search_params={"params": dict(params)},
        )
        return [Hit(hit["id"], hit["entity"]["head"], hit["entity"]["chunk"]) for hit in found[0]]

    async def count(self, name: str) -> int:
        """Return the number of rows."""
        return int((await self._call("query", name, filter="", output_fields=["count(*)"]))[0]["count(*)"])

    async def points(self, name: str) -> AsyncIterator[StoredPoint]:
        """Yield the rows, page by page."""
        fields = ["id", "document", "revision"]
        pages = await self._call("query_iterator", name, batch_size=_PAGE, output_fields=fields)
        while page := await asyncio.to_thread(pages.next):
            for row in page:
                yield StoredPoint(*(row[field] for field in fields))
        pages.close()

    async def close(self) -> None:
        """Close the connection."""
        if self._client is not None:
            await self._call("close")
            self._client = None

    async def _call(self, method: str, *arguments: Any, **options: Any) -> Any:
        """Call the client, in a thread: with Milvus Lite its calls are work of this process."""
        return await asyncio.to_thread(getattr(self._client, method), *arguments, **options)


def _filter(wanted: Wanted) -> str:
    tenants, roles = (_list(map(hashed, values)) for values in (wanted.tenants, wanted.roles))
    parts = [
        f'collection == "{hashed(wanted.collection)}"',
        f"tenant in {tenants}",
        f"ARRAY_CONTAINS_ANY(roles, {roles})",
    ]
    if wanted.condition is not None:
        parts.append(_condition(wanted.condition))
    return " and ".join(parts)


def _list(values: Any) -> str:
    return f"[{', '.join(f'{chr(34)}{value}{chr(34)}' for value in values)}]"


def _condition(condition: Condition) -> str:
    match condition:
        case Tagged(tags, negated):
            return f"{'not ' if negated else ''}ARRAY_CONTAINS_ANY(tags, {_list(tags)})"
        case Bounded(name, at_least, value):
            return f'numbers["{name}"] {">=" if at_least else "<="} {value!r}'
        case _:
            joined = " or " if condition.any_of else " and "
            return f"({joined.join(f'({_condition(part)})' for part in condition.parts)})"
