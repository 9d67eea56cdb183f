"""Send one task over Kafka, and wait for its result."""

from __future__ import annotations

from app.client.client import Client
from app.durations import format_duration
from app.errors import DeadlineExceeded
from topics import RESULTS, TASKS
from topics.results import Result
from topics.tasks import Task


async def answer(client: Client, task: Task, timeout: float) -> Result:
    """Send `task`, and return its result.

    Raises:
        DeadlineExceeded: there is no result after `timeout` seconds.
    """
    key = str(task.id).encode()
    # Opened first: the answer may arrive before a reader that is opened after sending.
    async with client.read(RESULTS) as results:
        await (await client.send(TASKS, str(task.id), task, id=str(task.id)))
        try:
            async for record in results.coming(timeout):
                if record.key == key:
                    return RESULTS.parse(record.value, max_bytes=client.settings.topics.max_message_bytes)
        except DeadlineExceeded:
            pass
    raise DeadlineExceeded(
        f"no answer within {format_duration(timeout)}; the task {task.id} may still be answered: meta-ai results tail. "
        "Is a worker running? meta-ai orchestrator status"
    )
