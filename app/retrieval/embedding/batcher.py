"""Batch concurrent embedding requests into few calls of the embedder."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np

from app.cancellation import ends_task
from app.errors import RetrievalError
from app.retrieval.base import Embedder, Vectors
from app.retrieval.embedding.batch_queue import (
    EmbedRequest,
    TextBatch,
    active_requests,
    distribute_rows,
    is_shared,
    next_batch,
    split_by_caller,
)
from app.telemetry.metrics import Metrics

#: In the order in which they are served: queries that are embedded in a way of their own, what else somebody waits for,
#: and the rest.
Lane = Literal["query", "live", "background"]
_LANES: Sequence[Lane] = ("query", "live", "background")
#: One batch of so many is for the background, so that it goes on.
_BACKGROUND_SHARE = 16


class BatchingEmbedder:
    """Calls another embedder with batches of up to `size` texts, for all callers.

    Up to `calls` calls run concurrently. If fewer run, a text is sent at once, with all others requested in the same
    iteration of the event loop; otherwise texts are queued, and sent when a call ends. So there is no delay under
    light load, and batches grow with the load. `wait` adds a delay in seconds to fill batches. If more texts wait than
    fit into a call, they are taken from the callers round-robin, and those of `background` after all others.

    If a call for several callers fails, the texts of each are retried separately, all concurrently: only callers whose
    own retry fails get the error. That is one call more than without batching. A caller that goes away does not affect
    others: a call is cancelled when no caller of it is left.
    """

    def __init__(
        self, inner: Embedder, *, size: int, calls: int = 1, wait: float = 0.0, metrics: Metrics | None = None
    ) -> None:
        self.name = inner.name
        self.dimensions = inner.dimensions
        self.trusts_unnamed = bool(getattr(inner, "trusts_unnamed", True))
        self.remakes_vectors = bool(getattr(inner, "remakes_vectors", True))
        self._inner = inner
        self._size = size
        self._limit = calls
        self._wait = wait
        self._metrics = metrics or Metrics()
        self._waiting: Mapping[Lane, deque[EmbedRequest]] = {lane: deque() for lane in _LANES}
        self._batches = 0
        #: This embedder for work that nobody waits for.
        self.background = BackgroundEmbedder(self)
        self._under_way: dict[asyncio.Task[None], TextBatch] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._closed = False

    async def warm(self) -> None:
        """Load the other embedder before its first call, if it supports that.

        Raises:
            OrchestratorError: it cannot be loaded.
        """
        if warm := getattr(self._inner, "warm", None):
            await warm()

    def understands(self, text: str) -> bool:
        """Return whether the other embedder knows the language of `text`, as far as it says so."""
        understands = getattr(self._inner, "understands", None)
        return understands is None or bool(understands(text))

    async def embed(self, texts: Sequence[str]) -> Vectors:
        """Return an array of shape (len(texts), dimensions), with the rows of the other embedder.

        Raises:
            RetrievalError: the embedding could not be computed, or this embedder is closed.
        """
        return await self.embed_in(texts, "live")

    async def embed_query(self, texts: Sequence[str]) -> Vectors:
        """Return the same for queries, if the other embedder tells them apart.

        Raises:
            RetrievalError: as `embed`.
        """
        return await self.embed_in(texts, "query" if hasattr(self._inner, "embed_query") else "live")

    async def embed_in(self, texts: Sequence[str], lane: Lane) -> Vectors:
        """Return the same for texts in a lane: those of `background` come after all others.

        Raises:
            RetrievalError: as `embed`.
        """
        if self._closed:
            raise RetrievalError(f"{self.name} is closed")
        rows = np.empty((len(texts), self.dimensions), dtype=np.float32)
        if texts:
            asked = EmbedRequest(tuple(texts), rows, asyncio.get_running_loop().create_future())
            self._waiting[lane].append(asked)
            self._schedule()
            try:
                await asked.done
            except BaseException:
                self._cancel_unwanted()
                raise
        return rows

    async def close(self) -> None:
        """Fail all pending requests, and close the other embedder."""
        self._closed = True
        waiting = [asked for lane in self._waiting.values() for asked in lane]
        for asked in {*waiting, *active_requests(self._under_way.values())}:
            asked.fail(RetrievalError(f"{self.name} was closed"))
        for lane in self._waiting.values():
            lane.clear()
        self._cancel_timer()
        under_way = list(self._under_way)
        for call in under_way:
            call.cancel()
        await asyncio.gather(*under_way, return_exceptions=True)
        await self._inner.close()

    def _schedule(self) -> None:
        """Send waiting texts if a call may start now; otherwise the end of a call sends them."""
        if len(self._under_way) >= self._limit:
            return
        if self._wait and sum(asked.left for lane in self._waiting.values() for asked in lane) >= self._size:
            self._send()
        elif self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(self._wait, self._send)

    def _cancel_timer(self) -> None:
        if self._timer:
            self._timer.cancel()
            self._timer = None

    def _send(self) -> None:
        self._cancel_timer()
        while len(self._under_way) < self._limit and (following := self._next()):
            self._begin(*following)

    def _next(self) -> tuple[TextBatch, Lane] | None:
        """Return the next batch, of one lane; the background has one of some, however much else there is."""
        starved = self._batches % _BACKGROUND_SHARE == _BACKGROUND_SHARE - 1
        for lane in reversed(_LANES) if starved else _LANES:
            if batch := next_batch(self._waiting[lane], self._size):
                self._batches += 1
                return batch, lane
        return None

    def _begin(self, batch: TextBatch, lane: Lane) -> None:
        call = asyncio.create_task(self._call(batch, lane), name=f"embed with {self.name}")
        self._under_way[call] = batch
        call.add_done_callback(self._ended)

    def _ended(self, call: asyncio.Task[None]) -> None:
        del self._under_way[call]
        if self._timer is None:
            self._send()

    async def _call(self, batch: TextBatch, lane: Lane) -> None:
        try:
            rows = await self._rows(list(batch), lane)
        except BaseException as error:  # whatever it is, it belongs to whoever asked
            broken_off = RetrievalError(f"{self.name} broke the call off")
            if ends_task(error):  # nobody is left
                for asked in active_requests([batch]):
                    asked.fail(broken_off)
                raise
            self._retry_by_caller(batch, lane, error if isinstance(error, Exception) else broken_off)
        else:
            distribute_rows(batch, rows)

    async def _rows(self, texts: Sequence[str], lane: Lane) -> Vectors:
        self._metrics.embedding_batch(len(texts))
        embed = getattr(self._inner, "embed_query", self._inner.embed) if lane == "query" else self._inner.embed
        rows: Vectors = await embed(texts)
        if rows.shape != (len(texts), self.dimensions):  # with a row missing, callers would get each other's vectors
            raise RetrievalError(f"{self.name} returned an array of shape {rows.shape} for {len(texts)} texts")
        return rows

    def _retry_by_caller(self, batch: TextBatch, lane: Lane, error: Exception) -> None:
        """Retry the texts of each caller separately; a single caller gets the error."""
        if is_shared(batch):
            for share in split_by_caller(batch):
                self._begin(share, lane)
            return
        for asked in active_requests([batch]):
            asked.fail(error)

    def take_uses(self) -> Sequence[Any]:
        """Return what a hosted embedder has used since this was called last; nothing of one in the worker."""
        take = getattr(self._inner, "take_uses", None)
        return take() if take else ()

    def _cancel_unwanted(self) -> None:
        """Cancel the calls whose callers have all gone."""
        for call, batch in self._under_way.items():
            if not active_requests([batch]):
                call.cancel()


class BackgroundEmbedder:
    """A batching embedder for work that nobody waits for, such as the ingestion of documents."""

    def __init__(self, inner: BatchingEmbedder) -> None:
        self.name = inner.name
        self.dimensions = inner.dimensions
        self._inner = inner

    async def embed(self, texts: Sequence[str]) -> Vectors:
        """Return an array of shape (len(texts), dimensions), when others need the embedder less.

        Raises:
            RetrievalError: as the embedder's.
        """
        return await self._inner.embed_in(texts, "background")

    async def close(self) -> None:
        """Leave the embedder to its owner."""
