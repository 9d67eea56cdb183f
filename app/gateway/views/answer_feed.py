"""Answers while they are made: the pieces on `result-chunks`, for those who follow a task."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager, contextmanager, suppress
from typing import Any

from app.client.client import Client
from app.client.topic_ranges import read_key
from app.delivery.kafka.fetch_pace import FetchPace
from app.delivery.kafka.tail import Tail
from app.errors import InvalidEvent
from app.gateway.problems import Refusal
from app.partitioner import partition_of
from topics import RESULT_CHUNKS
from topics.result_chunks import ResultChunk

#: A broker named by its address may be an embedded one, which makes every fetch wait for the full time.
_FETCH_WAIT_MS = 50

#: A piece and its offset.
Piece = tuple[int, ResultChunk]
Take = Callable[[int, ResultChunk], None]


class AnswerFeed:
    """Follows the topic, and reads back what was there before."""

    def __init__(self, client: Client) -> None:
        settings, connection = client.settings, client.connection
        self._client = client
        self._max_bytes = settings.topics.max_message_bytes
        self._partitions = settings.topics.partitions
        self._followers: defaultdict[bytes, set[Take]] = defaultdict(set)
        self._pace = FetchPace(connection.appends)
        fetch_wait = min(_FETCH_WAIT_MS, connection.fetch_wait_ms)
        options = {**connection.options, "fetch_max_wait_ms": fetch_wait, "pace": self._pace}
        self._tail = Tail(options, settings.topics.prefix + RESULT_CHUNKS.name, self._saw, from_end=True)

    def running(self) -> AbstractAsyncContextManager[None]:
        """Follow the topic, which must exist, while the context lasts."""
        return self._tail.running()

    @property
    def caught_up(self) -> bool:
        """Whether pieces are followed."""
        return self._tail.caught_up.is_set()

    @contextmanager
    def following(self, task_id: str, take: Take) -> Iterator[None]:
        """Call `take` with the offset and each piece of a task from now on.

        Raises:
            Refusal: the topic is not followed yet.
        """
        if not self.caught_up:
            raise Refusal.starting("result-chunks")
        key = task_id.encode()
        self._followers[key].add(take)
        try:
            yield
        finally:
            self._followers[key].discard(take)
            if not self._followers[key]:
                del self._followers[key]

    async def before(self, task_id: str, *, begin: int = 0, moment: float | None = None) -> tuple[list[Piece], int]:
        """Return the pieces of a task that are on the topic, and the offset at which they end.

        They begin at the offset `begin`, or at `moment` (epoch seconds).

        Raises:
            BrokerError: the broker does not return them.
        """
        home = partition_of(task_id, self._partitions)
        key = task_id.encode()
        records, end = await read_key(self._client, RESULT_CHUNKS, home, key, begin=begin, moment=moment)
        return [piece for record in records if (piece := self._parsed(record))], end

    def stir(self) -> None:
        """Have the broker asked at full speed for a moment, as something is expected."""
        self._pace.stir()

    async def _saw(self, record: Any) -> None:
        takers = self._followers.get(record.key or b"")
        if takers and (piece := self._parsed(record)):
            for take in tuple(takers):
                take(*piece)

    def _parsed(self, record: Any) -> Piece | None:
        with suppress(InvalidEvent):  # some other program wrote it; the result is complete without it
            return record.offset, RESULT_CHUNKS.parse(record.value, max_bytes=self._max_bytes)
        return None
