"""Weaviate: collections with vectors of ours; words by Weaviate's own BM25."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, Literal
from urllib.parse import urlsplit

from pydantic import Field

from app.errors import RetrievalError
from app.retrieval.base import Embedder
from app.retrieval.stores.base import Generation, Hit, IndexInfo, IndexOptions, Point, StoredPoint
from app.retrieval.stores.conditions import Bounded, Condition, Tagged, Wanted
from app.retrieval.stores.hashed import hashed, hashed_words
from app.retrieval.stores.optional import client_package, need_endpoint, read_options
from app.retrieval.stores.remote import VectorStore
from app.settings import RetrievalSettings
from app.vectors import Vector

_EXTRA = "weaviate"
_BATCH = 100
_METRICS = {"cosine": "COSINE", "dot": "DOT", "euclidean": "L2_SQUARED"}
#: The texts that are compared as a whole, and those that only come back.
_COMPARED, _KEPT = ("key", "revision", "collection", "tenant"), ("document", "head", "chunk", "source")


class WeaviateOptions(IndexOptions):
    """`grpc_port` is where the server answers searches."""

    quantization: Literal["none", "int8", "binary"] = "none"
    grpc_port: int = Field(default=50051, ge=1, le=65535)


class WeaviateStore(VectorStore):
    """Chunks in collections of Weaviate, 1.33 or later."""

    @classmethod
    def from_settings(cls, settings: RetrievalSettings, embedder: Embedder) -> WeaviateStore:
        """Return a store at `settings.endpoint`, with `settings.api_key` if there is one.

        Raises:
            ConfigurationError: a setting is missing or wrong.
            MissingDependency: the client is not installed.
        """
        endpoint = need_endpoint(settings, "http://127.0.0.1:8080")
        options = read_options(settings, WeaviateOptions)
        key = settings.api_key.get_secret_value() if settings.api_key else ""
        database = WeaviateDatabase(endpoint, key, options, timeout=settings.timeout)
        return cls(embedder, database, settings, index=options.index)


class WeaviateDatabase:
    """A collection for each generation, and an alias for the live one.

    What filters compare with is kept as hashes: Weaviate leaves out white space around texts. Ranges are not pushed
    down, as each field would need a property of its own.
    """

    most = 10_000

    def __init__(self, endpoint: str, key: str, options: WeaviateOptions, *, timeout: float) -> None:
        weaviate = client_package("weaviate", _EXTRA)
        self._classes = client_package("weaviate.classes", _EXTRA)
        self.failures: tuple[type[Exception], ...] = (
            client_package("weaviate.exceptions", _EXTRA).WeaviateBaseError,
            client_package("httpx", _EXTRA).HTTPError,
        )
        self.has_words = options.words
        self._options = options
        place = urlsplit(endpoint)
        secure = place.scheme == "https"
        waits = self._classes.init.Timeout(init=timeout, query=timeout, insert=timeout)
        self._client: Any = weaviate.use_async_with_custom(
            http_host=place.hostname,
            http_port=place.port or (443 if secure else 80),
            http_secure=secure,
            grpc_host=place.hostname,
            grpc_port=options.grpc_port,
            grpc_secure=secure,
            auth_credentials=self._classes.init.Auth.api_key(key) if key else None,
            additional_config=self._classes.init.AdditionalConfig(timeout=waits),
            skip_init_checks=True,
        )

    async def open(self) -> None:
        """Connect."""
        if not self._client.is_connected():
            await self._client.connect()

    async def live(self) -> Generation | None:
        """Return what the alias stands for."""
        alias = await self._client.alias.get(alias_name=_class(self._options.index))
        if alias is None:
            return None
        found = await self._client.collections.use(alias.collection).config.get()
        return Generation(_name(alias.collection), IndexInfo.from_json(found.description or ""))

    async def create(self, name: str, info: IndexInfo) -> None:
        """Create a collection."""
        if await self._client.collections.exists(_class(name)):
            return
        config = self._classes.config
        index = self._vector_index(config)
        try:
            await self._client.collections.create(
                _class(name),
                description=info.to_json(),
                properties=self._properties(config),
                vector_config=config.Configure.Vectors.self_provided(vector_index_config=index),
                inverted_index_config=config.Configure.inverted_index(bm25_b=0.75, bm25_k1=1.5),
            )
        except self.failures:
            if not await self._client.collections.exists(_class(name)):  # else another worker was faster
                raise

    def _properties(self, config: Any) -> list[Any]:
        kinds, whole = config.DataType, config.Tokenization.FIELD
        found = [
            config.Property(name=field, data_type=kinds.TEXT, tokenization=whole, index_searchable=False)
            for field in _COMPARED
        ]
        found += [
            config.Property(name=field, data_type=kinds.TEXT_ARRAY, tokenization=whole, index_searchable=False)
            for field in ("roles", "tags")
        ]
        found += [
            config.Property(name=field, data_type=kinds.TEXT, index_filterable=False, index_searchable=False)
            for field in _KEPT
        ]
        found.append(config.Property(name="at", data_type=kinds.NUMBER, index_filterable=False))
        if self.has_words:
            spaces = config.Tokenization.WHITESPACE
            found.append(
                config.Property(name="words", data_type=kinds.TEXT, tokenization=spaces, index_filterable=False)
            )
        return found

    def _vector_index(self, config: Any) -> Any:
        options, index = self._options, config.Configure.VectorIndex
        quantizers = {"int8": index.Quantizer.sq, "binary": index.Quantizer.bq}
        quantizer = quantizers[options.quantization]() if options.quantization != "none" else None
        metric = getattr(config.VectorDistances, _METRICS[options.metric])
        if options.kind == "flat":
            return index.flat(distance_metric=metric, quantizer=quantizer)
        return index.hnsw(
            distance_metric=metric,
            quantizer=quantizer,
            max_connections=options.m,
            ef_construction=options.ef_construction,
            ef=options.ef_search,
        )

    async def switch(self, name: str) -> None:
        """Point the alias at a collection."""
        aliases, alias, collection = self._client.alias, _class(self._options.index), _class(name)
        if await aliases.get(alias_name=alias):
            await aliases.update(alias_name=alias, new_target_collection=collection)
        else:
            await aliases.create(alias_name=alias, target_collection=collection)

    async def generations(self) -> list[str]:
        """Return the names of the collections."""
        names = map(_name, await self._client.collections.list_all(simple=True))
        return sorted(name for name in names if name.startswith(f"{self._options.index}_"))

    async def drop(self, name: str) -> None:
        """Delete a collection."""
        await self._client.collections.delete(_class(name))

    async def upsert(self, name: str, points: Sequence[Point]) -> None:
        """Write the points, some at a time; Weaviate answers for each of them."""
        made = [self._object(point) for point in points]
        for start in range(0, len(made), _BATCH):
            answer = await self._use(name).data.insert_many(made[start : start + _BATCH])
            if answer.errors:
                first = next(iter(answer.errors.values())).message
                raise RetrievalError(f"{len(answer.errors)} chunks are not written: {first[:200]}")

    def _object(self, point: Point) -> Any:
        fields: dict[str, Any] = {field: getattr(point, field) for field in (*_KEPT, "revision", "tags", "at")}
        fields |= {"key": hashed(point.document), "collection": hashed(point.collection)}
        fields |= {"tenant": hashed(point.tenant), "roles": list(map(hashed, point.roles))}
        if self.has_words:
            fields["words"] = hashed_words(point.words)
        return self._classes.data.DataObject(properties=fields, uuid=point.id, vector=point.vector.tolist())

    async def delete(self, name: str, document: str, *, keep: str = "", only: str = "") -> None:
        """Delete the points of a document: all but those of the revision `keep`, or those of the revision `only`."""
        by = self._classes.query.Filter.by_property
        revision = by("revision").equal(only) if only else by("revision").not_equal(keep or "-")
        await self._use(name).data.delete_many(where=by("key").equal(hashed(document)) & revision)

    async def has(self, name: str, point: str, *, tenant: str, collection: str) -> bool:  # noqa: ARG002  # ids are enough
        """Return whether there is a point with this id."""
        return bool(await self._use(name).data.exists(point))

    async def nearest(self, name: str, vector: Vector, *, limit: int, wanted: Wanted) -> list[Hit]:
        """Return the nearest points."""
        search = self._use(name).query.near_vector
        return _hits(await search(near_vector=vector.tolist(), **self._asked(limit, wanted)))

    async def matching(self, name: str, terms: Sequence[str], *, limit: int, wanted: Wanted) -> list[Hit]:
        """Return the points with the best BM25."""
        words = hashed_words(dict.fromkeys(terms, 1.0))
        search = self._use(name).query.bm25
        return _hits(await search(query=words, query_properties=["words"], **self._asked(limit, wanted)))

    def _asked(self, limit: int, wanted: Wanted) -> Mapping[str, Any]:
        by = self._classes.query.Filter.by_property
        kept = by("collection").equal(hashed(wanted.collection))
        kept &= by("tenant").contains_any(list(map(hashed, wanted.tenants)))
        kept &= by("roles").contains_any(list(map(hashed, wanted.roles)))
        condition = self._condition(wanted.condition) if wanted.condition else None
        filters = kept & condition if condition is not None else kept
        return {"limit": limit, "filters": filters, "return_properties": ["head", "chunk"]}

    def _condition(self, condition: Condition) -> Any | None:
        """Return a filter, or None where nothing can be left out."""
        match condition:
            case Tagged(tags, negated):
                by = self._classes.query.Filter.by_property("tags")
                return by.contains_none(list(tags)) if negated else by.contains_any(list(tags))
            case Bounded():
                return None
            case _:
                parts = [self._condition(part) for part in condition.parts]
                known = [part for part in parts if part is not None]
                if not known or (condition.any_of and len(known) < len(parts)):
                    return None
                combine = self._classes.query.Filter
                return combine.any_of(known) if condition.any_of else combine.all_of(known)

    async def count(self, name: str) -> int:
        """Return the number of points."""
        return int((await self._use(name).aggregate.over_all(total_count=True)).total_count or 0)

    async def points(self, name: str) -> AsyncIterator[StoredPoint]:
        """Yield the points."""
        async for one in self._use(name).iterator(return_properties=["document", "revision"]):
            yield StoredPoint(str(one.uuid), one.properties["document"], one.properties["revision"])

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()

    def _use(self, name: str) -> Any:
        return self._client.collections.use(_class(name))


def _class(name: str) -> str:
    """Return the name of a collection, which begins with a capital."""
    return name[0].upper() + name[1:]


def _name(of_class: str) -> str:
    return of_class[0].lower() + of_class[1:]


def _hits(answer: Any) -> list[Hit]:
    return [Hit(str(one.uuid), one.properties["head"], one.properties["chunk"]) for one in answer.objects]
