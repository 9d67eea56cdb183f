"""Form batches for an embedder: fair to all callers, without duplicates."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterable, Sequence

from app.retrieval.base import Vectors


class EmbedRequest:
    """The request of one caller: `texts`, and `rows` of shape (len(texts), dimensions), filled as results arrive.

    The caller waits for `done`: it completes with the last row, or with the error. A caller that has gone has
    cancelled it.
    """

    __slots__ = ("_begun", "_filled", "done", "rows", "texts")

    def __init__(self, texts: Sequence[str], rows: Vectors, done: asyncio.Future[None]) -> None:
        self.texts = texts
        self.rows = rows
        self.done = done
        self._begun = 0
        self._filled = 0

    @property
    def left(self) -> int:
        """The number of texts not in a batch yet."""
        return len(self.texts) - self._begun

    @property
    def next(self) -> str:
        """The first text not in a batch yet."""
        return self.texts[self._begun]

    def take(self) -> int:
        """Return the index of the next text, which counts as being in a batch from now on."""
        self._begun += 1
        return self._begun - 1

    def fill(self, place: int, row: Vectors) -> None:
        """Set `row`, of shape (dimensions,), for the text at index `place`."""
        self.rows[place] = row
        self._filled += 1
        if self._filled == len(self.texts) and not self.done.done():
            self.done.set_result(None)

    def fail(self, error: Exception) -> None:
        """Fail the caller's request, if it still waits."""
        if not self.done.done():
            self.done.set_exception(error)


#: The distinct texts of one call, each with the requests and indexes that want its row.
TextBatch = dict[str, list[tuple[EmbedRequest, int]]]


def next_batch(waiting: deque[EmbedRequest], size: int) -> TextBatch:
    """Return up to `size` texts, taken from the callers round-robin, so that one caller cannot delay the others.

    Callers that have no texts left or have gone are removed from `waiting`.
    """
    batch: TextBatch = {}
    while waiting:
        asked = waiting[0]
        if not asked.done.done() and len(batch) == size and asked.next not in batch:
            break
        waiting.popleft()
        if asked.done.done():
            continue
        batch.setdefault(asked.next, []).append((asked, asked.take()))
        if asked.left:
            waiting.append(asked)
    return batch


def distribute_rows(batch: TextBatch, rows: Vectors) -> None:
    """Distribute `rows`, of shape (len(batch), dimensions), in the order of the batch's texts."""
    for places, row in zip(batch.values(), rows, strict=True):
        for asked, place in places:
            asked.fill(place, row)


def is_shared(batch: TextBatch) -> bool:
    """Whether the batch has texts of several callers, including those that have gone: any may have caused its error."""
    return len({asked for places in batch.values() for asked, _ in places}) > 1


def split_by_caller(batch: TextBatch) -> list[TextBatch]:
    """Return one batch for each caller that still waits, with its texts of this batch."""
    found: dict[EmbedRequest, TextBatch] = {}
    for text, places in batch.items():
        for asked, place in places:
            if not asked.done.done():
                found.setdefault(asked, {}).setdefault(text, []).append((asked, place))
    return list(found.values())


def active_requests(batches: Iterable[TextBatch]) -> set[EmbedRequest]:
    """Return the requests in the batches whose callers still wait."""
    return {asked for batch in batches for places in batch.values() for asked, _ in places if not asked.done.done()}
