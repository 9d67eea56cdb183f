"""Pinecone: an index that exists, with a namespace for each tenant. It searches by vectors only."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any
from urllib.parse import quote

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from app.errors import ConfigurationError
from app.retrieval.base import Embedder
from app.retrieval.stores.base import Generation, Hit, IndexInfo, Point, StoredPoint
from app.retrieval.stores.conditions import Bounded, Condition, Tagged, Wanted
from app.retrieval.stores.optional import client_package, need_endpoint, read_options
from app.retrieval.stores.remote import VectorStore
from app.settings import RetrievalSettings
from app.vectors import Vector
from topics.documents import tenant_of

_EXTRA = "pinecone"
_BATCH = 100
#: Bytes of one request, of which Pinecone takes 2 MB, and about how many each number and each text have.
_REQUEST, _NUMBER, _TEXT = 1_500_000, 22, 6000
#: The id of the record that says which generation is live, and what stands for no tags: no list may be empty.
_LIVE, _NO_TAGS = "live", "-"


class PineconeOptions(BaseModel):
    """The index itself, with its dimension and metric, is made in Pinecone."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    index: str = Field(default="meta_ai", pattern=r"^[a-z][a-z0-9_]{0,40}$")


class PineconeStore(VectorStore):
    """Chunks in an index of Pinecone."""

    @classmethod
    def from_settings(cls, settings: RetrievalSettings, embedder: Embedder) -> PineconeStore:
        """Return a store in the index whose host is `settings.endpoint`, with `settings.api_key`.

        Raises:
            ConfigurationError: a setting is missing or wrong.
            MissingDependency: the client is not installed.
        """
        endpoint = need_endpoint(settings, "https://docs-1a2b3c4.svc.eu-west1.pinecone.io")
        if settings.api_key is None:
            raise ConfigurationError(f"{settings.where}api_key: pinecone needs it, as in ${{PINECONE_API_KEY}}")
        options = read_options(settings, PineconeOptions)
        key = settings.api_key.get_secret_value()
        database = PineconeDatabase(endpoint, key, options.index, timeout=settings.timeout)
        return cls(embedder, database, settings, index=options.index)


