"""Budgets on Apache Kafka, over eight workers of which some are killed: what was paid for is what was counted."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Collection, Mapping
from math import ceil
from pathlib import Path
from typing import Any

import pytest

from app.admin import budgets
from app.admin.budgets import BudgetRow
from app.brokers.base import Connection
from tests.integration.test_workflows import Stage, stage
from topics.results import Result
from topics.tasks import Task

pytestmark = [pytest.mark.alone, pytest.mark.kafka, pytest.mark.slow]  # eight workers are busy enough

WORKERS = 8
RUNS = 30
PERIOD = 2.0
RESERVE, LIMIT = 0.05, 0.5
#: One token for one word: so many words of an answer, at a million dollars for a million tokens, cost so much.
LARGE, SMALL = 0.07, 0.01
COST = LARGE + SMALL
WORKFLOW = """\
id: spend
deadline: 100s
steps:
  work: {kind: ask, models: [large, small], prompt: "{{ task.id }}", fusion: {strategy: vote}, timeout: 90s}
"""


def _model(cost: float) -> dict[str, Any]:
    return {
        "provider": "scripted",
        "price": {"output": cost * 1_000_000},
        "options": {"default": "word", "delay": 0.3},
    }


def _configuration() -> dict[str, Any]:
    shared = {"limit": LIMIT, "reserve": RESERVE, "workflow": "spend"}
    return {
        "models": {"large": _model(LARGE), "small": _model(SMALL), "quick": {"provider": "scripted"}},
        "ask": {"models": ["quick"]},
        "retrieval": {"embedder": "hashing"},
        "budgets": [
            {"name": "refusing", "tenant": "acme", **shared},
            {"name": "degrading", "tenant": "bolt", **shared, "when_exceeded": "degrade", "degrade_to": ["small"]},
            {"name": "queueing", "tenant": "crow", **shared, "when_exceeded": "queue", "period": PERIOD},
            {"name": "all", "limit": 1000.0},
        ],
    }


async def _accounts(here: Stage, spent: float) -> Mapping[str, BudgetRow]:
    """Return the budgets when all runs are settled: the workers write them a moment after the results."""
    async with asyncio.timeout(20):
        while True:
            found = {row.budget: row for row in await budgets.read(here.client)}
            if not any(row.runs or row.queue for row in found.values()) and abs(found["all"].spent - spent) < 1e-6:
                return found
            await asyncio.sleep(0.3)


def _cost(results: Collection[Result]) -> float:
    return sum(result.usage.cost for result in results)


async def test_what_eight_workers_spend_is_bounded_and_counted_once_through_kills(
    kafka: Connection, tmp_path: Path
) -> None:
    tasks = [
        Task(id=f"{tenant}-{number}", workflow="spend", tenant=tenant, input={})
        for number in range(RUNS)
        for tenant in ("acme", "bolt", "crow")
    ]
    async with stage(kafka, tmp_path, _configuration(), partitions=WORKERS) as here:
        await here.deploy(WORKFLOW)
        doomed, *_ = await here.workers.start(WORKERS)
        await here.send(*tasks)
        await here.traffic.until(lambda: len(here.traffic.results) >= len(tasks) // 4, seconds=30)
        await here.workers.kill(doomed)
        results = await here.results([str(task.id) for task in tasks], seconds=90)
        accounts = await _accounts(here, _cost(results.values()))
    by_tenant = {
        tenant: [result for task_id, result in results.items() if task_id.startswith(tenant)]
        for tenant in ("acme", "bolt", "crow")
    }
    _refusing(by_tenant["acme"], accounts["refusing"])
    _degrading(by_tenant["bolt"], accounts["degrading"])
    _queueing(by_tenant["crow"])


def _refusing(results: Collection[Result], account: BudgetRow) -> None:
    """Those in flight have cost more than was expected of them; nobody else began."""
    ended = Counter(result.error.code if result.error else result.status for result in results)
    assert ended.keys() == {"succeeded", "budget_exceeded"}, [one.error for one in results if one.error]
    assert ended.total() == RUNS
    assert account.spent == pytest.approx(_cost(results))
    at_once = LIMIT / RESERVE
    assert account.spent <= LIMIT + at_once * (COST - RESERVE) + 1e-6
    assert all(result.usage.cost == 0 for result in results if result.error)
    messages = {result.error.message for result in results if result.error}
    assert all(message.startswith("the budget refusing has not enough left for another run") for message in messages)


def _degrading(results: Collection[Result], account: BudgetRow) -> None:
    """Nobody is refused; those that came too late asked the small model."""
    assert [result.error for result in results if result.error] == []
    asked = Counter(("large" in {one.model for one in result.candidates}, result.degraded) for result in results)
    assert asked.keys() == {(True, False), (False, True)}
    assert account.spent == pytest.approx(_cost(results))
    assert asked[True, False] <= LIMIT / RESERVE


def _queueing(results: Collection[Result]) -> None:
    """All come to their turn, or end by their deadline; that takes as many periods as there is money in each."""
    ended = Counter(result.error.code if result.error else result.status for result in results)
    assert ended.keys() <= {"succeeded", "budget_exceeded"}
    assert ended["succeeded"] > LIMIT / RESERVE
    begun = [result.steps[0].started_at for result in results if result.steps[0].started_at]
    seconds = (max(result.finished_at for result in results if not result.error) - min(begun)).total_seconds()
    in_a_period = LIMIT + LIMIT / RESERVE * (COST - RESERVE)
    assert seconds > PERIOD * (ceil(_cost(results) / in_a_period) - 2), "the first and the last may be cut short"
