"""What every store promises, seen through `search`: the rules of `topics.chunks`."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from types import MappingProxyType

from app import vectors
from app.conformance import Check, CheckFailed, check_names, require, run_check
from app.errors import InvalidEvent, RetrievalError
from app.retrieval.base import Embedder, SearchScope, Store
from app.retrieval.embedding.hashing import HashingEmbedder
from topics.chunks import DocumentChunks, EmbeddedChunk
from topics.documents import document_key
from topics.metadata_filters import MetadataFilter, MetadataValue
from topics.retrieval_results import Chunk

_DEFAULT = "default"


async def probe_store(make: Callable[[Embedder], Store]) -> AsyncIterator[Check]:
    """Yield one check after the other; each gets an empty store from `make`, and closes it."""
    for name in check_names(StoreChecks):
        store = make(HashingEmbedder())
        try:
            yield await run_check(name, getattr(StoreChecks(store), name), RetrievalError)
        finally:
            await store.close()


class StoreChecks:
    """One method for each promise, each for an empty store."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def empty(self) -> None:
        """An empty store finds nothing."""
        await self._expect(set())

    async def found(self) -> None:
        """What is found is what was applied, with a score."""
        applied = await _part("a", "1", 0, ["the text"])
        await self._store.apply(applied)
        chunks = await self._store.search("text", limit=3, scope=SearchScope())
        require(len(chunks) == 1, f"one chunk was applied, {len(chunks)} were found")
        require(chunks[0].score > 0, f"the score is {chunks[0].score}")
        require(chunks[0].model_copy(update={"score": 0.0}) == applied.chunks[0].chunk, "the chunk has been changed")

    async def order(self) -> None:
        """The best come first, and no more than asked for."""
        await self._store.apply(await _part("a", "1", 0, ["apples and pears", "brokers and topics", "topics"]))
        chunks = await self._store.search("brokers and topics", limit=2, scope=SearchScope())
        require(len(chunks) == 2, f"2 were asked for, {len(chunks)} found")  # noqa: PLR2004  # the limit
        require(chunks[0].text == "brokers and topics", f"the first is {chunks[0].text!r}")
        require(chunks[0].score >= chunks[1].score, "the second has the better score")

    async def repetition(self) -> None:
        """Applying a part again changes nothing."""
        zero, one = await _part("a", "1", 0, ["text zero"]), await _part("a", "1", 1, ["text one"])
        for part in (zero, zero, one, one, zero):
            await self._store.apply(part)
        chunks = await self._store.search("text", limit=9, scope=SearchScope())
        texts = sorted(chunk.text for chunk in chunks)
        require(texts == ["text one", "text zero"], f"after repetitions, {texts} are found")

    async def new_version(self) -> None:
        """Part 0 of a new version replaces the whole document, and the next search sees it."""
        await self._store.apply(await _part("a", "1", 0, ["text old"]))
        await self._store.apply(await _part("a", "1", 1, ["text old too"]))
        await self._expect({"text old", "text old too"})
        await self._store.apply(await _part("a", "2", 0, ["text new"]))
        await self._expect({"text new"})

    async def stale_part(self) -> None:
        """A later part of a version that is not the current one is ignored."""
        await self._store.apply(await _part("b", "1", 1, ["text of nobody"]))
        await self._store.apply(await _part("a", "2", 0, ["text new"]))
        await self._store.apply(await _part("a", "1", 1, ["text stale"]))
        await self._expect({"text new"})

    async def deletion(self) -> None:
        """An empty part 0 deletes the document, and no other."""
        await self._store.apply(await _part("a", "1", 0, ["text"]))
        await self._store.apply(await _part("a", "1", 1, ["more text"]))
        await self._store.apply(await _part("b", "1", 0, ["text of b"]))
        await self._store.apply(await _part("a", "2", 0, []))
        await self._expect({"text of b"})

    async def collections(self) -> None:
        """Collections are separate, and a document is in one of them."""
        await self._store.apply(await _part("a", "1", 0, ["text of one"], "one"))
        await self._store.apply(await _part("b", "1", 0, ["text of two"], "two"))
        await self._expect({"text of one"}, "one")
        await self._expect({"text of two"}, "two")
        await self._expect(set())
        await self._store.apply(await _part("a", "2", 0, ["text moved"], "two"))
        await self._expect(set(), "one")
        await self._expect({"text of two", "text moved"}, "two")

    async def tenants(self) -> None:
        """A tenant's documents are its own, also those with an id that others have; shared ones are found by all."""
        await self._store.apply(await _part("a", "1", 0, ["text of acme"], tenant="acme"))
        await self._store.apply(await _part("a", "1", 0, ["text of bolt"], tenant="bolt"))
        await self._expect(set())
        await self._store.apply(await _part("a", "1", 0, ["text of all"]))
        await self._expect({"text of all"})
        await self._expect({"text of acme", "text of all"}, tenant="acme")
        await self._expect({"text of bolt", "text of all"}, tenant="bolt")
        await self._store.apply(await _part("a", "2", 0, [], tenant="acme"))
        await self._expect({"text of all"}, tenant="acme")
        await self._expect({"text of bolt", "text of all"}, tenant="bolt")

    async def roles(self) -> None:
        """A document for some roles is found with one of them only, and one for none by nobody."""
        await self._store.apply(await _part("a", "1", 0, ["text for hr"], roles=("hr", "law")))
        await self._store.apply(await _part("b", "1", 0, ["text for nobody"], roles=()))
        await self._store.apply(await _part("c", "1", 0, ["text for all"]))
        await self._expect({"text for all"})
        await self._expect({"text for all"}, roles=("it", ""))
        await self._expect({"text for all", "text for hr"}, roles=("it", "law"))
        await self._store.apply(await _part("a", "2", 0, ["text for hr"], roles=("it",)))
        await self._expect({"text for all"}, roles=("law",))

    async def filters(self) -> None:
        """A filter leaves the documents whose metadata it wants, also when this alone changes."""
        await self._store.apply(await _part("a", "1", 0, ["text of 2024"], metadata={"year": 2024, "tags": ("x", "y")}))
        await self._store.apply(await _part("b", "1", 0, ["text of 2026"], metadata={"year": 2026, "on": "2026-05-01"}))
        await self._store.apply(await _part("c", "1", 0, ["text of no year"]))
        for wanted, years in (
            ({"field": "year", "eq": 2024}, {"2024"}),
            ({"field": "tags", "in": ["y", "z"]}, {"2024"}),
            ({"field": "year", "gt": 2024, "lte": 2026}, {"2026"}),
            ({"field": "on", "gte": "2026-05-01", "lt": "2026-05-01T00:01Z"}, {"2026"}),
            ({"not": {"field": "year", "lt": 2025}}, {"2026", "no year"}),
            ({"any": [{"field": "year", "eq": 2026}, {"field": "tags", "eq": "x"}]}, {"2024", "2026"}),
            ({"all": [{"field": "year", "eq": 2026}, {"field": "tags", "eq": "x"}]}, set()),
            ({"field": "year", "eq": "2024"}, set()),
        ):
            by = MetadataFilter.model_validate(wanted)
            await self._expect({f"text of {year}" for year in years}, by=by)
        await self._store.apply(await _part("a", "2", 0, ["text of 2024"], metadata={"year": 2025}))
        await self._expect({"text of 2024"}, by=MetadataFilter.model_validate({"field": "year", "eq": 2025}))

    async def no_place_for_others(self) -> None:
        """What may not be found takes no place of what may, however well it fits."""
        for number in range(20):
            await self._store.apply(await _part(f"{number}", "1", 0, ["the very text"] * 10, roles=("hr",)))
            await self._store.apply(await _part(f"{number}", "1", 0, ["the very text"] * 10, tenant="bolt"))
            about: dict[str, MetadataValue] = {"old": True}
            await self._store.apply(await _part(f"old {number}", "1", 0, ["the very text"] * 10, metadata=about))
        await self._store.apply(await _part("a", "1", 0, ["some other words of text"]))
        scope = SearchScope(tenant="acme", filter=MetadataFilter.model_validate({"not": {"field": "old", "eq": True}}))
        chunks = await self._store.search("the very text", limit=1, scope=scope)
        require([chunk.document_id for chunk in chunks] == ["a"], "the one that may be found is not")

    async def malformed_part(self) -> None:
        """A part with a malformed embedding is refused as `InvalidEvent`, and changes nothing."""
        await self._store.apply(await _part("a", "1", 0, ["text"]))
        broken = await _part("a", "2", 0, ["text", "text"])
        chunks = (broken.chunks[0], broken.chunks[1].model_copy(update={"embedding": "?"}))
        try:
            await self._store.apply(broken.model_copy(update={"chunks": chunks}))
        except InvalidEvent:
            await self._expect({"text"})
            return
        raise CheckFailed("a part with a malformed embedding is accepted")

    async def any_query(self) -> None:
        """Every query is answered, also an empty one."""
        await self._store.apply(await _part("a", "1", 0, ["text"]))
        for query in ("", "?!", "\U0001f642", "unknown"):
            found = await self._store.search(query, limit=1, scope=SearchScope())
            require(len(found) <= 1, f"the query {query!r} finds more than asked for")

    async def position(self) -> None:
        """The position in the log is kept."""
        require(not self._store.get_position(), "a new store has a position")
        self._store.set_position({"0": 3, "1": 7})
        found = dict(self._store.get_position())
        require(found == {"0": 3, "1": 7}, f"the position set is not the position returned, {found}")

    async def _expect(
        self,
        texts: set[str],
        collection: str = _DEFAULT,
        *,
        tenant: str = "",
        roles: Sequence[str] = (),
        by: MetadataFilter | None = None,
    ) -> None:
        chunks = await self._store.search(
            "text", limit=100, scope=SearchScope(collection, tenant, frozenset(roles), by)
        )
        found = {chunk.text for chunk in chunks}
        require(found == texts, f"a search of {collection} finds {sorted(found)}, not {sorted(texts)}")


async def _part(
    document: str,
    version: str,
    number: int,
    texts: Sequence[str],
    collection: str = _DEFAULT,
    *,
    tenant: str = "",
    roles: tuple[str, ...] | None = None,
    metadata: Mapping[str, MetadataValue] = MappingProxyType({}),
) -> DocumentChunks:
    rows = await HashingEmbedder().embed(texts)
    chunks = tuple(
        EmbeddedChunk(
            chunk=Chunk(
                id=f"{document_key(tenant, document)}#{number}.{place}",
                document_id=document,
                source=f"{document}.md",
                heading="Guide > Part",
                lines=(place + 1, place + 2),
                text=text,
            ),
            embedding=vectors.encode(row),
        )
        for place, (text, row) in enumerate(zip(texts, rows, strict=True))
    )
    return DocumentChunks(
        document_id=document,
        version=version,
        part=number,
        collection=collection,
        chunks=chunks,
        tenant=tenant,
        allowed_roles=roles,
        metadata=dict(metadata),
    )
