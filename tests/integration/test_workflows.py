"""Workflows on Apache Kafka: the examples, and what must hold when workers die, and versions and turns change."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from app.brokers.base import Connection
from app.brokers.topics import InternalTopic, ensure_topics
from app.cli.output import Output
from app.cli.workflows.deploy import deploy_files
from app.client.client import Client, attach
from app.configuration import load
from app.settings import Settings
from testkit.cluster.harness import SHORT_SESSION
from testkit.cluster.traffic import Traffic
from testkit.cluster.workers import ROOT, Workers
from topics import SIGNALS, TASKS
from topics.results import Result
from topics.signals import Signal
from topics.tasks import Task

pytestmark = [pytest.mark.kafka, pytest.mark.slow]

EXAMPLES = ("document-summary", "extraction", "panel-with-a-judge", "support-answers", "ticket-resolution")
MODELS = {"quick": {"provider": "scripted"}, "slow": {"provider": "scripted", "options": {"delay": 0.4}}}
APPROVE = """\
id: approve
deadline: 5m
answer: done
steps:
  draft: {kind: ask, models: [quick], prompt: "{{ task.id }}"}
  approval: {kind: wait, signal: approval, after: [draft], timeout: 4m}
  done: {kind: transform, value: "steps.draft.output + ' ' + steps.approval.output"}
"""
SPREAD = """\
id: spread
steps:
  parts:
    kind: map
    over: input.numbers
    parallel: 2
    step: {kind: ask, models: [slow], prompt: "{{ task.id }}: {{ item }}"}
"""
LATER = """\
id: later
deadline: 5m
answer: done
steps:
  pause: {kind: wait, for: 20s, timeout: 1m}
  done: {kind: transform, after: [pause], value: "'done'"}
"""
TURNS = """\
id: turns
concurrency: {limit: 2, key: input.tenant}
steps:
  work: {kind: ask, models: [slow], prompt: "{{ task.id }}"}
