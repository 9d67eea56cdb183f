from __future__ import annotations

import random
import time

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from app.delivery.offsets import OffsetTracker


class Partition(RuleBasedStateMachine):
    """An offset tracker beside a model that simply remembers everything."""

    def __init__(self) -> None:
        super().__init__()
        self.offset_tracker = OffsetTracker()
        self.fetched: list[int] = []
        self.begun: set[int] = set()
        self.finished: set[int] = set()
        self.committed = -1

    @rule(gap=st.integers(0, 3))
    def fetch(self, gap: int) -> None:
        offset = (self.fetched[-1] + 1 if self.fetched else 7) + gap
        self.offset_tracker.fetched(offset)
        self.fetched.append(offset)

    @precondition(lambda self: self.fetched)
    @rule(data=st.data())
    def fetch_again(self, data: st.DataObject) -> None:
        self.offset_tracker.fetched(data.draw(st.sampled_from(self.fetched)))

    @precondition(lambda self: self.fetched)
    @rule(data=st.data())
    def begin(self, data: st.DataObject) -> None:
        offset = data.draw(st.sampled_from(self.fetched))
        assert self.offset_tracker.begin(offset) == (offset not in self.begun)
        self.begun.add(offset)

    @rule(offset=st.integers(-5, 6))
    def begin_what_was_never_fetched(self, offset: int) -> None:
        assert not self.offset_tracker.begin(offset)
        assert not self.offset_tracker.begin(offset + 10_000)

    @precondition(lambda self: self.begun)
    @rule(data=st.data())
    def finish(self, data: st.DataObject) -> None:
        offset = data.draw(st.sampled_from(sorted(self.begun)))
        self.offset_tracker.finish(offset)
        self.finished.add(offset)

    @precondition(lambda self: set(self.fetched) - self.begun)
    @rule(data=st.data())
    def finish_what_was_never_begun(self, data: st.DataObject) -> None:
        self.offset_tracker.finish(data.draw(st.sampled_from(sorted(set(self.fetched) - self.begun))))

    @precondition(lambda self: self.begun)
    @rule(data=st.data())
    def release(self, data: st.DataObject) -> None:
        offset = data.draw(st.sampled_from(sorted(self.begun)))
        self.offset_tracker.release(offset)
        if offset not in self.finished:
            self.begun.discard(offset)

    @precondition(lambda self: self.fetched)
    @rule()
    def redeliver(self) -> None:
        """After a rebalance the broker repeats everything from the commit on; only what was not begun is new."""
        start = self.offset_tracker.committable
        for offset in [offset for offset in self.fetched if start is not None and offset >= start]:
            self.offset_tracker.fetched(offset)
            assert self.offset_tracker.begin(offset) == (offset not in self.begun)
            self.begun.add(offset)

    @invariant()
    def commits_up_to_the_oldest_unfinished(self) -> None:
        unfinished = [offset for offset in self.fetched if offset not in self.finished]
        expected = unfinished[0] if unfinished else self.fetched[-1] + 1 if self.fetched else None
        assert self.offset_tracker.committable == expected

    @invariant()
    def never_goes_back(self) -> None:
        now = self.offset_tracker.committable
        assert now is None or now >= self.committed
        self.committed = self.committed if now is None else now

    @invariant()
    def counts_what_is_open(self) -> None:
        assert self.offset_tracker.open == len(self.begun - self.finished)


TestPartition = Partition.TestCase
TestPartition.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)


def test_that_a_finished_event_is_not_released() -> None:
    offset_tracker = OffsetTracker()
    for offset in (0, 1):
        offset_tracker.fetched(offset)
        offset_tracker.begin(offset)
    offset_tracker.finish(1)
    offset_tracker.release(1)
    assert not offset_tracker.begin(1)
    assert offset_tracker.committable == 0


def _seconds(count: int) -> float:
    offset_tracker, order = OffsetTracker(), list(range(count))
    random.Random(1).shuffle(order)  # noqa: S311  # repeatable on purpose
    started = time.process_time()
    for offset in range(count):
        offset_tracker.fetched(offset)
        offset_tracker.begin(offset)
    for offset in order:
        offset_tracker.finish(offset)
        assert offset_tracker.committable is not None
    assert offset_tracker.committable == count
    return time.process_time() - started


def test_that_finishing_out_of_order_takes_time_in_proportion() -> None:
    small = min(_seconds(10_000) for _ in range(3))
    assert _seconds(100_000) < 40 * small  # in proportion it is 10, and 100 if it were quadratic


def test_that_offsets_without_events_are_passed_but_no_open_event() -> None:
    offset_tracker = OffsetTracker()
    offset_tracker.passed(5)
    assert offset_tracker.committable == 5  # nothing but gaps
    offset_tracker.fetched(7)
    offset_tracker.begin(7)
    offset_tracker.passed(12)
    assert offset_tracker.committable == 7
    offset_tracker.finish(7)
    assert offset_tracker.committable == 12
    offset_tracker.passed(3)
    assert offset_tracker.committable == 12
    offset_tracker.fetched(12)
    assert offset_tracker.begin(12)
