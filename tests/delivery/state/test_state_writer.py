from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest
from aiokafka.errors import KafkaConnectionError, MessageSizeTooLargeError, NotLeaderForPartitionError

from app.delivery.outbox import Record
from app.delivery.state.state_writer import StateWriter
from tests.delivery.fakes import Harness, settle, until

STATE = "state"
#: A value with parts: each is a record of its own. An ended one is empty.
Parts = dict[str, str]


def _records(key: str, value: Parts | None, written: Parts | None) -> Sequence[tuple[str, bytes | None]]:
    now, before = value or {}, written or {}
    if "broken" in now:
        raise ValueError("a fault of the state machine")
    changed = [(f"{key}/{name}", part.encode()) for name, part in now.items() if before.get(name) != part]
    return [*changed, *((f"{key}/{name}", None) for name in before if name not in now)]


class Rig:
    """A writer over two partitions, and what was released."""

    def __init__(self) -> None:
        self.harness = Harness()
        self.harness.own("any", 0, 1)
        self.writer: StateWriter[Parts] = StateWriter(self.harness.delivery, _records, STATE)
        self.released: list[str] = []

    def change(self, key: str, *, partition: int = 0, **parts: str) -> None:
        values = self.harness.assignment(partition).partition_state.values
        values.put(key, parts)
        values.changed(key, lambda: self.released.append(key))

    async def write(self, now: float = 0.0) -> list[tuple[bytes | None, bytes | None, int | None]]:
        """Write, and return what the broker took of it."""
        before = len(self.harness.producer.on(STATE))
        await self.writer.write_changes(now or time.time())
        return [(record.key, record.value, record.partition) for record in self.harness.producer.on(STATE)[before:]]


@pytest.fixture
async def rig() -> AsyncIterator[Rig]:
    rig = Rig()
    yield rig
    await rig.harness.stop()


async def test_that_only_what_has_changed_is_written_to_the_partition_of_its_key_in_order(rig: Rig) -> None:
    rig.change("a", x="1", y="1")
    rig.change("b", partition=1, x="1")
    assert await rig.write() == [(b"a/x", b"1", 0), (b"a/y", b"1", 0), (b"b/x", b"1", 1)]
    rig.change("a", x="1", y="2", z="1")
    assert await rig.write() == [(b"a/y", b"2", 0), (b"a/z", b"1", 0)]
    rig.change("a", z="1")
    assert await rig.write() == [(b"a/x", None, 0), (b"a/y", None, 0)]
    assert await rig.write() == []
    assert rig.released == ["a", "b", "a", "a"]


async def test_that_a_value_is_written_again_in_full_with_what_is_to_be_removed(rig: Rig) -> None:
    rig.change("a", x="1", y="1")
    await rig.write(1000.0)
    assert await rig.write(1100.0) == []
    assert await rig.write(1300.0) == [(b"a/x", b"1", 0), (b"a/y", b"1", 0)]
    rig.change("a", y="1")
    assert await rig.write(1700.0) == [(b"a/y", b"1", 0), (b"a/x", None, 0)]


@pytest.mark.parametrize("refused", [[b"a/y"], [b"a/x", b"b/x"], [b"a/x", b"a/y", b"b/x", b"b/y"]])
async def test_that_of_many_records_only_those_that_are_too_large_are_left_out(rig: Rig, refused: list[bytes]) -> None:
    rig.harness.producer.refuse = lambda record: MessageSizeTooLargeError() if record.key in refused else None
    rig.change("a", x="1", y="1")
    rig.change("b", x="1", y="1")
    taken = {key for key, _, _ in await rig.write()}
    assert taken == {b"a/x", b"a/y", b"b/x", b"b/y"} - set(refused)
    assert rig.released == ["a", "b"]
    rig.harness.producer.refuse = lambda _record: None
    rig.change("a", x="2", y="2")
    assert await rig.write() == [(b"a/x", b"2", 0), (b"a/y", b"2", 0)]


async def test_that_what_the_broker_refuses_only_when_it_has_it_is_left_out_likewise(rig: Rig) -> None:
    rig.harness.producer.fail = lambda record: MessageSizeTooLargeError() if record.key == b"a/y" else None
    rig.change("a", x="1", y="1", z="1")
    await rig.write()
    taken = {record.key for record in rig.harness.producer.on(STATE)}
    assert (taken, rig.released) == ({b"a/x", b"a/z"}, ["a"])


async def test_that_a_value_that_cannot_be_written_holds_up_no_other(rig: Rig) -> None:
    rig.change("a", broken="1")
    rig.change("b", x="1")
    assert await rig.write() == [(b"b/x", b"1", 0)]
    assert rig.released == ["a", "b"]


