from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest
import pytest_asyncio

from app.brokers.base import Connection
from app.brokers.topics import ensure_topics
from app.cli.tasks import task_batch
from app.cli.tasks.task_batch import TaskBatch
from app.cli.tasks.task_lines import InvalidLine, TaskLine
from app.client.client import Client, attach
from app.settings import Settings, TopicSettings
from topics import RESULTS, TASKS
from topics.results import Result
from topics.tasks import Task


@pytest_asyncio.fixture
async def client(embedded: Connection) -> AsyncIterator[Client]:
    settings = Settings(topics=TopicSettings(prefix=f"t{secrets.token_hex(4)}-", partitions=2))
    await ensure_topics(embedded, settings.topics)
    async with attach(settings, embedded) as found:
        yield found


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(task_batch, "_LOOK_BACK_AFTER", 0.2)


async def _answer(client: Client, task_id: str, status: str = "succeeded") -> None:
    now = datetime.now(UTC)
    fields = {"task_id": task_id, "workflow": "ask", "status": status, "accepted_at": now, "finished_at": now}
    await (await client.send(RESULTS, task_id, Result.model_validate(fields), id=task_id))


async def _each(*tasks: TaskLine | InvalidLine) -> AsyncIterator[TaskLine | InvalidLine]:
    for task in tasks:
        yield task


def _task(task_id: str, line: int = 1) -> TaskLine:
    return TaskLine(line, Task(id=task_id, input={}))


def _batch(client: Client, seen: list[str]) -> TaskBatch:
    return TaskBatch(
        client,
        on_bad=lambda bad: seen.append(f"line {bad.line}"),
        on_result=lambda result: seen.append(result.task_id),
        on_sent=lambda one: seen.append(f"sent {one.line} {one.task.id}"),
    )


async def test_what_is_sent_is_on_the_topic_and_what_is_not_a_task_is_told(client: Client) -> None:
    seen: list[str] = []
    batch = _batch(client, seen)
    await batch.send(_each(_task("a"), InvalidLine(2, "no task"), _task("b", 3)))
    async with client.read(TASKS, from_beginning=True) as reader:
        assert {record.key async for record in reader.held()} == {b"a", b"b"}
    assert (batch.sent, batch.bad, batch.unanswered, seen) == (2, 1, 0, ["line 2", "sent 1 a", "sent 3 b"])


async def test_results_are_counted_as_they_come(client: Client) -> None:
    seen: list[str] = []
    batch = _batch(client, seen)
    async with batch.collecting():
        await batch.send(_each(_task("a"), _task("b"), _task("c")))
        await _answer(client, "b", "failed")
        await _answer(client, "a")
        assert not await batch.settled(0.5)
    assert (batch.succeeded, batch.failed, batch.unanswered, batch.before) == (1, 1, 1, 0)
    assert sorted(one for one in seen if "sent" not in one) == ["a", "b"]


async def test_what_was_answered_before_it_was_sent_again_is_not_waited_for(client: Client) -> None:
    await _answer(client, "a")
    await _answer(client, "other")
    seen: list[str] = []
    batch = _batch(client, seen)
    async with batch.collecting():
        await batch.send(_each(_task("a")))
        assert await batch.settled(60.0)
    assert (batch.succeeded, batch.unanswered, batch.before, seen) == (1, 0, 1, ["sent 1 a", "a"])
