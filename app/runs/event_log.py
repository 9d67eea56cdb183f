"""The events of one run, over all topics, in the order of their times: those that are there, and those that come."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from functools import partial
from typing import Any

from aiokafka import TopicPartition
from pydantic import AwareDatetime, JsonValue

from app.brokers.reachability import check_reachable
from app.client.client import Client
from app.client.reader import Reader
from app.partitioner import partition_of
from app.runs.views import View, utc_time
from topics import (
    ALL,
    DEAD_LETTERS,
    FEEDBACK,
    MODEL_REQUESTS,
    MODEL_RESPONSES,
    RESULT_CHUNKS,
    RESULTS,
    RETRIEVAL_REQUESTS,
    RETRIEVAL_RESULTS,
    SIGNALS,
    SPEND,
    STEP_REQUESTS,
    STEP_RESULTS,
    TASKS,
    WEBHOOK_REQUESTS,
    WEBHOOK_RESULTS,
)
from topics.base import Event, Topic
from topics.dead_letters import DeadLetter
from topics.results import Result
from topics.tasks import Task, task_id

_OTHERS: tuple[Topic[Any], ...] = (
    RETRIEVAL_REQUESTS,
    RETRIEVAL_RESULTS,
    MODEL_REQUESTS,
    MODEL_RESPONSES,
    STEP_REQUESTS,
    STEP_RESULTS,
    RESULTS,
    WEBHOOK_REQUESTS,
    WEBHOOK_RESULTS,
    FEEDBACK,
    SPEND,
    DEAD_LETTERS,
)
#: The topics on which what belongs to a run is not told by the key alone.
_OPEN: tuple[Topic[Any], ...] = (TASKS, SIGNALS)


#: How long to wait for events, and for those from before a result that has come.
_SECONDS, _SETTLE = 1.0, 0.5


class LoggedEvent(View):
    """An event of a run: when it was written, where it is, and what it is; `ends` is true of the result."""

    at: AwareDatetime
    topic: str
    partition: int
    offset: int
    step: str = ""
    event: dict[str, JsonValue]
    ends: bool = False


class EventLog:
    """Reads the events of a run."""

    def __init__(self, task_id: str, topics: dict[str, Topic[Any]], reader: Reader) -> None:
        self._id, self._key = task_id, task_id.encode()
        self._topics = topics
        self._reader = reader

    async def held(self) -> list[LoggedEvent]:
        """Return those that were there when the log was opened, oldest first."""
        found = [one async for record in self._reader.held() if (one := self._of(record))]
        return sorted(found, key=self._order)

    async def coming(self) -> AsyncIterator[LoggedEvent]:
        """Yield those that come, until the result has; it is the last.

        Raises:
            BrokerError: the broker is gone.
        """
        result: LoggedEvent | None = None
        while True:
            records = await self._reader.batch(_SECONDS if result is None else _SETTLE)
            found = sorted(filter(None, map(self._of, records)), key=self._order)
            for one in found:
                if one.ends:
                    result = one
                else:
                    yield one
            if result and not records:  # partitions are read side by side: what came before it may be seen after it
                yield result
                return

    def _order(self, event: LoggedEvent) -> tuple[datetime, int]:
        """Return what sorts events: their times, and within a millisecond the order in which a task meets topics."""
        return event.at, ALL.index(self._topics[event.topic])

    def _of(self, record: Any) -> LoggedEvent | None:
        topic = self._topics[record.topic]
        if topic not in _OPEN and record.key != self._key:
            return None
        event = _dead_letter(record) if topic is DEAD_LETTERS else topic.event_in(record)
        if event is None or (topic in _OPEN and _run_of(event, record) != self._id):
            return None
        return LoggedEvent(
            at=utc_time(record.timestamp / 1000) or datetime.fromtimestamp(0, UTC),
            topic=record.topic,
            partition=record.partition,
            offset=record.offset,
            step=getattr(event, "step", ""),
            event=event.model_dump(mode="json", exclude_none=True, exclude_defaults=True),
            ends=isinstance(event, Result),
        )


@asynccontextmanager
async def open_log(client: Client, task_id: str, *, chunks: bool = False) -> AsyncIterator[EventLog]:
    """Yield the log of a run; with `chunks`, the pieces of streamed answers are in it too.

    Raises:
        BrokerError: there are no topics, or the broker fails.
    """
    wanted = (*_OPEN, *_OTHERS, *([RESULT_CHUNKS] if chunks else []))
    known = await client.partitions()
    topics = {client.full_name(one): one for one in wanted if one is TASKS or client.full_name(one) in known}
    bounds = await client.bounds([*topics.values()])
    mine = {
        place: span
        for place, span in bounds.items()
        if place.partition == partition_of(task_id, known[place.topic]) or topics[place.topic] is DEAD_LETTERS
    }
    async with client.consumer() as consumer:
        consumer.assign([*mine])
        starts: dict[TopicPartition, int] = {place: span.begin for place, span in mine.items()}
        for place, start in starts.items():
            consumer.seek(place, start)
        ends = {place: span.end for place, span in mine.items()}
        yield EventLog(task_id, topics, Reader(consumer, starts, ends, partial(check_reachable, client.connection)))


def _run_of(event: Event, record: Any) -> str:
    return task_id(event, record) if isinstance(event, Task) else str(getattr(event, "task_id", ""))


def _dead_letter(record: Any) -> DeadLetter | None:
    try:
        return DeadLetter.from_headers(list(record.headers))
    except ValueError:
        return None