class PineconeDatabase:
    """Namespaces for each generation, and one with records of the generations, among them the live one."""

    most = 10_000
    has_words = False

    def __init__(self, endpoint: str, key: str, index: str, *, timeout: float) -> None:
        pinecone = client_package("pinecone", _EXTRA)
        self.failures: tuple[type[Exception], ...] = (pinecone.PineconeException,)
        self._index: Any = pinecone.AsyncIndex(host=endpoint, api_key=key, timeout=timeout)
        self._about = f"{index}/about"

    async def open(self) -> None:
        """Do nothing: the client connects with its first call."""

    async def live(self) -> Generation | None:
        """Return what the record of the live generation says."""
        found = await self._record(_LIVE)
        return Generation(found["name"], IndexInfo.from_json(found["about"])) if found else None

    async def _record(self, name: str) -> Mapping[str, Any] | None:
        found = (await self._index.fetch(ids=[name], namespace=self._about)).vectors.get(name)
        return found.metadata if found else None

    async def create(self, name: str, info: IndexInfo) -> None:
        """Note a generation; its namespaces are made with the first points."""
        await self._note(name, {"name": name, "about": info.to_json()}, info.dimensions)

    async def switch(self, name: str) -> None:
        """Note which generation is live."""
        found = await self._record(name) or {}
        await self._note(_LIVE, found, IndexInfo.from_json(found.get("about", "")).dimensions)

    async def _note(self, name: str, fields: Mapping[str, Any], dimensions: int) -> None:
        record = {"id": name, "values": np.eye(1, dimensions)[0].tolist(), "metadata": dict(fields)}
        await self._index.upsert(vectors=[record], namespace=self._about, show_progress=False)

    async def generations(self) -> list[str]:
        """Return the names of the records."""
        pages = self._index.list(namespace=self._about)
        return sorted(one.id for page in [page async for page in pages] for one in page.vectors if one.id != _LIVE)

    async def drop(self, name: str) -> None:
        """Delete the namespaces of a generation, and its record."""
        for space in await self._spaces(name):
            await self._index.delete_namespace(name=space)
        await self._index.delete(ids=[name], namespace=self._about)

    async def _spaces(self, name: str) -> list[str]:
        pages = self._index.list_namespaces(prefix=f"{name}/")
        return [one.name for page in [page async for page in pages] for one in page.namespaces]

    async def upsert(self, name: str, points: Sequence[Point]) -> None:
        """Write the points, some at a time; those of one call are of one tenant."""
        if not points:
            return
        size = max(1, min(_BATCH, _REQUEST // (points[0].vector.size * _NUMBER + _TEXT)))
        for start in range(0, len(points), size):
            batch = points[start : start + size]
            space = _space(name, batch[0].tenant)
            await self._index.upsert(vectors=list(map(_record, batch)), namespace=space, show_progress=False)

    async def delete(self, name: str, document: str, *, keep: str = "", only: str = "") -> None:
        """Delete the points of a document: all but those of the revision `keep`, or those of the revision `only`."""
        revision = {"$eq": only} if only else {"$ne": keep}
        wanted = {"$and": [{"document": {"$eq": document}}, {"revision": revision}]}
        space = _space(name, tenant_of(document))
        if space in await self._spaces(name):
            await self._index.delete(filter=wanted, namespace=space)

    async def has(self, name: str, point: str, *, tenant: str, collection: str) -> bool:  # noqa: ARG002  # ids are enough
        """Return whether there is a point with this id."""
        return bool((await self._index.fetch(ids=[point], namespace=_space(name, tenant))).vectors)

    async def nearest(self, name: str, vector: Vector, *, limit: int, wanted: Wanted) -> list[Hit]:
        """Return the nearest points of the namespaces of all tenants that the search may find."""
        found = []
        for tenant in wanted.tenants:
            answer = await self._index.query(
                top_k=limit,
                vector=vector.tolist(),
                namespace=_space(name, tenant),
                filter=_filter(wanted),
                include_metadata=True,
            )
            found += answer.matches
        found.sort(key=lambda one: -one.score)
        return [Hit(one.id, one.metadata["head"], one.metadata["chunk"]) for one in found[:limit]]

    async def matching(self, name: str, terms: Sequence[str], *, limit: int, wanted: Wanted) -> list[Hit]:
        """Return nothing: it has no words."""
        raise NotImplementedError

    async def count(self, name: str) -> int:
        """Return the number of points, which Pinecone counts after a while."""
        spaces = (await self._index.describe_index_stats()).namespaces
        return sum(one.vector_count for space, one in spaces.items() if space.startswith(f"{name}/"))

    async def points(self, name: str) -> AsyncIterator[StoredPoint]:
        """Yield the points, page by page."""
        for space in await self._spaces(name):
            async for page in self._index.list(namespace=space, limit=_BATCH):
                ids = [one.id for one in page.vectors]
                found = (await self._index.fetch(ids=ids, namespace=space)).vectors if ids else {}
                for one in found.values():
                    yield StoredPoint(one.id, one.metadata["document"], one.metadata["revision"])

    async def close(self) -> None:
        """Close the connections."""
        await self._index.close()


def _space(name: str, tenant: str) -> str:
    """Return the namespace of a tenant; the shared one has a name that no tenant's has."""
    return f"{name}/{quote(tenant, safe='') or '-shared'}" if tenant != "-shared" else f"{name}/%2Dshared"


def _record(point: Point) -> dict[str, Any]:
    fields = ("document", "revision", "head", "chunk", "source", "collection", "roles", "at")
    metadata = {field: getattr(point, field) for field in fields} | dict(point.numbers)
    return {"id": point.id, "values": point.vector.tolist(), "metadata": metadata | {"tags": point.tags or [_NO_TAGS]}}


def _filter(wanted: Wanted) -> dict[str, Any]:
    parts: list[dict[str, Any]] = [
        {"collection": {"$eq": wanted.collection}},
        {"roles": {"$in": list(wanted.roles)}},
    ]
    if wanted.condition is not None:
        parts.append(_condition(wanted.condition))
    return {"$and": parts}


def _condition(condition: Condition) -> dict[str, Any]:
    match condition:
        case Tagged(tags, negated):
            return {"tags": {"$nin" if negated else "$in": list(tags)}}
        case Bounded(name, at_least, value):
            return {name: {"$gte" if at_least else "$lte": value}}
        case _:
            return {"$or" if condition.any_of else "$and": [_condition(part) for part in condition.parts]}