"""


@dataclass(frozen=True, slots=True)
class Stage:
    """Workers that a test starts and kills, what it sends them, and what comes out."""

    folder: Path
    workers: Workers
    traffic: Traffic
    client: Client

    async def deploy(self, *workflows: str) -> None:
        for text in workflows:
            (self.folder / f"{yaml.safe_load(text)['id']}.yaml").write_text(text, encoding="utf-8")
        await deploy_files(self.client, [self.folder], Output(programs=True))

    async def send(self, *tasks: Task) -> None:
        sent = [await self.client.send(TASKS, str(task.id), task, id=str(task.id)) for task in tasks]
        await asyncio.gather(*sent)

    async def signal(self, task_ids: Iterable[str], payload: Any) -> None:
        for task_id in task_ids:
            event = Signal(task_id=task_id, name="approval", payload=payload)
            await (await self.client.send(SIGNALS, task_id, event, id=f"{task_id}-approval"))

    async def drafted(self, task_ids: Iterable[str]) -> None:
        """Return when the drafts of these runs are answered: now they wait."""
        wanted = {f"{task_id}/draft/quick/1" for task_id in task_ids}
        await self.traffic.until(lambda: wanted <= self.traffic.recorded.keys(), seconds=30)

    async def results(self, task_ids: Iterable[str], *, seconds: float = 45) -> dict[str, Result]:
        """Return the results, once all are there and a moment has passed; all of one task say the same."""
        wanted, found = set(task_ids), self.traffic.results
        await self.traffic.until(lambda: wanted <= found.keys(), seconds=seconds)
        await asyncio.sleep(0.3)
        for task_id in wanted:
            assert len({(one.status, json.dumps(one.answer, sort_keys=True)) for one in found[task_id]}) == 1
        return {task_id: found[task_id][-1] for task_id in wanted}


def configuration(**changes: Any) -> dict[str, Any]:
    return {"models": MODELS, "ask": {"models": ["quick"]}, "retrieval": {"embedder": "hashing"}} | changes


@asynccontextmanager
async def stage(kafka: Connection, folder: Path, raw: dict[str, Any], *, partitions: int = 4) -> AsyncIterator[Stage]:
    """Yield a stage with topics of its own and no worker yet."""
    prefix = f"w{uuid.uuid4().hex[:8]}-"
    raw = {**raw, "app_id": f"{prefix}app", "topics": {"prefix": prefix, "partitions": partitions}}
    settings, servers = Settings.model_validate(raw), kafka.bootstrap_servers
    await ensure_topics(kafka, settings.topics, [InternalTopic(f"{prefix}{settings.app_id}-runs", compacted=True)])
    workers = Workers(servers, raw, folder / "workers.log")
    (folder / "workflows").mkdir()
    async with workers, Traffic(servers, prefix) as traffic, attach(settings, kafka) as client:
        yield Stage(folder / "workflows", workers, traffic, client)


def examples() -> dict[str, Any]:
    """Return one configuration for all examples: with doubles alone, and without a shop."""
    raw: dict[str, Any] = {"models": {}, "connectors": {}}
    for name in EXAMPLES:
        path = ROOT / "examples" / name / "config.yaml"
        load(path, {})
        own = yaml.safe_load(path.read_text(encoding="utf-8"))
        assert not raw["models"].keys() & own["models"].keys()
        raw["models"] |= own["models"]
        raw["connectors"] |= own.get("connectors", {})
    for name in ("reader", "editor"):
        raw["models"][name] = {"provider": "scripted", "options": {"default": f"the {name} was here"}}
    raw["connectors"]["shop"] = {"url": "http://127.0.0.1:9"}  # where nobody answers
    return configuration(**raw, ask={"models": ["judge"]})


def tasks_of(name: str) -> list[Task]:
    lines = (ROOT / "examples" / name / "tasks.jsonl").read_text(encoding="utf-8").splitlines()
    return [Task.model_validate_json(line) for line in lines]


async def test_the_examples_come_to_the_same_on_apache_kafka(kafka: Connection, tmp_path: Path) -> None:
    tasks = [task for name in EXAMPLES for task in tasks_of(name)]
    async with stage(kafka, tmp_path, examples()) as here:
        await here.workers.start()
        await deploy_files(
            here.client, [ROOT / "examples" / name / "workflows" for name in EXAMPLES], Output(programs=True)
        )
        await here.send(*tasks)
        results = await here.results(str(task.id) for task in tasks)
    assert {task_id for task_id, result in results.items() if result.status != "succeeded"} == {"x-3", "x-4"}
    answers: dict[str, Any] = {task_id: result.answer for task_id, result in results.items()}
    assert answers["d-2"] == {"summary": "the editor was here", "sections": ["the reader was here"] * 5}
    assert (answers["x-1"]["total"], answers["x-1"]["currency"]) == (179.7, "EUR")
    assert answers["p-1"].startswith("Put a little of the yeast")
    assert answers["p-4"] == answers["p-1"]
    assert answers["p-3"].startswith("At sea level")
    # There is neither a document nor a shop.
    assert {answers[f"s-{number}"]["by"] for number in range(1, 5)} == {"people"}
    assert (answers["t-1"]["kind"], answers["t-1"]["refunded"]) == ("refund", False)
    assert answers["t-1"]["text"].startswith("Thank you for writing to us.")


async def test_a_killed_worker_costs_no_run(kafka: Connection, tmp_path: Path) -> None:
    waiting, spread = [f"a{number}" for number in range(12)], [f"s{number}" for number in range(6)]
    numbers = list(range(10))
    async with stage(kafka, tmp_path, configuration(broker={"session_timeout": SHORT_SESSION})) as here:
        await here.deploy(APPROVE, SPREAD)
        doomed, _ = await here.workers.start(2)
        await here.send(*(Task(id=task_id, workflow="approve", input={}) for task_id in waiting))
        await here.drafted(waiting)
        await here.send(*(Task(id=task_id, workflow="spread", input={"numbers": numbers}) for task_id in spread))
        begun = {f"{task_id}/parts[0]/slow/1" for task_id in spread}
        await here.traffic.until(lambda: begun <= here.traffic.recorded.keys(), seconds=30)
        assert not here.traffic.results
        await here.workers.kill(doomed)
        await here.signal(waiting, "yes")
        results = await here.results([*waiting, *spread])
    assert {task_id: results[task_id].answer for task_id in waiting} == {one: f"{one} yes" for one in waiting}
    assert {task_id: results[task_id].answer for task_id in spread} == {
        task_id: [f"{task_id}: {number}" for number in numbers] for task_id in spread
    }


async def test_after_a_restart_timers_fire_and_runs_keep_their_version(kafka: Connection, tmp_path: Path) -> None:
    old, new = [f"o{number}" for number in range(5)], [f"n{number}" for number in range(3)]
    async with stage(kafka, tmp_path, configuration(broker={"session_timeout": SHORT_SESSION})) as here:
        await here.deploy(APPROVE, LATER)
        (worker,) = await here.workers.start()
        await here.send(
            Task(id="timer", workflow="later", input={}),
            *(Task(id=task_id, workflow="approve", input={}) for task_id in old),
        )
        await here.drafted(old)
        await here.deploy(APPROVE.replace("' ' +", "' in the second version ' +"))
        assert not here.traffic.results
        await here.workers.kill(worker)
        await here.workers.start()
        await here.send(*(Task(id=task_id, workflow="approve", input={}) for task_id in new))
        await here.signal([*old, *new], "yes")
        results = await here.results(["timer", *old, *new])
    assert results["timer"].answer == "done"
    (pause,) = (step for step in results["timer"].steps if step.step == "pause")
    assert pause.seconds >= 20
    assert {(results[one].workflow_version, results[one].answer) for one in old} == {(1, f"{one} yes") for one in old}
    assert {(results[one].workflow_version, results[one].answer) for one in new} == {
        (2, f"{one} in the second version yes") for one in new
    }


async def test_turns_hold_over_two_workers(kafka: Connection, tmp_path: Path) -> None:
    tenants = {f"{tenant}{number}": tenant for tenant in ("acme", "bolt") for number in range(8)}
    async with stage(kafka, tmp_path, configuration()) as here:
        await here.deploy(TURNS)
        await here.workers.start(2)
        await here.send(*(Task(id=one, workflow="turns", input={"tenant": tenant}) for one, tenant in tenants.items()))
        results = await here.results(tenants)
    assert {result.status for result in results.values()} == {"succeeded"}
    for tenant in ("acme", "bolt"):
        assert _at_once([result for one, result in results.items() if tenants[one] == tenant]) == 2


def _at_once(results: Iterable[Result]) -> int:
    """Return how many runs were at work at the same time, at most."""
    changes: list[tuple[float, int]] = []
    for result in results:
        (work,) = result.steps
        assert work.started_at
        changes += [(work.started_at.timestamp(), 1), (work.started_at.timestamp() + work.seconds, -1)]
    most = now = 0
    for _, change in sorted(changes):
        now += change
        most = max(most, now)
    return most
