"""Webhooks on Apache Kafka: who is away for a while is told by another worker than the one that has failed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from app.brokers.base import Connection
from tests.integration.test_workflows import configuration, stage
from tests.webhooks.receiving import KEY, receiving
from topics.tasks import Task

pytestmark = [pytest.mark.kafka, pytest.mark.slow]

TASKS = [f"w-{number}" for number in range(6)]


async def happens(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not condition():  # noqa: ASYNC110  # nothing tells it
            await asyncio.sleep(0.05)


async def test_that_a_webhook_survives_its_worker_and_is_called_until_it_is_accepted(
    kafka: Connection, tmp_path: Path
) -> None:
    webhooks = {
        "signing_keys": [KEY],
        "allow_http": True,
        "allow_networks": ["127.0.0.0/8"],
        "first_retry": 2.0,
    }
    async with receiving() as receiver, stage(kafka, tmp_path, configuration(webhooks=webhooks)) as here:
        receiver.status = 503
        (worker,) = await here.workers.start()
        await here.send(*(Task(id=one, input={"question": one}, webhook=receiver.url) for one in TASKS))
        await happens(lambda: len(set(receiver.ids)) == len(TASKS))
        await asyncio.sleep(0.5)  # what has failed is kept: now it waits for its time
        await here.workers.kill(worker)
        refused, receiver.status = len(receiver.ids), 204
        await here.workers.start()
        await happens(lambda: len(set(receiver.ids[refused:])) == len(TASKS))
        await asyncio.sleep(3.0)  # longer than until a next attempt
        accepted = receiver.ids[refused:]
        assert sorted(accepted) == sorted(set(receiver.ids))
        told = {body["data"]["task_id"]: body["type"] for body in receiver.bodies[refused:]}
        assert told == dict.fromkeys(TASKS, "task.succeeded")
