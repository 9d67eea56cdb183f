from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from aiokafka.errors import KafkaTimeoutError, MessageSizeTooLargeError, NotLeaderForPartitionError

from app.delivery.envelope import Outgoing, Received
from app.delivery.stateful_processor import Decision, StatefulProcessor
from app.errors import InvalidEvent, PoisonEvent
from tests.delivery.fakes import Harness, Message, Stream, once, settle, until
from topics import DEAD_LETTERS, RESULTS, TASKS
from topics.base import Topic
from topics.dead_letters import DeadLetter
from topics.tasks import Task

STATE = "state"


@dataclass(frozen=True)
class Sum:
    """The value of a key: what it has added up, and when it wants to be woken."""

    total: int
    wake_at: float | None = None
    done: bool = False


@dataclass
class Adder:
    """A state machine that adds up numbers by key; `first` opens a key, and each number announces the sum."""

    seen: list[str] = field(default_factory=list)
    fragile: bool = True

    def key(self, received: Received[Any]) -> str:
        return str(received.event.workflow)

    def decide(self, value: Sum | None, received: Received[Any], now: float) -> Decision[Sum]:
        given = received.event.input
        if "poison" in given:
            raise InvalidEvent("poison", "do not")
        if "cancelled" in given:
            raise asyncio.CancelledError
        if "crash" in given:
            raise RuntimeError("a fault of the state machine")
        if value is None and "first" not in given:
            return Decision(wait=given.get("patience", 60.0))
        self.seen.append(received.event.id)
        if "same" in given:
            return Decision()
        total = (value.total if value else 0) + int(given["add"])
        wake_at = now + given["wake"] if "wake" in given else None
        return Decision(Sum(total, wake_at), [self._say(received.event.workflow, total)])

    def wake(self, value: Sum, now: float) -> Decision[Sum]:
        if self.fragile and value.total < 0:
            raise RuntimeError("a fault of the state machine")
        if value.done:
            return Decision(forget=True)
        return Decision(replace(value, done=True, wake_at=now + 1000), [self._say("woken", value.total)])

    def records(self, key: str, value: Sum | None, written: Sum | None) -> list[tuple[str, bytes | None]]:
        if value is not None and value == written:
            return []
        return [(key, None if value is None else str(value.total).encode())]

    def orphan(self, received: Received[Any]) -> InvalidEvent | None:
        match received.event.input.get("orphan"):
            case "bury":
                return InvalidEvent("unknown_run", "nobody knows it")
            case "crash":
                raise RuntimeError("a fault of the state machine")
        return None

    def rejected(self, topic: Topic[Any], message: Message, error: Exception) -> list[Outgoing]:
        if message.key == b"crash":
            raise RuntimeError("a fault of the state machine")
        return [self._say(f"{topic.name}: {error}", 0)] if message.key == b"told" else []

    def poisoned(self, received: Received[Any], error: PoisonEvent) -> list[Outgoing]:
        return [self._say(f"{received.event.id}: {error}", 0)]

    def substitute(self, outgoing: Outgoing, error: InvalidEvent) -> Outgoing | None:
        return replace(outgoing, event=Task(id=outgoing.key, input={"left out": error.reason}))

    def _say(self, key: str, total: int) -> Outgoing:
        return Outgoing(RESULTS, key, Task(id=key, input={"total": total}), f"{key}/{total}", 0)


class Rig:
    """One stateful processor over one partition; the state is written when the test says so."""

    def __init__(self, harness: Harness | None = None) -> None:
        self.harness = harness or Harness(wake_at=lambda value: value.wake_at)
        self.harness.own(TASKS.name, 0)
        self.machine, self.stream = Adder(), Stream()
        self.processor: StatefulProcessor[Sum] = StatefulProcessor(
            self.harness.delivery, self.machine, state_topic=STATE
        )
        self.harness.start(self.processor.run(self.stream, TASKS, agent="stateful"))
        self.producer = self.harness.producer

    def message(self, key: str, **given: Any) -> Message:
        name = f"{key}-{self.harness.offsets.get((TASKS.name, 0), 0)}"
        return self.harness.message(TASKS, Task(id=name, workflow=key, input=given))

    def deliver(self, key: str, **given: Any) -> Message:
        message = self.message(key, **given)
        self.harness.deliver(self.stream, message)
        return message

    async def write(self) -> None:
        """Write the changed states; a write that nothing answers fails the test instead of holding it up."""
        async with asyncio.timeout(5.0):
            await self.processor.write_changes()

    def said(self) -> list[str]:
        return [dict(record.headers)["ce_id"].decode() for record in self.producer.on(RESULTS)]

    def written(self) -> list[tuple[bytes | None, bytes | None]]:
        return [(record.key, record.value) for record in self.producer.on(STATE)]

    def committable(self) -> int | None:
        return self.harness.committable(TASKS)


