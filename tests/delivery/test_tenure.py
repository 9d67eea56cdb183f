from __future__ import annotations

import asyncio
import time

import pytest

from app.delivery.holdings import Holdings
from app.delivery.tenure import Lease, Tenure, TenureEnded, Tenures
from app.errors import BrokerError
from tests.delivery.fakes import settle


def _open(partition: int) -> Holdings:
    return Holdings(partition, wake_at=lambda _value: None, window=60.0)


def _assign(tenures: Tenures, *partitions: int, topics: tuple[str, ...] = ("tasks", "responses")) -> None:
    tenures.assign((topic, partition) for topic in topics for partition in partitions)


@pytest.fixture
def tenures() -> Tenures:
    return Tenures(_open)


async def test_that_confirm_waits_while_a_rebalance_is_under_way(tenures: Tenures) -> None:
    _assign(tenures, 0)
    (tenure,) = tenures
    await tenure.confirm()
    tenures.suspend()
    assert not tenure.active
    waiting = asyncio.create_task(tenure.confirm())
    await settle()
    assert not waiting.done()
    _assign(tenures, 0)
    await waiting
    assert tenure.active


async def test_that_a_partition_that_stays_keeps_its_tenure_and_the_others_end(tenures: Tenures) -> None:
    _assign(tenures, 0, 1)
    stays, goes = tenures.get(0), tenures.get(1)
    assert stays
    assert goes
    tenures.suspend()
    waiting = asyncio.create_task(goes.confirm())
    await settle()
    _assign(tenures, 0, 2)
    with pytest.raises(TenureEnded):
        await waiting
    assert tenures.get(0) is stays
    assert tenures.get(1) is None
    assert len(tenures) == 2
    assert not goes.active


async def test_that_a_partition_that_comes_back_later_begins_anew(tenures: Tenures) -> None:
    _assign(tenures, 0)
    before = tenures.get(0)
    _assign(tenures, 1)
    _assign(tenures, 0)
    assert tenures.get(0) is not before


async def test_that_the_end_cancels_what_runs_and_wakes_who_waits_for_the_log(tenures: Tenures) -> None:
    _assign(tenures, 0)
    (tenure,) = tenures
    task = tenure.spawn(asyncio.Event().wait())  # type: ignore[arg-type]  # what it returns is of no matter
    waiting = asyncio.create_task(tenure.holdings.loaded())
    await settle()
    assert tenure.tasks == {task}
    _assign(tenures)
    await waiting
    await asyncio.wait({task}, timeout=5.0)
    assert task.cancelled()
    await settle()
    assert tenure.tasks == frozenset()


async def test_that_new_tenures_are_told_once() -> None:
    told: list[list[int]] = []

    def taken_over(new: list[Tenure]) -> None:
        told.append(sorted(tenure.partition for tenure in new))

    tenures = Tenures(_open, taken_over)
    _assign(tenures, 0, 1)
    _assign(tenures, 0, 1)
    _assign(tenures, 1, 2)
    assert told == [[0, 1], [2]]


def test_that_topics_assigned_apart_are_refused(tenures: Tenures) -> None:
    with pytest.raises(BrokerError, match="same number of partitions"):
        tenures.assign([("tasks", 0), ("tasks", 1), ("responses", 0)])


def test_that_what_is_committable_is_named_by_topic_and_partition(tenures: Tenures) -> None:
    _assign(tenures, 0, 1)
    for tenure, offset in zip(tenures, (5, 9), strict=True):
        ledger = tenure.ledgers["tasks"]
        ledger.fetched(offset)
        ledger.begin(offset)
    tenures.get(1).ledgers["tasks"].finish(9)  # type: ignore[union-attr]  # it is there
    assert tenures.committable() == {("tasks", 0): 5, ("tasks", 1): 10}


async def test_that_nothing_is_begun_while_the_lease_has_run_out() -> None:
    lease = Lease(seconds=0.05)
    tenure = Tenure(0, _open(0), lease)
    await tenure.confirm()
    while lease.held:  # noqa: ASYNC110  # it runs out by the clock
        await asyncio.sleep(0.01)
    assert not tenure.active
    confirming = asyncio.create_task(tenure.confirm())
    await asyncio.sleep(0.1)
    assert not confirming.done()
    lease.seconds = 60.0
    lease.renew(time.monotonic())
    await confirming
    assert tenure.active


async def test_that_who_waits_for_the_lease_learns_that_the_tenure_ended() -> None:
    tenure = Tenure(0, _open(0), Lease(seconds=0.0))
    confirming = asyncio.create_task(tenure.confirm())
    await asyncio.sleep(0)
    tenure.end()
    with pytest.raises(TenureEnded):
        await confirming
