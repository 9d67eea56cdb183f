from __future__ import annotations

import asyncio
import contextlib
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka import OffsetAndMetadata, TopicPartition
from aiokafka.errors import IllegalStateError, KafkaConnectionError
from faust.transport.drivers import aiokafka as driver
from faust.types import TP
from mode.utils.queues import FlowControlEvent, ThrowableQueue

from app.delivery.assignment.assignment import Assignments, lease_clock
from app.delivery.kafka.consumer import Conductor, Consumer, ConsumerThread
from app.delivery.kafka.fetch_pace import FetchPace
from app.delivery.state.partition_state import PartitionState

ONE = TP("tasks", 0)


def _partition_state(partition: int) -> PartitionState:
    return PartitionState(partition, wake_at=lambda _value: None, window=1.0)


class Rig(Consumer):
    """The consumer without Faust around it: it notes what would be committed."""

    def __init__(self) -> None:
        # Faust's constructor wants an application, of which nothing is used here.
        self.transport = SimpleNamespace(assignments=Assignments(_partition_state), before_rebalance=self._prepared)
        self.said: list[Any] = []
        self.committed: list[dict[TP, int]] = []
        self.succeeds = True
        self._committed_offset = {ONE: None}

    async def _prepared(self) -> None:
        self.said.append("prepared")

    def assignment(self) -> set[TP]:
        return {ONE}

    async def commit(self, *_topics: Any) -> bool:
        self.said.append("commit")
        return await self.force_commit()

    async def _commit(self, offsets: dict[TP, int]) -> bool:
        self.committed.append(offsets)
        return self.succeeds


@pytest.fixture
async def rig(monkeypatch: pytest.MonkeyPatch) -> Rig:
    async def nothing(*_arguments: Any) -> None:
        """Stand for what Faust does, which needs an application."""

    monkeypatch.setattr(driver.Consumer, "on_partitions_assigned", nothing)
    monkeypatch.setattr(driver.Consumer, "on_partitions_revoked", nothing)
    rig = Rig()
    await rig.on_partitions_assigned({ONE}, 1)
    return rig


def _work(rig: Rig, begun: range, finished: list[int]) -> None:
    (assignment,) = rig.assignments
    offset_tracker = assignment.offset_trackers["tasks"]
    for offset in begun:
        offset_tracker.fetched(offset)
        offset_tracker.begin(offset)
    for offset in finished:
        offset_tracker.finish(offset)


async def test_that_a_commit_never_passes_an_unfinished_event(rig: Rig) -> None:
    _work(rig, range(5), [0, 1, 3, 4])
    assert await rig.force_commit()
    assert rig.committed == [{ONE: 2}]
    assert not await rig.force_commit()  # nothing new


async def test_that_a_commit_that_failed_is_made_again(rig: Rig) -> None:
    _work(rig, range(2), [0])
    rig.succeeds = False
    assert not await rig.force_commit()
    rig.succeeds = True
    assert await rig.force_commit()
    assert rig.committed == [{ONE: 1}, {ONE: 1}]


async def test_that_nothing_is_committed_amid_a_rebalance(rig: Rig) -> None:
    _work(rig, range(2), [0])
    await rig.on_partitions_revoked({ONE})
    assert rig.said == ["prepared", "commit"]
    assert rig.committed == [{ONE: 1}]
    _work(rig, range(2), [1])
    assert not await rig.force_commit()


async def test_that_a_worker_that_leaves_asks_its_ending_thread_for_nothing(rig: Rig) -> None:
    _work(rig, range(2), [0])
    rig.assignments.leave()
    await rig.on_partitions_revoked({ONE})
    assert not await rig.force_commit()
    assert rig.said == rig.committed == []


async def test_that_a_partition_that_comes_back_goes_on_with_what_it_had(rig: Rig) -> None:
    (before,) = rig.assignments
    await rig.on_partitions_revoked({ONE})
    await rig.on_partitions_assigned({ONE}, 2)
    assert list(rig.assignments) == [before]
    assert before.active


async def test_that_what_was_held_through_a_generation_that_was_missed_is_dropped(rig: Rig) -> None:
    (before,) = rig.assignments
    await rig.on_partitions_revoked({ONE})
    await rig.on_partitions_assigned({ONE}, 3)
    (after,) = rig.assignments
    assert after is not before
    assert before.ended