@pytest.fixture
async def rig() -> AsyncIterator[Rig]:
    rig = Rig()
    yield rig
    await rig.harness.stop()


async def test_that_the_commit_waits_for_the_publication_and_then_for_the_state(rig: Rig) -> None:
    rig.producer.hold = lambda _record: True
    rig.deliver("a", first=1, add=1)
    await until(lambda: rig.producer.sent)
    await rig.write()
    assert (rig.written(), rig.committable()) == ([], 0)  # unacknowledged: nothing is written
    rig.producer.let_go()
    await settle()
    assert (rig.said(), rig.committable()) == (["a/1"], 0)  # acknowledged, but the state is not written
    rig.producer.hold = lambda record: record.topic == STATE
    writing = asyncio.create_task(rig.processor.write_changes())
    await settle()
    assert rig.committable() == 0  # written, but not acknowledged
    rig.producer.let_go()
    await writing
    assert (rig.written(), rig.committable()) == ([(b"a", b"1")], 1)


async def test_that_the_result_is_acknowledged_before_the_state_that_says_so_is_sent(rig: Rig) -> None:
    for key in ("a", "b", "c"):
        rig.deliver(key, first=1, add=1)
    await until(lambda: len(rig.said()) == 3)
    await rig.write()
    topics = [record.topic for record in rig.producer.sent]
    assert topics == [RESULTS.name] * 3 + [STATE] * 3


async def test_that_a_run_of_many_events_is_written_once(rig: Rig) -> None:
    rig.deliver("a", first=1, add=1)
    rig.deliver("a", add=2)
    rig.deliver("a", add=3)
    await until(lambda: len(rig.said()) == 3)
    await rig.write()
    await rig.write()
    assert (rig.written(), rig.committable()) == ([(b"a", b"6")], 3)


async def test_that_an_event_that_changes_nothing_is_finished_without_a_write(rig: Rig) -> None:
    rig.deliver("a", first=1, same=1)
    await until(lambda: rig.committable() == 1)
    await rig.write()
    assert (rig.producer.sent, rig.committable()) == ([], 1)


async def test_that_an_early_event_waits_for_its_key(rig: Rig) -> None:
    rig.deliver("a", add=5)
    rig.deliver("b", first=1, add=1)
    await until(lambda: rig.said() == ["b/1"])
    assert rig.committable() == 0
    rig.deliver("a", first=1, add=1)
    await until(lambda: rig.said() == ["b/1", "a/1", "a/6"])
    await rig.write()
    assert rig.committable() == 3


async def test_that_patience_ends_for_each_event_in_its_own_time(rig: Rig) -> None:
    rig.deliver("a", add=5, patience=-1.0)
    rig.deliver("a", add=7)
    rig.harness.start(rig.processor.keep(interval=0.001))
    await until(lambda: rig.committable() == 1)
    assert rig.harness.metrics.outcomes[-1] == "stale"
    rig.deliver("a", first=1, add=1)
    await until(lambda: rig.said() == ["a/1", "a/8"])
    assert rig.producer.on(DEAD_LETTERS) == []


@pytest.mark.parametrize(("orphan", "reason"), [("bury", "unknown_run"), ("crash", "internal")])
async def test_that_an_orphan_that_somebody_should_know_of_is_buried(rig: Rig, orphan: str, reason: str) -> None:
    lost = rig.deliver("a", add=5, patience=-1.0, orphan=orphan)
    rig.harness.start(rig.processor.keep(interval=0.001))
    await until(lambda: rig.committable() == 1)
    (letter,) = rig.producer.on(DEAD_LETTERS)
    assert (letter.value, DeadLetter.from_headers(letter.headers).reason) == (lost.value, reason)


