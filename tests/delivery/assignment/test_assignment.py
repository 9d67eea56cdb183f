from __future__ import annotations

import asyncio
import time

import pytest

from app.delivery.assignment.assignment import AssignmentEnded, Assignments, Lease, PartitionAssignment, lease_clock
from app.delivery.state.partition_state import PartitionState
from app.errors import BrokerError
from tests.delivery.fakes import settle


def _open(partition: int) -> PartitionState:
    return PartitionState(partition, wake_at=lambda _value: None, window=60.0)


def _assign(assignments: Assignments, *partitions: int, topics: tuple[str, ...] = ("tasks", "responses")) -> None:
    assignments.assign((topic, partition) for topic in topics for partition in partitions)


@pytest.fixture
def assignments() -> Assignments:
    return Assignments(_open)


async def test_that_confirm_waits_while_a_rebalance_is_under_way(assignments: Assignments) -> None:
    _assign(assignments, 0)
    (assignment,) = assignments
    await assignment.confirm()
    assignments.suspend()
    assert not assignment.active
    waiting = asyncio.create_task(assignment.confirm())
    await settle()
    assert not waiting.done()
    _assign(assignments, 0)
    await waiting
    assert assignment.active


async def test_that_a_partition_that_stays_keeps_its_assignment_and_the_others_end(assignments: Assignments) -> None:
    _assign(assignments, 0, 1)
    stays, goes = assignments.get(0), assignments.get(1)
    assert stays
    assert goes
    assignments.suspend()
    waiting = asyncio.create_task(goes.confirm())
    await settle()
    _assign(assignments, 0, 2)
    with pytest.raises(AssignmentEnded):
        await waiting
    assert assignments.get(0) is stays
    assert assignments.get(1) is None
    assert len(assignments) == 2
    assert not goes.active


async def test_that_a_partition_that_comes_back_later_begins_anew(assignments: Assignments) -> None:
    _assign(assignments, 0)
    before = assignments.get(0)
    _assign(assignments, 1)
    _assign(assignments, 0)
    assert assignments.get(0) is not before


async def test_that_the_end_cancels_what_runs_and_wakes_who_waits_for_the_log(assignments: Assignments) -> None:
    _assign(assignments, 0)
    (assignment,) = assignments
    task = assignment.spawn(asyncio.Event().wait())
    waiting = asyncio.create_task(assignment.partition_state.loaded())
    await settle()
    assert assignment.tasks == {task}
    _assign(assignments)
    await waiting
    await asyncio.wait({task}, timeout=5.0)
    assert task.cancelled()
    await settle()
    assert assignment.tasks == frozenset()


async def test_that_new_assignments_are_told_once() -> None:
    told: list[list[int]] = []

    def on_new(new: list[PartitionAssignment]) -> None:
        told.append(sorted(assignment.partition for assignment in new))

    assignments = Assignments(_open, on_new)
    _assign(assignments, 0, 1)
    _assign(assignments, 0, 1)
    _assign(assignments, 1, 2)
    assert told == [[0, 1], [2]]


def test_that_topics_assigned_apart_are_refused(assignments: Assignments) -> None:
    with pytest.raises(BrokerError, match="same number of partitions"):
        assignments.assign([("tasks", 0), ("tasks", 1), ("responses", 0)])


def test_that_what_is_committable_is_named_by_topic_and_partition(assignments: Assignments) -> None:
    _assign(assignments, 0, 1)
    for assignment, offset in zip(assignments, (5, 9), strict=True):
        offset_tracker = assignment.offset_trackers["tasks"]
        offset_tracker.fetched(offset)
        offset_tracker.begin(offset)
    assignments.get(1).offset_trackers["tasks"].finish(9)  # type: ignore[union-attr]  # it is there
    assert assignments.committable() == {("tasks", 0): 5, ("tasks", 1): 10}


async def test_that_nothing_is_begun_while_the_lease_has_run_out() -> None:
    lease = Lease(seconds=0.05)
    assignment = PartitionAssignment(0, _open(0), lease)
    await assignment.confirm()
    while lease.held:  # noqa: ASYNC110  # it runs out by the clock
        await asyncio.sleep(0.01)
    assert not assignment.active
    confirming = asyncio.create_task(assignment.confirm())
    await asyncio.sleep(0.1)
    assert not confirming.done()
    lease.seconds = 60.0
    lease.renew(lease_clock())
    await confirming
    assert assignment.active


async def test_that_who_waits_for_the_lease_learns_that_the_assignment_ended() -> None:
    assignment = PartitionAssignment(0, _open(0), Lease(seconds=0.0))
    confirming = asyncio.create_task(assignment.confirm())
    await asyncio.sleep(0)
    assignment.end()
    with pytest.raises(AssignmentEnded):
        await confirming


@pytest.mark.skipif(not hasattr(time, "CLOCK_BOOTTIME"), reason="the system has no such clock")
def test_that_the_lease_counts_while_the_machine_sleeps() -> None:
    assert lease_clock() == pytest.approx(time.clock_gettime(time.CLOCK_BOOTTIME), abs=60.0)
    assert getattr(lease_clock, "args", None) == (time.CLOCK_BOOTTIME,)


async def test_that_a_shut_out_assignment_ends_and_the_group_is_asked(
    assignments: Assignments,
) -> None:
    asked: list[int] = []
    assignments.rejoin = lambda: asked.append(1)
    _assign(assignments, 0, 1)
    lost, kept = assignments.get(0), assignments.get(1)
    assert lost
    assignments.lose(lost)
    assert (lost.ended, list(assignments), asked) == (True, [kept], [1])
    _assign(assignments, 0, 1)
    again = assignments.get(0)
    assignments.lose(lost)  # what it sent is refused late
    assert (assignments.get(0), asked) == (again, [1])
    assert again is not lost


async def test_that_a_worker_that_leaves_does_not_ask_the_group_for_what_it_loses(assignments: Assignments) -> None:
    asked: list[int] = []
    assignments.rejoin = lambda: asked.append(1)
    _assign(assignments, 0)
    (lost,) = assignments
    assignments.leave()
    assignments.lose(lost)
    assert (lost.ended, asked) == (True, [])


async def test_that_callbacks_of_an_assignments_end_run_at_once_and_once(
    assignments: Assignments,
) -> None:
    done: list[int] = []
    _assign(assignments, 0)
    (assignment,) = assignments
    assignment.at_end(lambda: done.append(1))
    _assign(assignments)
    assert done == [1]
    assignment.end()
    assert done == [1]


async def test_that_work_that_fails_is_not_overlooked(caplog: pytest.LogCaptureFixture) -> None:
    async def fail(error: BaseException) -> None:
        raise error

    assignment = PartitionAssignment(3, _open(3))
    for error in (RuntimeError("a defect"), asyncio.CancelledError()):
        await asyncio.gather(assignment.spawn(fail(error)), return_exceptions=True)
    assert sum("work in partition 3 ended before its time" in line for line in caplog.messages) == 2
    caplog.clear()
    running = assignment.spawn(asyncio.sleep(3600))
    assignment.end()
    await asyncio.gather(running, return_exceptions=True)
    assert caplog.messages == []