@pytest.mark.parametrize(("generation", "committed"), [(1, [{ONE: 7}]), (0, [])])
async def test_that_a_commit_passes_offsets_without_records_in_the_assignment_in_which_they_were_seen(
    rig: Rig, generation: int, committed: list[dict[TP, int]]
) -> None:
    rig.passed = generation, {TopicPartition("tasks", 0): 7}
    rig._pass_gaps()
    await rig.force_commit()
    assert rig.committed == committed


async def test_that_a_commit_passes_no_open_event_for_what_is_behind_it(rig: Rig) -> None:
    _work(rig, range(3), [0])
    rig.passed = 1, {TopicPartition("tasks", 0): 7}
    rig._pass_gaps()
    await rig.force_commit()
    assert rig.committed == [{ONE: 1}]


def _thread(**coordinator: Any) -> ConsumerThread:
    thread = ConsumerThread.__new__(ConsumerThread)
    thread.consumer = SimpleNamespace(
        assignments=Assignments(_partition_state), transport=SimpleNamespace(pace=FetchPace())
    )
    thread._consumer = SimpleNamespace(
        _coordinator=SimpleNamespace(**coordinator), _fetcher=SimpleNamespace(_proc_fetch_request=None)
    )
    return thread


class Fetched:
    """A consumer that hands out two partitions' records, and notes where it is sent back to."""

    def __init__(self, assigned: set[TopicPartition]) -> None:
        self._assigned = assigned
        self.sought: list[tuple[TopicPartition, int]] = []
        self._closed = False
        self._fetcher = self
        self._subscriptions = SimpleNamespace(fetch_context=contextlib.nullcontext)
        # What aiokafka knows of an assignment: one more partition, in which a marker was passed.
        state = SimpleNamespace(position=12, has_valid_position=True)
        assignment = SimpleNamespace(tps=[*FETCHED, MARKED], state_value=lambda _tp: state)
        self._subscription = SimpleNamespace(subscription=SimpleNamespace(assignment=assignment))

    async def fetched_records(self, *_arguments: Any, **_options: Any) -> dict[TopicPartition, list[Any]]:
        return {tp: [SimpleNamespace(offset=at), SimpleNamespace(offset=at + 1)] for tp, at in FETCHED.items()}

    def seek(self, tp: TopicPartition, offset: int) -> None:
        if tp not in self._assigned:
            raise IllegalStateError(f"{tp} is not assigned")
        self.sought.append((tp, offset))


FETCHED = {TopicPartition("tasks", 0): 0, TopicPartition("tasks", 1): 7}
MARKED = TopicPartition("tasks", 2)


class Flow:
    """Whether the flow is active, at each time that this is asked."""

    generation = 1

    def __init__(self, *answers: str) -> None:
        self._answers = list(answers)
        self.passed: tuple[int, dict[TopicPartition, int]] = (0, {})

    @property
    def flow_active(self) -> bool:
        return self._answers.pop(0) == "active"


async def test_that_what_is_fetched_before_the_flow_of_a_new_assignment_begins_is_put_back() -> None:
    thread, consumer = _thread(), Fetched(set(FETCHED))
    thread.consumer = Flow("active", "stopped")
    assert await thread._fetch_records(consumer, set(), timeout=1.0) == {}
    assert consumer.sought == list(FETCHED.items())


async def test_that_what_is_fetched_of_a_partition_that_is_gone_is_only_left() -> None:
    thread, consumer = _thread(), Fetched({TopicPartition("tasks", 1)})
    thread.consumer = Flow("active", "stopped")
    assert await thread._fetch_records(consumer, set(), timeout=1.0) == {}
    assert consumer.sought == [(TopicPartition("tasks", 1), 7)]


async def test_that_what_is_fetched_while_the_flow_is_active_is_handed_on() -> None:
    thread, consumer = _thread(), Fetched(set(FETCHED))
    thread.consumer = Flow("active", "active")
    found = await thread._fetch_records(consumer, set(), timeout=1.0)
    assert {tp: records[0].offset for tp, records in found.items()} == FETCHED
    assert consumer.sought == []
    assert thread.consumer.passed == (1, {MARKED: 12})  # of what is handed on, the offset trackers know themselves


@pytest.mark.parametrize("error", [KafkaConnectionError("away"), IllegalStateError("not assigned")])
async def test_that_a_commit_that_cannot_be_made_is_no_crash(error: Exception) -> None:
    asked: list[Any] = []

    async def commit(offsets: Any) -> None:
        asked.append(offsets)
        raise error

    thread = _thread()
    thread._consumer.commit = commit
    assert not await thread._commit({ONE: 7})
    assert asked == [{TopicPartition("tasks", 0): OffsetAndMetadata(7, "")}]