@pytest.mark.parametrize(("given", "reason"), [({"poison": 1}, "poison"), ({"crash": 1}, "internal")])
async def test_that_a_poisoned_event_is_buried_and_stops_nobody(rig: Rig, given: dict[str, int], reason: str) -> None:
    bad = rig.deliver("a", **given)
    rig.deliver("a", first=1, add=1)
    await until(lambda: rig.said() == ["a/1"] and rig.producer.on(DEAD_LETTERS))
    (letter,) = rig.producer.on(DEAD_LETTERS)
    assert (letter.key, letter.value) == (bad.key, bad.value)
    assert DeadLetter.from_headers(letter.headers).reason == reason
    await rig.write()
    assert rig.committable() == 2


async def test_that_a_waiting_event_that_proves_poisoned_does_not_take_its_key_along(rig: Rig) -> None:
    pending = rig.deliver("a", add="no number")
    opener = rig.deliver("a", first=1, add=1)
    await until(lambda: rig.producer.on(DEAD_LETTERS))
    (letter,) = rig.producer.on(DEAD_LETTERS)
    assert (letter.value, letter.value == opener.value) == (pending.value, False)
    assert rig.said() == ["a/1"]
    await rig.write()
    assert rig.committable() == 2


async def test_that_what_is_not_json_is_buried(rig: Rig) -> None:
    rig.harness.deliver(rig.stream, rig.harness.message(TASKS, b"\x00"))
    await until(lambda: rig.committable() == 1)
    assert rig.producer.on(DEAD_LETTERS)[0].value == b"\x00"


async def test_that_a_key_is_woken_once_and_later_forgotten(rig: Rig) -> None:
    rig.deliver("a", first=1, add=4, wake=100)
    await until(lambda: rig.said() == ["a/4"])
    values, now = rig.harness.assignment().partition_state.values, time.time()
    rig.processor.wake(now)
    await settle()
    assert rig.said() == ["a/4"]
    rig.processor.wake(now + 101)
    rig.processor.wake(now + 101)
    await until(lambda: rig.said() == ["a/4", "woken/4"])
    rig.processor.wake(now + 5000)
    assert values.get("a") is not None  # not yet written
    await rig.write()
    rig.processor.wake(now + 5000)
    assert values.get("a") is None
    assert rig.committable() == 1
    await rig.write()
    assert rig.written() == [(b"a", b"4"), (b"a", None)]  # off the log, too


async def test_that_nobody_is_woken_amid_a_rebalance_before_the_log_is_read_or_when_draining(rig: Rig) -> None:
    rig.deliver("a", first=1, add=4, wake=0)
    await until(lambda: rig.said() == ["a/4"])
    later = time.time() + 10
    rig.harness.assignments.suspend()
    rig.processor.wake(later)
    rig.harness.own(TASKS.name, 0)
    rig.harness.delivery.draining = True
    rig.processor.wake(later)
    await settle()
    assert rig.said() == ["a/4"]
    rig.harness.delivery.draining = False
    rig.processor.wake(later)
    await until(lambda: rig.said() == ["a/4", "woken/4"])


async def test_that_a_mind_that_fails_when_woken_stops_neither_the_others_nor_the_writing(rig: Rig) -> None:
    rig.deliver("bad", first=1, add=-1, wake=0)
    rig.deliver("good", first=1, add=1, wake=0)
    await until(lambda: len(rig.said()) == 2)
    rig.harness.start(rig.processor.keep(interval=0.001))
    await until(lambda: "woken/1" in rig.said() and rig.committable() == 2)


async def test_that_a_cancelled_write_is_made_good(rig: Rig) -> None:
    rig.deliver("a", first=1, add=1)
    await until(lambda: rig.said() == ["a/1"])
    rig.producer.hold = lambda record: record.topic == STATE
    writing = asyncio.create_task(rig.processor.write_changes())
    await settle()
    writing.cancel()
    await asyncio.gather(writing, return_exceptions=True)
    rig.producer.let_go()
    assert rig.committable() == 0
    await rig.write()
    assert rig.committable() == 1


