"""Tasks in the order in which they were sent, newest first, page by page: read backwards from the topic's end."""

from __future__ import annotations

import base64
import heapq
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from typing import Any

from aiokafka import TopicPartition

from app.client.client import Client, OffsetRange
from app.client.topic_ranges import read_before
from app.errors import InvalidEvent
from topics import TASKS
from topics.tasks import Task, task_id

#: Tasks that one page looks at, at most: with a filter that few pass, a page may be short, and there may be more.
LOOKED_AT = 500
_LONGEST_CURSOR = 8192


class InvalidCursor(ValueError):
    """It is not one that a page gave."""


@dataclass(frozen=True, slots=True)
class FoundTask:
    """A task, its id, where it is, and when it was put there (epoch seconds)."""

    id: str
    task: Task
    partition: int
    offset: int
    at: float


@dataclass(frozen=True, slots=True)
class Page:
    """Some tasks, and the cursor of the next page; empty after the last."""

    tasks: Sequence[FoundTask]
    next: str = ""


async def read_page(client: Client, cursor: str, limit: int, wanted: Callable[[FoundTask], bool]) -> Page:
    """Return the newest `limit` tasks that are wanted, or those before `cursor`.

    Raises:
        InvalidCursor: see there.
        BrokerError: the broker fails.
    """
    spans = await client.bounds([TASKS])
    spans = {place: OffsetRange(span.begin, end) for place, span, end in _up_to(spans, cursor)}
    records = await read_before(client, LOOKED_AT, spans)
    taken: list[FoundTask] = []
    ends = {place: span.end for place, span in spans.items()}
    for record in islice(_newest_first(records), LOOKED_AT):
        ends[TopicPartition(record.topic, record.partition)] = record.offset
        if (found := _found(record, client.settings.topics.max_message_bytes)) and wanted(found):
            taken.append(found)
            if len(taken) == limit:
                break
    more = any(ends[place] > span.begin for place, span in spans.items())
    return Page(taken, _cursor(ends) if more and records else "")


def _up_to(spans: dict[Any, OffsetRange], cursor: str) -> Iterator[tuple[Any, OffsetRange, int]]:
    given = _parsed(cursor) if cursor else {}
    for place, span in spans.items():
        end = given.get(place.partition, span.end)
        yield place, span, max(span.begin, min(end, span.end))


def _newest_first(records: Sequence[Any]) -> Iterator[Any]:
    """Merge the partitions, each of which is in order of its offsets."""
    by_partition: dict[int, list[Any]] = {}
    for record in records:
        by_partition.setdefault(record.partition, []).append(record)
    backwards = [list(reversed(some)) for some in by_partition.values()]
    return heapq.merge(*backwards, key=lambda record: -record.timestamp)


def _found(record: Any, max_bytes: int) -> FoundTask | None:
    with suppress(InvalidEvent):
        task = TASKS.parse(record.value, max_bytes=max_bytes)
        return FoundTask(task_id(task, record), task, record.partition, record.offset, record.timestamp / 1000)
    return None


def _cursor(ends: dict[Any, int]) -> str:
    text = json.dumps({place.partition: end for place, end in ends.items()}, separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _parsed(cursor: str) -> dict[int, int]:
    if len(cursor) > _LONGEST_CURSOR:
        raise InvalidCursor
    try:
        data = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        return {int(partition): int(end) for partition, end in data.items()}
    except (ValueError, AttributeError, TypeError, RecursionError, OverflowError):
        raise InvalidCursor from None
