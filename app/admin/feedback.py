"""Give feedback on answers, and read it."""

from __future__ import annotations

from contextlib import aclosing

from app.client import topic_ranges
from app.client.client import Client
from app.partitioner import partition_of
from topics import FEEDBACK
from topics.feedback import Feedback


async def give(client: Client, feedback: Feedback) -> None:
    """Put feedback where its task is at home; return when the broker has it."""
    home = partition_of(feedback.task_id, client.settings.topics.partitions)
    await (await client.send(FEEDBACK, feedback.task_id, feedback, id=feedback.id, partition=home))


async def read(client: Client, task_id: str, *, begin: int, most: int) -> tuple[list[Feedback], int | None]:
    """Return feedback on a task from an offset on, oldest first and each once, and the offset at which there is more.

    Raises:
        BrokerError: there is no such topic, or the broker fails.
    """
    home, key = partition_of(task_id, client.settings.topics.partitions), task_id.encode()
    found: dict[str, Feedback] = {}
    async with aclosing(topic_ranges.iterate_partition(client, FEEDBACK, home, begin=begin)) as records:
        async for record in records:
            if record.key != key:
                continue
            if len(found) == most:
                return list(found.values()), record.offset
            if event := FEEDBACK.event_in(record):
                found.setdefault(event.id, event)
    return list(found.values()), None
