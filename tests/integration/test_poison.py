"""Events that kill whoever processes them: each becomes a dead letter, and everything else goes on."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer

from app.brokers.base import Connection
from testkit.cluster.harness import SHORT_SESSION, Deployment, deploy, question
from topics import DEAD_LETTERS
from topics.dead_letters import DeadLetter
from topics.tasks import Task

pytestmark = [pytest.mark.kafka, pytest.mark.slow]


async def _letters(deployment: Deployment, servers: str, count: int) -> list[DeadLetter]:
    topic = deployment.prefix + DEAD_LETTERS.name
    async with AIOKafkaConsumer(topic, bootstrap_servers=servers, auto_offset_reset="earliest") as consumer:
        return [DeadLetter.from_headers((await consumer.getone()).headers) for _ in range(count)]


async def _kept_alive(deployment: Deployment, deaths: list[int]) -> None:
    """Start a worker whenever one has died, as a supervisor does."""
    while True:
        for process in deployment.workers:
            if process.returncode is not None:
                deaths.append(process.returncode)
                await deployment.workers.kill(process)
                await deployment.workers.start(ready=False)
        await asyncio.sleep(0.05)


@pytest.mark.parametrize("fault", ["deadly_retrieval", "deadly_decision"])
async def test_that_an_event_that_kills_its_workers_becomes_a_dead_letter_and_the_others_go_on(
    kafka: Connection, tmp_path: Path, fault: str
) -> None:
    async with deploy(
        kafka.bootstrap_servers, tmp_path, session_timeout=SHORT_SESSION, faults=[fault], deadline=600.0
    ) as deployment:
        await deployment.workers.start(2)
        deaths: list[int] = []
        supervising = asyncio.create_task(_kept_alive(deployment, deaths))
        tasks = [question(number) for number in range(40)]
        deadly = Task(id="deadly", input={"question": "deadly"})
        for task in [*tasks[:20], deadly, *tasks[20:]]:
            await deployment.traffic.feed(task)
        results = deployment.traffic.results
        await deployment.traffic.until(lambda: len(results) == len(tasks) + 1, seconds=150)
        (letter,) = await _letters(deployment, kafka.bootstrap_servers, 1)
        supervising.cancel()
        await asyncio.gather(supervising, return_exceptions=True)
        assert (letter.reason, letter.agent) == (
            "poison",
            {"deadly_retrieval": "retrieve", "deadly_decision": "route"}[fault],
        )
        assert letter.error.startswith("3 workers died")
        assert {name: results[name][-1].status for name in results if name != "deadly"} == {
            task.id: "succeeded" for task in tasks
        }
        (told,) = results["deadly"]
        if fault == "deadly_decision":
            assert told.error
            assert told.error.code == "poison"
        else:  # the run went on without what it could not retrieve
            assert told.degraded
        assert deaths[:3] == [7] * 3
        assert len(deaths) <= 4  # the first may have died before the commits stood still