async def test_that_a_write_that_is_tried_again_does_not_overtake_a_newer_one(rig: Rig) -> None:
    rig.deliver("a", first=1, add=1)
    await until(lambda: rig.said() == ["a/1"])
    failure = once(KafkaTimeoutError())
    rig.producer.fail = lambda record: failure(record) if record.topic == STATE else None
    first = asyncio.create_task(rig.processor.write_changes())
    await settle()
    rig.deliver("a", add=1)
    await until(lambda: rig.said() == ["a/1", "a/2"])
    await asyncio.gather(first, rig.processor.write_changes())
    assert rig.written() == [(b"a", b"1"), (b"a", b"2")]
    assert rig.committable() == 2


async def test_that_a_state_that_the_broker_does_not_take_holds_up_no_other(rig: Rig) -> None:
    rig.producer.refuse = lambda record: (
        MessageSizeTooLargeError() if (record.topic, record.key) == (STATE, b"big") else None
    )
    for key in ("a", "big", "b"):
        rig.deliver(key, first=1, add=1)
    await until(lambda: len(rig.said()) == 3)
    await rig.write()
    assert {(b"a", b"1"), (b"b", b"1")} == set(rig.written())
    assert rig.committable() == 3
    assert rig.harness.assignment().partition_state.values.get("big") == Sum(1)


async def test_that_an_assignment_that_ends_takes_its_state_along(rig: Rig) -> None:
    rig.producer.hold = lambda _record: True
    rig.deliver("a", first=1, add=1)
    await until(lambda: rig.producer.sent)
    ended = rig.harness.assignment()
    rig.harness.own(TASKS.name, 1)
    rig.producer.let_go()
    await settle()
    await rig.write()
    assert rig.written() == []
    assert ended.offset_trackers[TASKS.name].committable == 0


@pytest.mark.parametrize("survives", ["nothing", "the result", "the result and the state"])
async def test_that_after_a_crash_at_any_step_the_same_events_have_the_same_ids(survives: str) -> None:
    """Drop all memory of a worker after each step, and let another one go on from what the broker has."""
    first = Rig()
    first.producer.hold = lambda record: survives == "nothing" or (survives == "the result" and record.topic == STATE)
    messages = [first.deliver("a", first=1, add=1), first.deliver("a", add=2)]
    await until(lambda: len([record for record in first.producer.sent if record.topic == RESULTS.name]) == 2)
    writing = asyncio.create_task(first.processor.write_changes())
    first.harness.running.append(writing)
    await settle()
    committed = first.committable() or 0
    assert committed == (2 if survives == "the result and the state" else 0)
    await first.harness.stop()

    second = Rig()
    values = second.harness.assignment().partition_state.values
    for key, value in first.written():
        values.restore((key or b"").decode(), Sum(int(value or b"")), time.time())
    second.harness.deliver(second.stream, *messages[committed:])
    await until(lambda: second.committable() is None or len(second.said()) == 2 - committed)
    await second.write()
    assert values.get("a") == Sum(3)
    expected = ["a/1", "a/3"]
    assert second.said() == expected[committed:]
    assert sorted({*first.said(), *second.said()}) == expected  # over both lives: nothing lost, nothing else
    await second.harness.stop()


async def test_that_of_an_event_that_is_too_large_a_lesser_one_is_sent(rig: Rig) -> None:
    rig.producer.refuse = lambda record: (
        MessageSizeTooLargeError() if record.topic == RESULTS.name and b"total" in (record.value or b"") else None
    )
    rig.deliver("a", first=1, add=1)
    await until(lambda: rig.producer.on(RESULTS))
    (sent,) = rig.producer.on(RESULTS)
    assert Task.model_validate_json(sent.value or b"").input == {"left out": "too_large"}
    await rig.write()
    assert rig.committable() == 1


async def test_that_what_was_read_back_is_woken_once_before_any_event_is_decided() -> None:
    rig = Rig(Harness(wake_at=lambda value: value.wake_at, loaded=False))
    partition_state = rig.harness.assignment().partition_state
    rig.deliver("k7", add=1)
    rig.harness.start(rig.processor.keep(interval=0.001))
    await settle()
    assert (rig.said(), partition_state.ready) == ([], False)
    for number in range(250):  # more than are woken in one go
        partition_state.values.restore(f"k{number}", Sum(number, wake_at=9e9), time.time())
    partition_state.finish_loading()
    ready = [partition_state.ready]
    await until(lambda: "k7/8" in rig.said())
    said = rig.said()
    assert said.count("woken/249") == 1
    assert len(said) == 251
    assert said[-1] == "k7/8"
    assert [*ready, partition_state.ready] == [False, True]
    await rig.harness.stop()


