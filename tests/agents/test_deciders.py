"""`route`, `join` and `fuse` are one decider on three topics: a task goes through all of them, and through crashes."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from importlib import import_module

import pytest

import agents
from agents import call_model, fuse, join, retrieve, route
from agents.parts import Parts
from agents.runs import partition_of
from app.delivery.outbox import Record
from app.workflows.run import decode
from tests.agents.parts import PARTITIONS, assemble
from tests.delivery.fakes import Message, Stream, World, until
from topics import MODEL_RESPONSES, RESULTS, RETRIEVAL_RESULTS, TASKS
from topics.results import Result
from topics.tasks import Task

HOME = partition_of("t", PARTITIONS)
EVERY = (route, retrieve, join, call_model, fuse)


class Cluster:
    """One worker with all agents of a run; what it sends comes back to it, as through a broker.

    It goes on from the `log` of another one: from its commits, its written states and its answers.
    """

    def __init__(self, log: list[Record] | None = None, committed: Mapping[str, int] | None = None) -> None:
        self.world = World(wake_at=lambda state: state.wake_at)
        self.world.tenures.assign((agent.TOPIC.name, HOME) for agent in EVERY)
        self.parts: Parts = assemble(self.world, a={"default": "Because."}, b={"default": "because"})
        self.log: list[Record] = []
        self.streams = {agent.TOPIC.name: Stream() for agent in EVERY}
        holdings = self.world.tenure(HOME).holdings
        for record in log or ():
            if record.topic == "runs":
                holdings.values.put((record.key or b"").decode(), decode(record.value or b""))
            elif record.topic in {RETRIEVAL_RESULTS.name, MODEL_RESPONSES.name}:
                holdings.answered.add(_id(record), 1_700_000_000.0)
        for record in log or ():
            self._append(record, committed or {})
        for agent in EVERY:
            self.world.start(agent.run(self.streams[agent.TOPIC.name], self.parts))

    def _append(self, record: Record, committed: Mapping[str, int]) -> None:
        offset = len(self.on(record.topic))
        self.log.append(record)
        if record.topic in self.streams and offset >= committed.get(record.topic, 0):
            message = Message(record.topic, HOME, offset, record.key, record.value, [*record.headers])
            self.world.deliver(self.streams[record.topic], message)

    def on(self, topic: str) -> list[Record]:
        return [record for record in self.log if record.topic == topic]

    def pump(self) -> None:
        """Deliver what was acknowledged since the last time."""
        sent, self.world.producer.acknowledged = self.world.producer.acknowledged, []
        for record in sent:
            self._append(record, {})

    def results(self) -> list[Result]:
        self.pump()
        return [Result.model_validate_json(record.value or b"") for record in self.on(RESULTS.name)]

    def committed(self) -> dict[str, int]:
        return {topic: offset for (topic, _), offset in self.world.tenures.committable().items()}


def _id(record: Record) -> str:
    return dict(record.headers)["ce_id"].decode()


TASK = Record(TASKS.name, b"t", Task(id="t", input={"question": "why?"}).to_json(), [])


async def test_that_a_task_goes_through_all_agents_to_one_result_and_all_is_committed() -> None:
    cluster = Cluster([TASK])
    await until(cluster.results)
    await cluster.parts.decider.write_changes()
    (result,) = cluster.results()
    assert (result.status, result.answer) == ("succeeded", "Because.")
    sizes = {agent.TOPIC.name: len(cluster.on(agent.TOPIC.name)) for agent in EVERY}
    assert list(sizes.values()) == [1, 1, 1, 2, 2]
    await until(lambda: cluster.committed() == sizes)
    await cluster.world.stop()


@pytest.mark.parametrize("steps", range(8))
@pytest.mark.parametrize("written", [False, True])
async def test_that_a_crash_at_any_point_costs_no_result_and_no_second_payment(steps: int, *, written: bool) -> None:
    """Let some events pass, drop the worker, and let another go on from what the broker has."""
    first = Cluster([TASK])
    for _ in range(steps):
        await asyncio.sleep(0.001)
        first.pump()
    if written:
        await first.parts.decider.write_changes()
    first.pump()
    committed = first.committed()
    await first.world.stop()

    second = Cluster(first.log, committed)
    second.world.start(second.parts.decider.keep(interval=0.001))
    await until(second.results)
    sizes = {agent.TOPIC.name: len(second.on(agent.TOPIC.name)) for agent in EVERY}
    await until(lambda: second.committed() == {name: sizes[name] for name in second.committed()})
    assert {(result.task_id, result.answer) for result in second.results()} == {("t", "Because.")}
    paid = [_id(record) for record in second.on(MODEL_RESPONSES.name)]
    assert sorted(paid) == ["t/answer/a/1/response", "t/answer/b/1/response"]  # once each, over both lives
    await second.world.stop()


def test_that_every_agent_is_named_after_its_file_and_has_a_topic_of_its_own() -> None:
    modules = [import_module(f"agents.{name}") for name in agents.ALL]
    assert [module.NAME for module in modules] == list(agents.ALL)
    assert len({module.TOPIC.name for module in modules}) == len(modules)