async def test_that_a_commit_waits_no_longer_than_a_lease_for_a_broker_that_is_away() -> None:
    async def commit(_offsets: Any) -> None:
        await asyncio.Event().wait()

    thread = _thread()
    thread._consumer.commit = commit
    thread.consumer.assignments.lease.seconds = 0.01
    assert not await thread._commit({ONE: 7})


async def test_that_only_a_heartbeat_that_is_answered_renews_the_lease(monkeypatch: pytest.MonkeyPatch) -> None:
    async def nothing(*_arguments: Any) -> None:
        """Stand for the start of the real consumer."""

    monkeypatch.setattr(driver.AIOKafkaConsumerThread, "on_start", nothing)
    answers = [False, True]

    async def beat() -> bool:
        return answers.pop(0)

    thread = _thread(_do_heartbeat=beat)
    await thread.on_start()
    lease = thread.consumer.assignments.lease
    await asyncio.sleep(0.02)
    lease.seconds = 0.01
    assert not lease.held
    await thread._consumer._coordinator._do_heartbeat()
    assert not lease.held
    lease.seconds = 60.0
    before = lease_clock()
    await thread._consumer._coordinator._do_heartbeat()
    assert lease._renewed >= before


class Partitions:
    """What is fetched and what is not, as a consumer is told."""

    def __init__(self) -> None:
        self.said: list[tuple[str, TP]] = []

    def on_buffer_full(self, tp: TP) -> None:
        self.said.append(("full", tp))

    def drained(self, tp: TP) -> None:
        self.said.append(("drained", tp))

    def pace(self, tp: TP) -> None:
        """Let everything come."""


async def test_that_a_full_queue_holds_up_nobody_and_its_partition_is_fetched_no_more_until_it_has_drained() -> None:
    flow, partitions = FlowControlEvent(), Partitions()
    flow.resume()
    queue: ThrowableQueue[str] = ThrowableQueue(2, flow_control=flow, clear_on_resume=True)
    conductor: Any = Conductor.__new__(Conductor)  # Faust's constructor wants an application
    conductor.app = SimpleNamespace(flow_control=flow, consumer=partitions)
    hand_over = conductor._build_handler(ONE, [SimpleNamespace(queue=queue)])
    async with asyncio.timeout(5):  # a rebalance cancels whoever waits for room
        for message in ("one", "two", "three"):
            await hand_over(message)
    assert partitions.said == [("full", ONE)]
    assert [await queue.get() for _ in range(3)] == ["one", "two", "three"]
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(queue.get(), 0.01)
    assert partitions.said == [("full", ONE), ("drained", ONE)]


@pytest.fixture
def paced(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return what Faust is told of the partition."""
    said: list[str] = []
    monkeypatch.setattr(rig, "on_buffer_full", lambda _tp: said.append("full"), raising=False)
    monkeypatch.setattr(rig, "on_buffer_drop", lambda _tp: said.append("drained"), raising=False)
    return said


async def test_that_a_partition_is_not_fetched_further_while_its_state_is_read_back(rig: Rig, paced: list[str]) -> None:
    (assignment,) = rig.assignments
    rig.pace(ONE)
    rig.pace(ONE)
    rig.drained(ONE)  # its queue is empty, but that is not all that it needs
    assert paced == ["full", "full", "drained", "full"]
    assignment.partition_state.finish_loading()
    rig.pace(ONE)
    assert paced[4:] == ["drained"]


async def test_that_a_topic_is_not_fetched_further_while_too_many_of_its_bytes_are_in_flight(
    rig: Rig, paced: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(driver.Consumer, "_to_message", lambda _self, _tp, record: record)
    (assignment,), record = (
        rig.assignments,
        SimpleNamespace(topic="tasks", partition=0, offset=0, key=b"key", value=b"x" * 90, headers=(("name", b"val"),)),
    )
    rig._to_message(ONE, record)  # what is parked does not count: it must keep nothing from partitions that stayed
    assignment.partition_state.finish_loading()
    rig.assignments.in_flight.limit = 100
    rig.pace(ONE)
    assert paced == []
    record.offset = 1
    rig._to_message(ONE, record)
    rig.pace(ONE)
    assert paced == ["full"]
    offset_tracker = assignment.offset_trackers["tasks"]
    assert offset_tracker.begin(1)
    offset_tracker.finish(1)
    assert paced == ["full", "drained"]
    record.offset = 2
    rig._to_message(ONE, record)
    rig.pace(ONE)
    assignment.end()
    assert paced == ["full", "drained", "full", "drained"]
