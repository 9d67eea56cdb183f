from __future__ import annotations

import asyncio

from app.delivery.state.answered_requests import AnsweredRequests
from app.delivery.state.partition_state import PartitionState


def test_that_what_was_answered_is_remembered_for_the_window_and_no_longer() -> None:
    answered = AnsweredRequests(window=10.0)
    answered.add("a", 100.0)
    answered.add("b", 105.0)
    assert "a" in answered
    answered.add("c", 110.5)
    assert ["a" in answered, "b" in answered, "c" in answered] == [False, True, True]
    assert len(answered) == 2


def test_that_an_answer_that_is_given_again_is_remembered_anew() -> None:
    answered = AnsweredRequests(window=10.0)
    answered.add("a", 100.0)
    answered.add("b", 101.0)
    answered.add("a", 109.0)
    answered.add("c", 112.0)
    assert ["a" in answered, "b" in answered] == [True, False]


async def test_that_who_waits_for_the_log_goes_on_when_it_is_read() -> None:
    partition_state = PartitionState(0, wake_at=lambda _value: None, window=1.0)
    waiting = asyncio.create_task(partition_state.loaded())
    await asyncio.sleep(0)
    assert not waiting.done()
    assert not partition_state.ready
    partition_state.finish_loading()
    await waiting
    assert partition_state.ready


async def test_that_a_partition_is_ready_when_all_restored_state_is_woken() -> None:
    partition_state = PartitionState(0, wake_at=lambda _value: None, window=1.0, lasts=lambda value: value != "over")
    partition_state.values.restore("a", "lasting", 0.0)
    partition_state.values.restore("b", "over", 0.0)
    partition_state.finish_loading()
    assert (partition_state.is_loaded, partition_state.ready) == (True, False)
    assert partition_state.values.to_wake(9) == [("a", "lasting")]
    assert partition_state.ready
