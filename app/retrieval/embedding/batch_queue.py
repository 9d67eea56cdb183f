"""Which texts go together in one call of an embedder: fair to all who ask, and none of them twice."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterable, Sequence

from app.retrieval.base import Vectors


class EmbedRequest:
    """What one caller asked for: `texts`, and `rows` of shape (len(texts), dimensions), filled as answers come.

    `done` is the caller's: it ends when the last row is there, or with what went wrong. A caller who has gone away
    has cancelled it.
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
        """How many of the texts are in no batch yet."""
        return len(self.texts) - self._begun

    @property
    def next(self) -> str:
        """The first text that is in no batch yet."""
        return self.texts[self._begun]

    def take(self) -> int:
        """Return the place of the next text, which counts as being in a batch from now on."""
        self._begun += 1
        return self._begun - 1

    def fill(self, place: int, row: Vectors) -> None:
        """Take `row`, of shape (dimensions,), for the text at `place`."""
        self.rows[place] = row
        self._filled += 1
        if self._filled == len(self.texts) and not self.done.done():
            self.done.set_result(None)

    def fail(self, error: Exception) -> None:
        """Tell the caller, if there still is one, what went wrong."""
        if not self.done.done():
            self.done.set_exception(error)


#: The texts of one call, each once, and who wants its row at which place.
TextBatch = dict[str, list[tuple[EmbedRequest, int]]]


def next_batch(waiting: deque[EmbedRequest], size: int) -> TextBatch:
    """Return up to `size` texts, one of each caller in turn, so that many texts of one do not keep the others waiting.

    Who has no text left, or has gone, is no longer among `waiting` afterwards.
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
    """Hand out `rows`, of shape (len(batch), dimensions), in the order of the batch's texts."""
    for places, row in zip(batch.values(), rows, strict=True):
        for asked, place in places:
            asked.fill(place, row)


def is_shared(batch: TextBatch) -> bool:
    """Whether several callers' texts are in the batch, though some may have gone: any of them may have spoilt it."""
    return len({asked for places in batch.values() for asked, _ in places}) > 1


def split_by_caller(batch: TextBatch) -> list[TextBatch]:
    """Return what of the batch each caller who is still there wants: a batch of its own for each of them."""
    found: dict[EmbedRequest, TextBatch] = {}
    for text, places in batch.items():
        for asked, place in places:
            if not asked.done.done():
                found.setdefault(asked, {}).setdefault(text, []).append((asked, place))
    return list(found.values())


def active_requests(batches: Iterable[TextBatch]) -> set[EmbedRequest]:
    """Return who is still there of those who want something of the batches."""
    return {asked for batch in batches for places in batch.values() for asked, _ in places if not asked.done.done()}
