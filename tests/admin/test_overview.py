from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
import pytest_asyncio

from app.admin import overview
from app.admin.overview import take
from app.brokers.base import Connection
from app.brokers.topics import ensure_topics
from app.client.client import Client, attach
from app.settings import Settings, TopicSettings
from topics import DEAD_LETTERS, MODEL_HEALTH, RESULTS, TASKS
from topics.base import Failure
from topics.model_health import ModelHealth
from topics.model_responses import Usage
from topics.results import Result
from topics.tasks import Task

NOWHERE = "127.0.0.1:1"
METRICS = """\
# HELP meta_ai_events_in_flight events in flight
meta_ai_events_in_flight{agent="call_model"} 3.0
meta_ai_events_in_flight{agent="route"} 0.0
meta_ai_runs_active 2.0
"""


@pytest_asyncio.fixture
async def client(embedded: Connection) -> AsyncIterator[Client]:
    settings = Settings(topics=TopicSettings(prefix=f"t{secrets.token_hex(4)}-", partitions=2))
    await ensure_topics(embedded, settings.topics)
    async with attach(settings, embedded) as found:
        yield found


async def _send_task(client: Client, name: str) -> None:
    await (await client.send(TASKS, name, Task(id=name, input={}), id=name))


async def test_rates_are_those_between_two_looks(client: Client) -> None:
    first = await take(client, NOWHERE, 60.0)
    assert {row.rate for row in first.topics} == {None}
    for number in range(10):
        await _send_task(client, f"t-{number}")
    second = await take(client, NOWHERE, 60.0, first)
    tasks = second.topics[0]
    assert (tasks.topic, tasks.events, tasks.waiting) == (client.full_name(TASKS), 10, 10)
    assert tasks.rate == pytest.approx(10 / (second.at - first.at).total_seconds(), rel=0.01)
    assert {row.rate for row in second.topics[1:]} == {0.0}
    assert (second.agents, second.runs) == (None, None)


async def test_models_errors_and_costs_are_of_this_moment(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(overview, "fetch_metrics", lambda _: METRICS)
    now = datetime.now(UTC)
    soon = now + timedelta(minutes=1)
    for model, worker, at, until in (
        ("a", "w-1", now, None),
        ("a", "w-2", now, soon),
        ("b", "w-1", now, now - timedelta(minutes=1)),
        ("old", "w-1", now - timedelta(days=1), None),
    ):
        event = ModelHealth(model=model, worker=worker, at=at, calls=2, seconds=1.0, errors=0.5, open_until=until)
        await (await client.send(MODEL_HEALTH, f"{model}/{worker}", event, id=f"{model}/{worker}"))
    for number, error in enumerate((None, Failure(code="timeout", message="slow"))):
        result = Result(
            task_id=f"t-{number}",
            workflow="w",
            status="failed" if error else "succeeded",
            error=error,
            accepted_at=now,
            finished_at=now,
            usage=Usage(cost=0.25),
        )
        await (await client.send(RESULTS, result.task_id, result, id=result.task_id))
    await (await client.put(client.full_name(DEAD_LETTERS), b"k", b"[", []))
    found = await take(client, NOWHERE, 60.0)
    assert [(row.model, row.calls, row.open_until) for row in found.models] == [("a", 4, soon), ("b", 2, None)]
    assert (found.agents, found.runs) == ({"call_model": 3}, 2)
    assert (found.errors, found.cost, found.dead_letters, found.results) == ({"timeout": 1}, 0.5, 1, 2)
    assert [(row.name, row.count) for row in found.workflows] == [("w", 2)]