async def test_that_each_record_tells_how_far_back_the_log_must_be_read(rig: Rig) -> None:
    def told(record: Record) -> float:
        (since,) = [int(value) for name, value in record.headers if name == "since"]
        return since / 1000

    rig.change("a", x="1")
    await rig.write(1000.0)
    assert rig.harness.producer.on(STATE)[-1].headers == []  # the log holds nothing yet
    rig.change("b", x="1")
    rig.change("c", partition=1, x="1")
    await rig.write(1200.0)
    of_b, of_c = rig.harness.producer.on(STATE)[-2:]
    assert 600.0 <= told(of_b) <= 1000.0
    assert of_c.headers == []  # each partition has a log of its own
    await rig.write(5000.0)
    rewritten: list[Any] = rig.harness.producer.on(STATE)[-3:]
    assert {record.key for record in rewritten} == {b"a/x", b"b/x", b"c/x"}
    assert all(told(record) <= 1200.0 for record in rewritten)  # until the last of them is there, the old ones count
    rig.change("b", x="2")
    await rig.write(5001.0)
    assert told(rig.harness.producer.on(STATE)[-1]) >= 4700.0


async def test_that_what_is_refreshed_does_not_go_out_behind_what_must_be_last(rig: Rig) -> None:
    """Of the parts that changed, the order counts; those that did not change are safe anywhere before."""
    rig.change("a", head="old", x="1", y="1")
    await rig.write()
    rig.change("a", x="2", z="1", head="new", y="1")
    refreshed = await rig.write(time.time() + 1000.0)
    assert [key for key, _, _ in refreshed] == [b"a/y", b"a/x", b"a/z", b"a/head"]


async def test_that_nothing_is_written_for_a_partition_that_may_have_gone(rig: Rig) -> None:
    rig.change("a", x="1")
    rig.harness.assignments.suspend()
    assert await rig.write() == []
    assert rig.released == []
    rig.harness.own("any", 0, 1)
    assert await rig.write() == [(b"a/x", b"1", 0)]


async def test_that_a_write_that_is_tried_again_ends_with_its_assignment(rig: Rig) -> None:
    """What the next owner has written by then would be overwritten."""
    rig.harness.producer.fail = lambda _record: KafkaConnectionError()
    rig.change("a", x="old")
    writing = asyncio.create_task(rig.writer.write_changes(time.time()))
    await until(lambda: rig.harness.producer.sent)
    rig.harness.own("any", 1)
    rig.harness.producer.fail = lambda _record: None
    await writing
    assert rig.harness.producer.on(STATE) == []
    assert rig.released == []


async def test_that_a_partition_that_is_away_holds_up_no_other_and_nothing_is_written_twice(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.delivery.outbox.full_jitter", lambda *_, **__: 0.0)
    rig.harness.producer.fail = lambda record: NotLeaderForPartitionError() if record.partition == 0 else None
    rig.change("a", x="1")
    rig.change("b", partition=1, x="1")
    rig.writer.begin(time.time())
    await until(lambda: rig.released == ["b"])
    rig.change("b", partition=1, x="2")
    rig.writer.begin(time.time())
    await until(lambda: rig.released == ["b", "b"])
    assert [(record.key, record.value) for record in rig.harness.producer.on(STATE)] == [(b"b/x", b"1"), (b"b/x", b"2")]
    rig.harness.producer.fail = lambda _record: None
    await until(lambda: rig.released == ["b", "b", "a"])
    assert len(rig.harness.producer.on(STATE)) == 3


async def test_that_of_one_partition_one_write_is_under_way(rig: Rig) -> None:
    rig.harness.producer.hold = lambda _record: True
    rig.change("a", x="1")
    rig.writer.begin(time.time())
    await until(lambda: rig.harness.producer.sent)
    rig.change("a", x="2")
    rig.writer.begin(time.time())
    await settle()
    assert len(rig.harness.producer.sent) == 1
    rig.harness.producer.let_go()
    await until(lambda: rig.released)
    assert await rig.write() == [(b"a/x", b"2", 0)]


async def test_that_a_defect_is_told_to_whoever_has_state_written(rig: Rig) -> None:
    rig.harness.producer.refuse = lambda _record: RuntimeError("a defect")
    rig.change("a", x="1")
    rig.writer.begin(time.time())
    await settle()
    with pytest.raises(RuntimeError, match="a defect"):
        rig.writer.begin(time.time())
    rig.harness.producer.refuse = lambda _record: None
    assert await rig.write() == [(b"a/x", b"1", 0)]
