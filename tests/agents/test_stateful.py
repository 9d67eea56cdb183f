"""The stateful agents share one processor over several topics: tasks go through them, and through crashes."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, cast

import pytest

import agents
from agents import stateful
from agents.base import Agent
from app.connectors.function import FunctionConnector
from app.delivery.outbox import Record
from app.delivery.stateful_processor import StatefulProcessor
from app.dependencies import Dependencies
from app.partitioner import partition_of
from app.settings import AskSettings, ModelSettings, Settings
from app.telemetry.metrics import Metrics
from app.workflows.definition.spec import Workflow
from app.workflows.records import Assembler
from app.workflows.run import RunState
from tests.agents.deps import PARTITIONS, assemble, connected
from tests.agents.engine_contexts import runs
from tests.delivery.fakes import Harness, Message, Stream, until
from topics import MODEL_RESPONSES, RESULTS, RETRIEVAL_RESULTS, SIGNALS, STEP_RESULTS, TASKS
from topics.base import Topic
from topics.results import Result
from topics.signals import Signal
from topics.tasks import Task

HOME = partition_of("t", PARTITIONS)
EVERY = tuple(agent for agent in agents.ALL if agent.name not in {"budget", "ingest"})
ANSWERS = {topic.name for topic in (RETRIEVAL_RESULTS, MODEL_RESPONSES, STEP_RESULTS)}

SETTINGS = Settings(
    models={name: ModelSettings(provider="scripted") for name in "ab"},
    ask=AskSettings(models=("a", "b"), strategy="vote"),
)
#: A workflow that knows a customer, waits for an approval, and takes its turn.
REFUND = Workflow.model_validate(
    {
        "id": "refund",
        "concurrency": {"limit": 1},
        "steps": {
            "customer": {"kind": "connector", "connector": "crm", "arguments": {"number": "${{ input.number }}"}},
            "approval": {"kind": "wait", "signal": "approved", "after": ["customer"]},
            "letter": {
                "kind": "ask",
                "models": ["a"],
                "prompt": "To {{ steps.customer.output }}: {{ steps.approval.output }}",
            },
        },
        "answer": "letter",
    }
)


class Recorder:
    """A processor that notes which loops it is asked to run."""

    def __init__(self) -> None:
        self.loops: list[tuple[Any, str, str]] = []

    async def run(self, stream: Any, topic: Topic[Any], *, agent: str) -> None:
        self.loops.append((stream, topic.name, agent))


def customer(number: int) -> str:
    return f"customer {number}"


class Cluster:
    """One worker with all agents of a run; what it sends comes back to it, as through a broker.

    It goes on from the `log` of another one: from its commits, its written states and its answers.
    """

    def __init__(self, log: list[Record] | None = None, committed: Mapping[str, int] | None = None) -> None:
        self.harness = Harness(wake_at=lambda state: state.wake_at)
        self.harness.assignments.assign(
            (agent.topic.name, partition) for agent in EVERY for partition in range(PARTITIONS)
        )
        self.deps: Dependencies = assemble(
            self.harness,
            machine=runs(SETTINGS, Metrics(), REFUND),
            connectors={"crm": connected(FunctionConnector(customer))},
            a={"answers": {"To customer": "Dear customer."}, "default": "Because."},
            b={"default": "because"},
        )
        self.log: list[Record] = []
        self._before = dict(committed or {})
        self.streams = {agent.topic.name: Stream() for agent in EVERY}
        self._restore(log or ())
        for record in log or ():
            self._append(record)
        for agent in EVERY:
            self.harness.start(agent.run(self.streams[agent.topic.name], self.deps))

    def _restore(self, log: Sequence[Record]) -> None:
        """Know what a former owner knew, as `app.worker.restoration` reads it back."""
        assembler = Assembler()
        for record in log:
            if record.topic == "runs":
                assembler.add((record.key or b"").decode(), record.value)
            elif record.topic in ANSWERS:
                self.harness.assignment(_partition(record)).partition_state.answered.add(_id(record), time.time())
        for key, state in assembler.states().items():
            home = self.harness.assignment(partition_of(key, PARTITIONS))
            home.partition_state.values.restore(key, state, assembler.written_at(key))

    def _append(self, record: Record) -> None:
        partition = _partition(record)
        offset = sum(_partition(one) == partition for one in self.on(record.topic))
        self.log.append(record)
        if record.topic in self.streams and offset >= self._before.get(f"{record.topic}/{partition}", 0):
            message = Message(record.topic, partition, offset, record.key, record.value, [*record.headers])
            self.harness.deliver(self.streams[record.topic], message)

    def on(self, topic: str) -> list[Record]:
        return [record for record in self.log if record.topic == topic]

    def pump(self) -> None:
        """Deliver what was acknowledged since the last time."""
        sent, self.harness.producer.acknowledged = self.harness.producer.acknowledged, []
        for record in sent:
            self._append(record)

    def results(self) -> list[Result]:
        self.pump()
        return [Result.model_validate_json(record.value or b"") for record in self.on(RESULTS.name)]

    def committed(self) -> dict[str, int]:
        """Return the offset up to which each partition is finished, by this worker or a former one."""
        now = {f"{topic}/{partition}": at for (topic, partition), at in self.harness.assignments.committable().items()}
        return self._before | now

    def finished(self) -> bool:
        """Whether all that was delivered is committed."""
        self.pump()
        ends = Counter(f"{record.topic}/{_partition(record)}" for record in self.log if record.topic in self.streams)
        return all(self.committed().get(place) == end for place, end in ends.items())


def _partition(record: Record) -> int:
    return HOME if record.partition is None else record.partition


def _id(record: Record) -> str:
    return dict(record.headers)["ce_id"].decode()


TASK = Record(TASKS.name, b"t", Task(id="t", input={"question": "why?"}).to_json(), [])


REFUND_TASK = Record(TASKS.name, b"t", Task(id="t", workflow="refund", input={"number": 7}).to_json(), [])
APPROVAL = Record(SIGNALS.name, b"t", Signal(task_id="t", name="approved", payload="yes").to_json(), [])


async def _settled(cluster: Cluster) -> Result:
    """Return the result, when all that led to it is written and committed."""
    cluster.harness.start(cluster.deps.processor.keep(interval=0.001))
    await until(cluster.results)
    await until(cluster.finished)
    return cluster.results()[-1]


async def test_that_a_task_goes_through_all_agents_to_one_result_and_all_is_committed() -> None:
    cluster = Cluster([TASK])
    result = await _settled(cluster)
    assert (result.status, result.answer) == ("succeeded", "Because.")
    sizes = {agent.name: len(cluster.on(agent.topic.name)) for agent in EVERY}
    assert sizes == {
        **dict.fromkeys(sizes, 0),
        "route": 1,
        "retrieve": 1,
        "join": 1,
        "call_model": 2,
        "fuse": 2,
    }
    assert len(cluster.results()) == 1
    await cluster.harness.stop()


@pytest.mark.parametrize("signal_first", [False, True])
async def test_that_connectors_signals_and_turns_go_through_agents_of_their_own(*, signal_first: bool) -> None:
    cluster = Cluster([APPROVAL, REFUND_TASK] if signal_first else [REFUND_TASK, APPROVAL])
    result = await _settled(cluster)
    assert (result.status, result.answer) == ("succeeded", "Dear customer.")
    sizes = {
        agent.name: len(cluster.on(agent.topic.name))
        for agent in EVERY
        if agent.name in {"connect", "gather", "signal", "slot"}
    }
    # The answers are the customer and the turn; the turn is asked for, and given back.
    assert sizes == {"connect": 1, "gather": 2, "signal": 1, "slot": 2}
    await cluster.harness.stop()


@pytest.mark.parametrize("steps", range(8))
@pytest.mark.parametrize("written", [False, True])
@pytest.mark.parametrize("tasks", [[TASK], [REFUND_TASK, APPROVAL]], ids=["ask", "refund"])
async def test_that_a_crash_at_any_point_costs_no_result_and_no_second_payment(
    steps: int, tasks: list[Record], *, written: bool
) -> None:
    """Let some events pass, drop the worker, and let another go on from what the broker has."""
    first = Cluster(tasks)
    for _ in range(steps):
        await asyncio.sleep(0.001)
        first.pump()
    if written:
        await first.deps.processor.write_changes()
    first.pump()
    committed = first.committed()
    await first.harness.stop()

    second = Cluster(first.log, committed)
    await _settled(second)
    expected = {"Because."} if tasks == [TASK] else {"Dear customer."}
    assert {result.answer for result in second.results()} == expected
    done = [_id(record) for record in second.log if record.topic in ANSWERS]
    paid = [
        one for one in done if one != "t/slot/result"
    ]  # a turn is a decider's answer: saying it again costs nothing
    assert len(set(paid)) == len(paid)  # once each, over both lives
    await second.harness.stop()


def test_that_every_agent_has_a_name_and_a_topic_of_its_own() -> None:
    assert len({agent.name for agent in agents.ALL}) == len(agents.ALL)
    assert len({agent.topic.name for agent in agents.ALL}) == len(agents.ALL)


@pytest.mark.parametrize("agent", stateful.AGENTS, ids=lambda agent: agent.name)
async def test_that_a_stateful_agent_lets_the_processor_process_its_topic(agent: Agent) -> None:
    recorder, stream = Recorder(), object()
    await agent.run(stream, replace(assemble(), processor=cast("StatefulProcessor[RunState]", recorder)))
    assert recorder.loops == [(stream, agent.topic.name, agent.name)]
