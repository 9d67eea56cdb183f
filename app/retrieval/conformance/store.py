"""What every store promises, seen through `search`: the rules of `topics.chunks`."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from functools import partial
from types import MappingProxyType
from typing import Any

from app import vectors
from app.conformance import Check, CheckFailed, check_names, require, run_check
from app.errors import InvalidEvent, RetrievalError
from app.retrieval.base import Embedder, SearchableStore, SearchScope, is_remote, revision
from app.retrieval.embedding.hashing import HashingEmbedder
from topics.chunks import DocumentChunks, EmbeddedChunk
from topics.documents import document_key
from topics.metadata_filters import MetadataFilter, MetadataValue
from topics.retrieval_results import Chunk

_DEFAULT = "default"


async def probe_store(make: Callable[[Embedder], SearchableStore]) -> AsyncIterator[Check]:
    """Yield one check after the other; each gets an empty store from `make`, and closes it.

    The checks are those of a `Store`, or, if its class sets `remote`, of a `RemoteStore`.
    """
    first = make(HashingEmbedder())
    suite = RemoteStoreChecks if is_remote(first) else LocalStoreChecks
    await first.close()
    for name in promises(suite):
        store = make(HashingEmbedder())
        try:
            yield await run_check(name, partial(_check, suite(store), name), RetrievalError)
        finally:
            await store.close()


def promises(suite: type[StoreChecks]) -> list[str]:
    """Return the names of the checks of a suite: those of any store, and its own."""
    return [*check_names(StoreChecks), *check_names(suite)]


async def _check(suite: StoreChecks, name: str) -> None:
    await suite._store.load()  # noqa: SLF001  # its own suite
    await getattr(suite, name)()


class StoreChecks:
    """One method for each promise of any store, each for an empty one."""

    def __init__(self, store: Any) -> None:
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


class LocalStoreChecks(StoreChecks):
    """What a store in each worker promises beside that."""

    async def position(self) -> None:
        """The position in the log is kept."""
        require(not self._store.get_position(), "a new store has a position")
        self._store.set_position({"0": 3, "1": 7})
        found = dict(self._store.get_position())
        require(found == {"0": 3, "1": 7}, f"the position set is not the position returned, {found}")


class RemoteStoreChecks(StoreChecks):
    """What a store that all workers share promises beside that."""

    async def counts(self) -> None:
        """Each chunk is there once, however often it was applied, and the status says so."""
        parts = [await _part("a", "1", number, ["text"] * 3) for number in range(2)]
        for part in (*parts, *parts, await _part("b", "1", 0, ["text"])):
            await self._store.apply(part)
        await self._count(7)
        await self._store.apply(await _part("a", "2", 0, ["text"]))
        await self._count(2)
        await self._store.apply(await _part("b", "2", 0, []))
        await self._count(1)

    async def rebuild(self) -> None:
        """A new index replaces the old one at once, and takes what is applied from then on."""
        await self._store.apply(await _part("a", "1", 0, ["text old"]))
        rebuild = await self._store.rebuild()
        await rebuild.apply(await _part("b", "1", 0, ["text new"]))
        await self._expect({"text old"})
        await rebuild.switch()
        await self._store.apply(await _part("c", "1", 0, ["text newer"]))
        await rebuild.finish()
        await self._expect({"text new", "text newer"})
        status = await self._store.status()
        require(status.index == rebuild.name, f"the live index is {status.index}, not {rebuild.name}")

    async def abandoned_rebuild(self) -> None:
        """A new index that is abandoned leaves the old one as it was."""
        await self._store.apply(await _part("a", "1", 0, ["text"]))
        rebuild = await self._store.rebuild()
        await rebuild.apply(await _part("b", "1", 0, ["text new"]))
        await rebuild.abandon()
        await self._expect({"text"})

    async def revisions(self) -> None:
        """The revisions of documents are known, and one that is removed leaves the others."""
        kept, gone = await _part("a", "1", 0, ["text"]), await _part("b", "1", 0, ["text of b"] * 2)
        for part in (kept, gone):
            await self._store.apply(part)
        held = await self._store.revisions()
        require(held == {"a": {revision(kept): 1}, "b": {revision(gone): 2}}, f"the revisions are {held}")
        await self._store.remove_revisions({"a": ["unknown"], "b": ["unknown"]})
        await self._expect({"text", "text of b"})
        await self._store.remove_revisions({"b": [revision(gone)]})
        await self._expect({"text"})

    async def healthy(self) -> None:
        """The status names the embedder and its dimensions, and no problem."""
        status, embedder = await self._store.status(), HashingEmbedder()
        require(status.problem is None, f"the status has a problem: {status.problem}")
        found = (status.embedder, status.dimensions, status.chunks)
        require(found == (embedder.name, embedder.dimensions, 0), f"the status says {found}")

    async def _count(self, wanted: int) -> None:
        found = (await self._store.status()).chunks
        require(found == wanted, f"{wanted} chunks should be there, and {found} are")


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