async def test_that_a_partition_without_events_is_woken_too_but_not_when_draining() -> None:
    rig = Rig(Harness(wake_at=lambda value: value.wake_at, loaded=False))
    partition_state = rig.harness.assignment().partition_state
    partition_state.values.restore("a", Sum(1), time.time())
    partition_state.values.restore("bad", Sum(-1), time.time())  # its waking fails
    partition_state.values.restore("over", Sum(2, done=True), time.time())  # its waking forgets it
    partition_state.finish_loading()
    rig.harness.delivery.draining = True
    rig.harness.start(rig.processor.keep(interval=0.001))
    await settle()
    assert not partition_state.ready
    rig.harness.delivery.draining = False
    await until(lambda: partition_state.ready and rig.said() == ["woken/1"])
    assert [partition_state.values.get(key) for key in ("bad", "over")] == [Sum(-1), None]
    await until(lambda: (b"over", None) in rig.written())
    await rig.harness.stop()


async def test_that_keys_that_are_due_at_once_leave_each_other_and_others_their_turn(rig: Rig) -> None:
    for number in range(350):
        rig.deliver(f"k{number}", first=1, add=number, wake=0)
    await until(lambda: len(rig.said()) == 350)
    assert rig.processor.wake(time.time() + 1)
    rig.harness.start(rig.processor.keep(interval=0.001))
    await until(lambda: len(rig.said()) == 700)
    assert sorted(rig.said()[350:]) == sorted(f"woken/{number}" for number in range(350))
    assert not rig.processor.wake(time.time() + 1)


async def test_that_a_key_is_woken_in_time_and_an_event_is_written_soon_while_nothing_else_happens(rig: Rig) -> None:
    rig.harness.start(rig.processor.keep(interval=0.001, idle=3600.0))
    rig.deliver("a", first=1, add=1, wake=0.2)
    await until(lambda: rig.said() == ["a/1", "woken/1"])
    await until(lambda: rig.committable() == 1)


async def test_that_an_event_that_cannot_be_sent_in_any_form_does_not_hold_up_the_rest(rig: Rig) -> None:
    rig.producer.refuse = lambda record: MessageSizeTooLargeError() if record.topic == RESULTS.name else None
    rig.deliver("a", first=1, add=1)
    await settle()
    await rig.write()
    assert rig.said() == []
    assert rig.committable() == 1


async def test_that_a_key_whose_waking_failed_is_woken_again_later(rig: Rig) -> None:
    rig.deliver("bad", first=1, add=-1, wake=0)
    await until(lambda: rig.said() == ["bad/-1"])
    now = time.time() + 1
    rig.processor.wake(now)
    rig.machine.fragile = False
    rig.processor.wake(now + 1)  # not at once: the fault would be logged all the time
    await settle()
    assert rig.said() == ["bad/-1"]
    rig.processor.wake(now + 3600)
    await until(lambda: "woken/-1" in rig.said())


async def test_that_nothing_is_sent_for_a_partition_that_may_have_gone(rig: Rig) -> None:
    """It was decided just before; its next owner decides it again, with what it knows better."""
    rig.harness.assignments.suspend()
    rig.deliver("a", first=1, add=1)
    await until(lambda: rig.machine.seen)
    await settle()
    assert rig.producer.sent == []
    rig.harness.own(TASKS.name, 0)
    await until(lambda: rig.said() == ["a/1"])
    rig.harness.assignments.suspend()
    rig.deliver("a", add=1)
    await until(lambda: len(rig.machine.seen) == 2)
    rig.harness.own(TASKS.name)
    await settle()
    assert rig.said() == ["a/1"]


