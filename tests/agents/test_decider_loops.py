"""`gather`, `signal`, `slot` and `budget` are loops of the one decider, each on a topic of its own."""

from __future__ import annotations

from dataclasses import replace
from types import ModuleType
from typing import Any, cast

import pytest

from agents import budget, gather, signal, slot
from app.workflows.run import RunState
from tests.agents.deps import assemble
from topics import BUDGETS, SIGNALS, SLOTS, STEP_RESULTS, Topic


class Recorder:
    """A decider that notes which loops it is asked to run."""

    def __init__(self) -> None:
        self.loops: list[tuple[Any, str, str]] = []

    async def run(self, stream: Any, topic: Topic[Any], *, agent: str) -> None:
        self.loops.append((stream, topic.name, agent))


@pytest.mark.parametrize(
    ("agent", "topic"),
    [(gather, STEP_RESULTS), (signal, SIGNALS), (slot, SLOTS), (budget, BUDGETS)],
    ids=["gather", "signal", "slot", "budget"],
)
async def test_that_the_agent_lets_the_decider_process_its_topic(agent: ModuleType, topic: Topic[Any]) -> None:
    recorder, stream = Recorder(), object()
    deps = replace(assemble(), processor=cast("Decider[RunState]", recorder))
    await agent.run(stream, deps)
    assert recorder.loops == [(stream, topic.name, agent.NAME)]
    assert agent.TOPIC is topic
