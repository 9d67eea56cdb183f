"""The stateful agents: each gives the events of one topic to the runs that they belong to.

What follows from an event is decided by `app.workflows.engine` through `app.worker.run_state_machine`; they differ
in nothing but their topics.
"""

from __future__ import annotations

from typing import Any

from agents.base import Agent
from app.dependencies import Dependencies
from topics import (
    AUDIT,
    BUDGETS,
    MODEL_RESPONSES,
    RETRIEVAL_RESULTS,
    SIGNALS,
    SLOTS,
    STEP_RESULTS,
    TASKS,
    WEBHOOK_RESULTS,
)
from topics.base import Topic


def _agent(name: str, topic: Topic[Any]) -> Agent:
    async def run(stream: Any, deps: Dependencies) -> None:
        await deps.processor.run(stream, topic, agent=name)

    return Agent(name, topic, run)


AGENTS = (
    _agent("route", TASKS),  # a task: its workflow is looked up, and its run begins
    _agent("join", RETRIEVAL_RESULTS),  # chunks were found
    _agent("fuse", MODEL_RESPONSES),  # a model answered: as soon as the outcome is certain, the answers are fused
    _agent("gather", STEP_RESULTS),  # a connector, a child run, a slot or a budget answered
    _agent("signal", SIGNALS),  # a person or a system approves, answers, or cancels the run
    _agent("slot", SLOTS),  # a run asks for a slot of a concurrency limit, or gives it back
    _agent("budget", BUDGETS),  # a run reserves money of a budget, or says what it has cost
    _agent("retry_webhook", WEBHOOK_RESULTS),  # a webhook was called, or is to be called again at a time
    _agent("chain", AUDIT),  # something was done: its record is linked into the hash chain
)
