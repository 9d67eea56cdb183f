"""Qdrant: a server, or in this process (`:memory:`, for tests); words as sparse vectors whose rarity Qdrant counts."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from typing import Any, Literal

from app.retrieval.base import Embedder
from app.retrieval.stores.base import Generation, Hit, IndexInfo, IndexOptions, Point, StoredPoint
from app.retrieval.stores.conditions import Bounded, Condition, Tagged, Wanted
from app.retrieval.stores.optional import client_package, need_endpoint, read_options
from app.retrieval.stores.remote import VectorStore, term_number
from app.settings import RetrievalSettings
from app.vectors import Vector

_EXTRA = "qdrant"
_BATCH = 100
_PAGE = 1000


class QdrantOptions(IndexOptions):
    """Half precision is a type of vectors there."""

    quantization: Literal["none", "half", "int8", "binary"] = "none"


class QdrantStore(VectorStore):
    """Chunks in collections of Qdrant, 1.16 or later."""

    @classmethod
    def from_settings(cls, settings: RetrievalSettings, embedder: Embedder) -> QdrantStore:
        """Return a store at `settings.endpoint`, with `settings.api_key` if there is one.

        Raises:
            ConfigurationError: a setting is missing or wrong.
            MissingDependency: the client is not installed.
        """
        endpoint = need_endpoint(settings, "http://127.0.0.1:6333")
        options = read_options(settings, QdrantOptions)
        secret = settings.api_key.get_secret_value() if settings.api_key else ""
        database = QdrantDatabase(endpoint, secret, options, timeout=settings.timeout)
        return cls(embedder, database, settings, index=options.index)


class QdrantDatabase:
    """A collection for each generation, and an alias for the live one."""

    most = 10_000

    def __init__(self, endpoint: str, key: str, options: QdrantOptions, *, timeout: float) -> None:
        qdrant = client_package("qdrant_client", _EXTRA)
        problems = client_package("qdrant_client.http.exceptions", _EXTRA)
        # In this process, the client raises ValueError for what a server answers with an error.
        self.failures: tuple[type[Exception], ...] = (
            problems.ApiException,
            problems.UnexpectedResponse,
            problems.ResponseHandlingException,
            ValueError,
        )
        self.has_words = options.words
        self._models = client_package("qdrant_client.models", _EXTRA)
        self._options = options
        self._in_process = endpoint == ":memory:"
        where: dict[str, Any] = (
            {"location": endpoint} if self._in_process else {"url": endpoint, "timeout": int(timeout)}
        )
        self._client: Any = qdrant.AsyncQdrantClient(
            **where, **({"api_key": key} if key else {}), check_compatibility=False
        )

    async def open(self) -> None:
        """Do nothing: the client connects with its first call."""

    async def live(self) -> Generation | None:
        """Return what the alias stands for."""
        for alias in (await self._client.get_aliases()).aliases:
            if alias.alias_name == self._options.index:
                found = await self._client.get_collection(alias.collection_name)
                about = json.dumps((found.config.metadata or {}).get("meta_ai"))
                return Generation(alias.collection_name, IndexInfo.from_json(about))
        return None

    async def create(self, name: str, info: IndexInfo) -> None:
        """Create a collection, and the indexes of what searches filter by."""
        models, options = self._models, self._options
        if await self._client.collection_exists(name):
            return
        hnsw = models.HnswConfigDiff(m=options.m if options.kind == "hnsw" else 0, ef_construct=options.ef_construction)
        try:
            await self._client.create_collection(
                name,
                vectors_config={"meaning": self._vectors(info.dimensions)},
                sparse_vectors_config={"words": models.SparseVectorParams(modifier=models.Modifier.IDF)},
                hnsw_config=hnsw,
                quantization_config=self._quantization(),
                metadata={"meta_ai": json.loads(info.to_json())},
            )
        except self.failures:
            if not await self._client.collection_exists(name):  # else another worker was faster
                raise
        if self._in_process:
            return
        tenant = models.KeywordIndexParams(type="keyword", is_tenant=True)
        for field, schema in (
            ("tenant", tenant),
            *((one, "keyword") for one in ("collection", "document", "roles", "tags")),
        ):
            await self._client.create_payload_index(name, field, field_schema=schema, wait=True)

    def _vectors(self, dimensions: int) -> Any:
        models = self._models
        metric = {"cosine": "COSINE", "dot": "DOT", "euclidean": "EUCLID"}[self._options.metric]
        half = models.Datatype.FLOAT16 if self._options.quantization == "half" else None
        return models.VectorParams(size=dimensions, distance=getattr(models.Distance, metric), datatype=half)

    def _quantization(self) -> Any:
        models = self._models
        match self._options.quantization:
            case "int8":
                return models.ScalarQuantization(
                    scalar=models.ScalarQuantizationConfig(type=models.ScalarType.INT8, quantile=0.99, always_ram=True)
                )
            case "binary":
                return models.BinaryQuantization(binary=models.BinaryQuantizationConfig(always_ram=True))
            case _:
                return None

    async def switch(self, name: str) -> None:
        """Point the alias at a collection."""
        models, index = self._models, self._options.index
        actions: list[Any] = []
        if await self.live():
            actions.append(models.DeleteAliasOperation(delete_alias=models.DeleteAlias(alias_name=index)))
        create = models.CreateAlias(collection_name=name, alias_name=index)
        actions.append(models.CreateAliasOperation(create_alias=create))
        await self._client.update_collection_aliases(actions)

    async def generations(self) -> list[str]:
        """Return the names of the collections."""
        found = (await self._client.get_collections()).collections
        return sorted(one.name for one in found if one.name.startswith(f"{self._options.index}_"))

    async def drop(self, name: str) -> None:
        """Delete a collection."""
        await self._client.delete_collection(name)

    async def upsert(self, name: str, points: Sequence[Point]) -> None:
        """Write the points, some at a time."""
        made = [self._point(point) for point in points]
        for start in range(0, len(made), _BATCH):
            await self._client.upsert(name, made[start : start + _BATCH], wait=True)

    def _point(self, point: Point) -> Any:
        vector: dict[str, Any] = {"meaning": point.vector.tolist()}
        if point.words:
            vector["words"] = self._sparse(point.words)
        fields = ("document", "revision", "head", "chunk", "source", "collection", "tenant", "roles", "tags", "at")
        payload = {name: getattr(point, name) for name in fields} | {"numbers": dict(point.numbers)}
        return self._models.PointStruct(id=point.id, vector=vector, payload=payload)

    def _sparse(self, words: Any) -> Any:
        weights: dict[int, float] = {}
        for term, weight in words.items():
            number = term_number(term)
            weights[number] = weights.get(number, 0.0) + weight
        return self._models.SparseVector(indices=list(weights), values=list(weights.values()))

    async def delete(self, name: str, document: str, *, keep: str = "", only: str = "") -> None:
        """Delete the points of a document: all but those of the revision `keep`, or those of the revision `only`."""
        models = self._models
        of_document = models.FieldCondition(key="document", match=models.MatchValue(value=document))
        revision = models.FieldCondition(key="revision", match=models.MatchValue(value=only or keep))
        wanted = (
            models.Filter(must=[of_document, revision])
            if only
            else models.Filter(must=[of_document], must_not=[revision])
        )
        selector = models.FilterSelector(filter=wanted)
        await self._client.delete(name, selector, wait=True)

    async def has(self, name: str, point: str, *, tenant: str, collection: str) -> bool:  # noqa: ARG002  # ids are enough
        """Return whether there is a point with this id."""
        return bool(await self._client.retrieve(name, [point], with_payload=False))

    async def nearest(self, name: str, vector: Vector, *, limit: int, wanted: Wanted) -> list[Hit]:
        """Return the nearest points."""
        params = self._models.SearchParams(hnsw_ef=self._options.ef_search, exact=self._options.kind == "flat")
        more = {} if self._in_process else {"search_params": params}  # there, a search is exact
        return await self._query(name, vector.tolist(), "meaning", limit, wanted, **more)

    async def matching(self, name: str, terms: Sequence[str], *, limit: int, wanted: Wanted) -> list[Hit]:
        """Return the points whose words weigh most."""
        return await self._query(name, self._sparse(dict.fromkeys(terms, 1.0)), "words", limit, wanted)

    async def _query(self, name: str, query: Any, using: str, limit: int, wanted: Wanted, **more: Any) -> list[Hit]:
        found = await self._client.query_points(
            name,
            query=query,
            using=using,
            query_filter=self._filter(wanted),
            limit=limit,
            with_payload=["head", "chunk"],
            **more,
        )
        return [Hit(str(one.id), one.payload["head"], one.payload["chunk"]) for one in found.points]

    async def count(self, name: str) -> int:
        """Return the number of points."""
        return int((await self._client.count(name, exact=True)).count)

    async def points(self, name: str) -> AsyncIterator[StoredPoint]:
        """Yield the points, page by page."""
        offset: Any = None
        while True:
            page, offset = await self._client.scroll(
                name, limit=_PAGE, offset=offset, with_payload=["document", "revision"]
            )
            for one in page:
                yield StoredPoint(str(one.id), one.payload["document"], one.payload["revision"])
            if offset is None:
                return

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()

    def _filter(self, wanted: Wanted) -> Any:
        models = self._models
        must = [
            models.FieldCondition(key="collection", match=models.MatchValue(value=wanted.collection)),
            models.FieldCondition(key="tenant", match=models.MatchAny(any=list(wanted.tenants))),
            models.FieldCondition(key="roles", match=models.MatchAny(any=list(wanted.roles))),
        ]
        if wanted.condition is not None:
            must.append(self._condition(wanted.condition))
        return models.Filter(must=must)

    def _condition(self, condition: Condition) -> Any:
        models = self._models
        match condition:
            case Tagged(tags, negated):
                found = models.FieldCondition(key="tags", match=models.MatchAny(any=list(tags)))
                return models.Filter(must_not=[found]) if negated else found
            case Bounded(name, at_least, value):
                bound = {"gte" if at_least else "lte": value}
                return models.FieldCondition(key=f"numbers.{name}", range=models.Range(**bound))
            case _:
                parts = [self._condition(part) for part in condition.parts]
                return models.Filter(should=parts) if condition.any_of else models.Filter(must=parts)
