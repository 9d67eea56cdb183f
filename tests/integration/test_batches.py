"""Batches on Apache Kafka, at a provider over HTTP: what must hold when workers die while it takes its time."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from app.brokers.base import Connection
from app.brokers.topics import InternalTopic, ensure_topics
from app.cli.output import Output
from app.cli.workflows.deploy import deploy_files
from app.client.client import attach
from app.settings import Settings
from testkit.cluster.traffic import Traffic
from testkit.cluster.workers import Workers
from tests.contracts.batch_provider import KEY, BatchProvider
from topics.tasks import Task

pytestmark = [pytest.mark.kafka, pytest.mark.slow]

_WORKFLOW = """\
id: wait
steps:
  say: {kind: ask, models: [one, two], prompt: "{{ task.id }}", batch: true, fusion: {strategy: concat, quorum: 2}}
"""


def _configuration(provider: BatchProvider) -> dict[str, Any]:
    shared = {"model": "m", "api_key": KEY, "batch": {"window": 0.3, "poll": 1.0}}
    return {
        "models": {
            "one": {
                **shared,
                "provider": "openai",
                "base_url": f"{provider.url}/v1",
                "options": {"features": ["batch"]},
            },
            "two": {**shared, "provider": "anthropic", "base_url": provider.url},
        },
        "ask": {"models": ["one"]},
        "retrieval": {"embedder": "hashing"},
    }


@asynccontextmanager
async def _stage(kafka: Connection, folder: Path, provider: BatchProvider) -> AsyncIterator[tuple[Workers, Traffic]]:
    prefix = f"b{uuid.uuid4().hex[:8]}-"
    (folder / "wait.yaml").write_text(_WORKFLOW, encoding="utf-8")
    raw = _configuration(provider) | {"app_id": f"{prefix}app", "topics": {"prefix": prefix, "partitions": 4}}
    settings, servers = Settings.model_validate(raw), kafka.bootstrap_servers
    await ensure_topics(kafka, settings.topics, [InternalTopic(f"{prefix}{settings.app_id}-runs", compacted=True)])
    workers = Workers(servers, raw, folder / "workers.log")
    async with workers, Traffic(servers, prefix) as traffic, attach(settings, kafka) as client:
        await deploy_files(client, [folder / "wait.yaml"], Output(programs=True))
        yield workers, traffic


async def test_what_a_killed_worker_has_submitted_another_one_collects(kafka: Connection, tmp_path: Path) -> None:
    over = asyncio.Event()
    async with (
        BatchProvider(lambda _age: over.is_set()) as provider,
        _stage(kafka, tmp_path, provider) as (
            workers,
            traffic,
        ),
    ):
        (doomed,) = await workers.start()
        tasks = [f"t{number}" for number in range(12)]
        for task_id in tasks:
            await traffic.feed(Task(id=task_id, workflow="wait", input={}))
        tickets = {f"{task_id}/say/{model}/1" for task_id in tasks for model in ("one", "two")}
        polls = {f"{ticket}~1" for ticket in tickets}
        await traffic.until(lambda: polls <= traffic.recorded.keys(), seconds=60)
        handed_in = len(provider.batches)
        assert not traffic.results
        await workers.kill(doomed)
        over.set()
        await workers.start()
        await traffic.until(lambda: set(tasks) <= traffic.results.keys(), seconds=60)
    for task_id in tasks:
        (result,) = {value.model_dump_json() for value in traffic.results[task_id]}
        assert "succeeded" in result
        assert traffic.results[task_id][-1].answer == f"## one\n\nEcho: {task_id}\n\n## two\n\nEcho: {task_id}"
    assert len(provider.batches) == handed_in  # nothing was handed in, and paid, twice
    assert len(provider.requests) == 24
    assert provider.asked["GET /v1/batches/ID"] < 24  # not once for each ticket, each time


async def test_no_offset_waits_for_a_batch(kafka: Connection, tmp_path: Path) -> None:
    async with BatchProvider(lambda _age: False) as provider, _stage(kafka, tmp_path, provider) as (workers, traffic):
        (worker,) = await workers.start()
        await traffic.feed(Task(id="t", workflow="wait", input={}))
        await traffic.until(lambda: {"t/say/one/1~1", "t/say/two/1~1"} <= traffic.recorded.keys(), seconds=60)
        await workers.stop(worker)
        assert not traffic.results
        assert not await traffic.lag(f"{traffic.prefix}app")