async def test_that_a_partition_that_is_away_holds_up_no_timers_states_or_commits_of_others() -> None:
    harness = Harness(wake_at=lambda value: value.wake_at)
    harness.own(TASKS.name, 0, 1)
    processor: StatefulProcessor[Sum] = StatefulProcessor(harness.delivery, Adder(), state_topic=STATE)
    away, other = (harness.assignment(partition).partition_state.values for partition in (0, 1))
    harness.producer.fail = lambda record: NotLeaderForPartitionError() if record.key in {b"away", b"a"} else None
    released: list[str] = []
    for values, key in ((away, "away"), (other, "other")):
        values.put(key, Sum(1, time.time() + 0.5))
        values.changed(key, lambda key=key: released.append(key))  # type: ignore[misc]  # it is told its key
    try:
        harness.start(processor.keep())
        await until(lambda: released == ["other"])
        await until(lambda: other.get("other").done)  # type: ignore[union-attr]  # it is there
        await until(lambda: [record.key for record in harness.producer.on(STATE)] == [b"other"] * 2)
        assert sum(record.topic == STATE and record.key == b"away" for record in harness.producer.sent) < 5
    finally:
        await harness.stop()


async def test_that_a_partition_that_is_read_back_does_not_hold_up_those_that_stayed() -> None:
    rig = Rig()
    rig.harness.loaded = False
    rig.harness.own(TASKS.name, 0, 1)
    new = [
        rig.harness.message(TASKS, Task(id=f"n{n}", workflow="n", input={"first": 1, "add": n}), partition=1)
        for n in range(1, 250)
    ]
    rig.harness.deliver(rig.stream, *new)
    rig.deliver("kept", first=1, add=1)
    await until(lambda: rig.said() == ["kept/1"])
    partition_state = rig.harness.assignment(1).partition_state
    partition_state.values.restore("old", Sum(5, wake_at=9e9), time.time())
    partition_state.finish_loading()
    late = rig.harness.message(TASKS, Task(id="late", workflow="n", input={"add": 0}), partition=1)
    rig.harness.deliver(rig.stream, late)
    await until(lambda: "late" in rig.machine.seen)
    assert rig.machine.seen == ["kept-0", *(f"n{n}" for n in range(1, 250)), "late"]
    assert rig.said()[1] == "woken/5"
    await rig.harness.stop()


async def test_that_what_is_parked_is_left_to_the_next_owner_when_the_assignment_ends() -> None:
    rig = Rig(Harness(loaded=False))
    rig.deliver("a", first=1, add=1)
    await settle()
    rig.harness.loaded = True
    rig.harness.own(TASKS.name, 1)
    await settle()
    rig.harness.own(TASKS.name, 0)
    rig.harness.offsets.clear()
    rig.deliver("a", first=1, add=7)
    await until(lambda: rig.said() == ["a/7"])
    assert rig.machine.seen == ["a-0"]
    await rig.harness.stop()


async def test_that_a_cancellation_that_nobody_asked_for_is_a_fault_of_the_mind(rig: Rig) -> None:
    rig.deliver("a", cancelled=1)
    rig.deliver("b", first=1, add=1)
    await until(lambda: rig.said() == ["b/1"] and rig.producer.on(DEAD_LETTERS))
    await rig.write()
    assert rig.committable() == 2


async def test_that_what_follows_is_sent_though_sending_had_a_fault(rig: Rig, caplog: pytest.LogCaptureFixture) -> None:
    faults: list[BaseException] = [RuntimeError("a defect"), asyncio.CancelledError()]
    rig.producer.refuse = lambda _record: faults.pop() if faults else None
    rig.deliver("a", first=1, add=1)
    await until(lambda: rig.said() == ["a/1"])
    await rig.write()
    assert rig.committable() == 1
    assert sum("stateful processor holds up tasks/0/0" in line for line in caplog.messages) == 2


async def test_that_whoever_waits_for_an_invalid_event_is_told_besides_its_dead_letter(rig: Rig) -> None:
    for key in (b"told", b"other", b"crash"):
        rig.harness.deliver(rig.stream, rig.harness.message(TASKS, b"{", key=key))
    await until(lambda: len(rig.producer.on(DEAD_LETTERS)) == 3)
    await until(lambda: rig.harness.committable(TASKS) == 3)
    (told,) = rig.producer.on(RESULTS)
    assert (told.key or b"").startswith(b"tasks: Invalid JSON: it ends")
