"""The stores of a worker, by name: searched one at a time, or several for one query."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from app.errors import ConfigurationError, OrchestratorError, RetrievalError
from app.retrieval.base import RemoteStore, SearchableStore, SearchScope, Store, is_remote
from app.retrieval.index.ranking import reciprocal_rank_fusion
from app.suggestions import did_you_mean
from topics.base import Failure
from topics.retrieval_results import Chunk

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Found:
    """What stores have found, and which of them have failed."""

    chunks: list[Chunk]
    failed: dict[str, Failure] = field(default_factory=dict)


class Stores:
    """Stores by name, the default one first; `timeouts` has the seconds in which each must answer a search."""

    def __init__(self, stores: Mapping[str, SearchableStore], timeouts: Mapping[str, float]) -> None:
        self._stores = dict(stores)
        self._timeouts = timeouts

    @property
    def default(self) -> SearchableStore:
        """The store that is searched where none is named."""
        return next(iter(self._stores.values()))

    @property
    def local(self) -> dict[str, Store]:
        """Those of which each worker has its own."""
        return {name: one for name, one in self._stores.items() if not is_remote(one)}  # type: ignore[misc]  # the others are

    @property
    def remote(self) -> dict[str, RemoteStore]:
        """Those that all workers share."""
        return {name: one for name, one in self._stores.items() if is_remote(one)}

    async def load(self) -> None:
        """Get all ready. A remote one that cannot be reached is no obstacle: it gets ready when it can be.

        Raises:
            OrchestratorError: a store cannot be used.
        """
        for store in self.local.values():
            await store.load()
        await asyncio.gather(*map(self._load, self.remote.values()))

    async def search(self, query: str, *, limit: int, scope: SearchScope, names: Sequence[str] = ()) -> Found:
        """Search the stores of these names at once, or the default one, and fuse what they find by reciprocal rank.

        One of several that fails, or does not answer in time, is left out, and named in `failed`.

        Raises:
            ConfigurationError: there is no store of a name.
            RetrievalError: all of them have failed.
        """
        chosen = {name: self._named(name) for name in names} or dict(list(self._stores.items())[:1])
        searches = (self._one(name, store, query, limit, scope) for name, store in chosen.items())
        answers = dict(zip(chosen, await asyncio.gather(*searches), strict=True))
        rankings = {name: answer for name, answer in answers.items() if isinstance(answer, list)}
        errors = {name: answer for name, answer in answers.items() if isinstance(answer, OrchestratorError)}
        if not rankings:
            raise next(iter(errors.values()))
        failed = {name: Failure(code=error.code, message=str(error)) for name, error in errors.items()}
        if len(rankings) == 1:
            return Found(next(iter(rankings.values())), failed)
        return Found(_fused(list(rankings.values()))[:limit], failed)

    async def close(self) -> None:
        """Close all of them."""
        for store in self._stores.values():
            await store.close()

    def _named(self, name: str) -> SearchableStore:
        if name not in self._stores:
            raise ConfigurationError(f"retrieval.stores: no store is called {name}; {did_you_mean(name, self._stores)}")
        return self._stores[name]

    async def _one(
        self, name: str, store: SearchableStore, query: str, limit: int, scope: SearchScope
    ) -> list[Chunk] | OrchestratorError:
        timeout = self._timeouts.get(name)
        try:
            async with asyncio.timeout(timeout):
                return await store.search(query, limit=limit, scope=scope)
        except OrchestratorError as error:
            return error
        except TimeoutError:
            return RetrievalError(f"the store {name} did not answer within {timeout:g} s")

    @staticmethod
    async def _load(store: RemoteStore) -> None:
        try:
            await store.load()
        except RetrievalError as error:
            log.warning("%s; it is tried again when it is used", error)


def _fused(rankings: Sequence[Sequence[Chunk]]) -> list[Chunk]:
    chunks = {chunk.id: chunk for ranking in rankings for chunk in ranking}
    fused = reciprocal_rank_fusion([[chunk.id for chunk in ranking] for ranking in rankings])
    return [chunks[one].model_copy(update={"score": score}) for one, score in fused]
