from __future__ import annotations

import asyncio
from collections.abc import Collection
from dataclasses import replace

from aiokafka import TopicPartition
from aiokafka.errors import KafkaConnectionError

from app.delivery.assignment.assignment import PartitionAssignment
from app.delivery.assignment.owner_records import GroupOffsets, Offsets, OwnerRecords, SuspectHandler, SuspectLimiter
from app.delivery.assignment.suspicion import KEY, OwnerRecord, Suspect, Suspicion
from app.delivery.state.partition_state import PartitionState
from tests.delivery.fakes import Harness, settle, until
from tests.delivery.test_request_handler import Rig as DoerRig
from tests.delivery.test_stateful_processor import Rig as DeciderRig
from topics import DEAD_LETTERS, RETRIEVAL_REQUESTS, TASKS
from topics.dead_letters import DeadLetter

STATE = "state"


class Stand(GroupOffsets):
    """Where commits and topics stand in a house."""

    def __init__(self, house: House) -> None:
        self._house = house

    async def committed(self, partitions: Collection[int]) -> Offsets:
        assert partitions == [0]
        if self._house.faults:
            self._house.faults -= 1
            raise KafkaConnectionError("away")
        return {self._house.tp: self._house.committed}

    async def ends(self, partitions: Collection[int]) -> Offsets:
        assert partitions == [0]
        return {self._house.tp: self._house.end}


class House:
    """The owners of one worker, over one partition of one topic, whose commits stand at `committed` of `end`."""

    def __init__(self, harness: Harness, topic: str, *, me: str = "second", committed: int = 0, end: int = 9) -> None:
        self.harness, self.tp = harness, TopicPartition(topic, 0)
        self.committed, self.end = committed, end
        self.faults = 0
        self.owners = OwnerRecords(harness.delivery, me=me, state_topic=STATE, places=Stand(self))

    async def take_over(self, left: OwnerRecord | None) -> PartitionAssignment:
        assignment = self.harness.assignment()
        await self.owners.take_over({assignment: left.to_json() if left else None})
        return assignment

    def written(self) -> list[OwnerRecord | None]:
        records = [record for record in self.harness.producer.on(STATE) if record.key == KEY.encode()]
        return [OwnerRecord.from_json(record.value) if record.value else None for record in records]


def _left(topic: str, *suspects: Suspect, under_way: Collection[Suspect] = ()) -> OwnerRecord:
    known = {one.key: one for one in suspects}
    return OwnerRecord("first", {topic: 0}, Suspicion(known, {}, {one.key: one for one in under_way}))


async def test_that_an_owner_leaves_one_record_and_takes_it_off_when_it_ends_in_order() -> None:
    harness = Harness()
    harness.own(TASKS.name, 0)
    house = House(harness, TASKS.name, committed=4)
    house.faults = 1
    assignment = await house.take_over(None)
    assert assignment.suspects is None
    assert house.written() == [OwnerRecord("second", {TASKS.name: 4}, Suspicion())]
    await house.owners.end()
    await house.owners._records[assignment].save()  # one that was under way comes too late
    assert house.written()[1:] == [None]
    await harness.stop()


async def test_that_a_rebalance_is_no_death_and_an_owner_that_stays_leaves_its_record_again() -> None:
    harness = Harness()
    harness.own(TASKS.name, 0)
    house = House(harness, TASKS.name)
    await house.take_over(None)
    await house.owners.pause()
    harness.assignments.suspend()
    harness.start(house.owners.keep(interval=0.001, refresh=3600.0))
    await settle()
    released = house.written()[-1]
    assert released == OwnerRecord("second", {TASKS.name: 0}, Suspicion(), released=True)
    other = Harness()
    other.own(TASKS.name, 0)
    assert (await House(other, TASKS.name, me="third").take_over(released)).suspects is None
    harness.own(TASKS.name, 0)
    await until(lambda: house.written()[-1] == OwnerRecord("second", {TASKS.name: 0}, Suspicion()))
    await harness.stop()
    await other.stop()


async def test_that_the_record_of_the_same_process_tells_of_no_death() -> None:
    harness = Harness()
    harness.own(TASKS.name, 0)
    left = replace(_left(TASKS.name), owner="second")
    assert (await House(harness, TASKS.name).take_over(left)).suspects is None
    left = replace(_left(TASKS.name, under_way=[Suspect("k", TASKS.name, 0, 2)]), owner="second")
    assert (await House(harness, TASKS.name).take_over(left)).suspects is not None
    await harness.stop()


async def test_that_decisions_that_are_suspected_are_written_down_first_and_keep_their_order() -> None:
    rig = DeciderRig()
    house = House(rig.harness, TASKS.name)
    await house.take_over(_left(TASKS.name))  # commits stand where they stood
    rig.producer.hold = lambda record: record.topic == STATE
    for number in range(4):
        rig.deliver("a", first=1, add=number)
    await settle()
    assert rig.machine.seen == []
    rig.producer.let_go()
    await until(lambda: len(rig.machine.seen) == 4)
    assert rig.machine.seen == [f"a-{number}" for number in range(4)]
    under_way = [[one.offset for one in record.suspicion.under_way.values()] for record in house.written() if record]
    assert [one for one in under_way if one] == [[0], [1], [2], [3]]
    await rig.write()
    assert rig.committable() == 4
    await rig.harness.stop()


async def test_that_a_decision_that_kills_is_buried_and_told_and_the_next_ones_are_made() -> None:
    rig = DeciderRig()
    key = f"{TASKS.name}:{TASKS.name}/0/0"
    house = House(rig.harness, TASKS.name)
    await house.take_over(_left(TASKS.name, under_way=[Suspect(key, TASKS.name, 0, 2)]))
    rig.deliver("a", first=1, add=1)
    rig.deliver("b", first=1, add=2)
    await until(lambda: rig.producer.on(DEAD_LETTERS) and "b/2" in rig.said())
    letter = DeadLetter.from_headers(rig.producer.on(DEAD_LETTERS)[0].headers)
    assert (letter.reason, letter.id, letter.error) == (
        "poison",
        "tasks/0/0",
        "3 workers died while they processed it",
    )
    assert any(said.startswith("a-0: 3 workers died") for said in rig.said())
    assert rig.machine.seen == ["b-1"]
    await rig.write()
    assert rig.committable() == 2
    await rig.harness.stop()


async def test_that_a_request_that_kills_is_answered_by_a_failure_once_however_often_it_was_sent() -> None:
    harness = Harness()
    harness.own(RETRIEVAL_REQUESTS.name, 0)
    rig, name = DoerRig(harness), RETRIEVAL_REQUESTS.name
    house = House(harness, name)
    await house.take_over(_left(name, under_way=[Suspect(f"{name}:deadly", name, 0, 2)]))
    rig.start()
    headers: list[tuple[str, bytes | None]] = [("ce_source", b"/test"), ("ce_id", b"deadly")]
    again = [replace(rig.request("deadly"), headers=headers) for _ in range(2)]
    harness.deliver(rig.stream, again[0], rig.request("a"), again[1])
    await until(lambda: rig.committable() == 3)
    assert (rig.calls, sorted(rig.answered())) == (["a"], ["a", "deadly"])
    assert len(harness.producer.on(DEAD_LETTERS)) == 1
    await harness.stop()


async def test_that_what_even_kills_whoever_tells_of_it_is_buried_unread() -> None:
    harness = Harness()
    harness.own(RETRIEVAL_REQUESTS.name, 0)
    rig, name = DoerRig(harness), RETRIEVAL_REQUESTS.name
    house = House(harness, name)
    await house.take_over(_left(name, under_way=[Suspect(f"{name}:{name}/0/0", name, 0, 3, alone=True)]))
    rig.start()
    rig.deliver("deadly")
    await until(lambda: rig.committable() == 1)
    assert (rig.answered(), len(harness.producer.on(DEAD_LETTERS))) == ([], 1)
    await harness.stop()


async def test_that_a_group_is_under_way_together_and_what_must_be_alone_is_alone() -> None:
    limiter, running, most = SuspectLimiter(), list[str](), list[tuple[int, bool]]()

    async def work(name: str, *, alone: bool) -> None:
        async with limiter.place(alone=alone):
            running.append(name)
            most.append((len(running), "alone" in running))
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            running.remove(name)

    await asyncio.gather(*(work("alone" if n % 50 == 7 else f"{n}", alone=n % 50 == 7) for n in range(200)))
    assert max(number for number, _ in most) == 64
    assert {number for number, alone in most if alone} == {1}


async def test_that_a_suspicion_ends_when_what_was_there_is_passed() -> None:
    rig = DeciderRig()
    house = House(rig.harness, TASKS.name, end=2)
    assignment = await house.take_over(_left(TASKS.name))
    rig.harness.start(house.owners.keep(interval=0.001, refresh=3600.0))
    rig.deliver("a", first=1, add=1)
    rig.deliver("a", add=1)
    await until(lambda: len(rig.machine.seen) == 2)
    assert assignment.suspects
    await rig.write()
    await until(lambda: assignment.suspects is None)
    await until(lambda: house.written()[-1] == OwnerRecord("second", {TASKS.name: 0}, Suspicion(cleared=set())))
    await rig.harness.stop()


async def test_that_what_was_alone_is_off_the_record_before_the_next_one_begins_in_any_partition() -> None:
    log, limiter, seen = dict[int, OwnerRecord | None](), SuspectLimiter(), list[list[int]]()

    def suspects(number: int) -> SuspectHandler:
        assignment = PartitionAssignment(number, PartitionState(number, wake_at=lambda _value: None, window=1.0))

        async def write(value: bytes) -> None:
            await asyncio.sleep(0.001)
            log[number] = OwnerRecord.from_json(value)

        known = {name: Suspect(name, "t", at, 2) for at, name in enumerate("abc")}
        return SuspectHandler(assignment, OwnerRecord("second", {}, Suspicion(known)), limiter, write)

    async def process(one: SuspectHandler, name: str) -> None:
        suspect = one.of(name, "t", 0)
        assert suspect
        async with one.processing(suspect) as clear:
            seen.append([number for number, record in log.items() if record and record.suspicion.under_way])
            clear()

    both = [suspects(0), suspects(1)]
    await asyncio.gather(*(process(one, name) for name in "abc" for one in both))
    assert len(seen) == 6
    assert all(len(numbers) == 1 for numbers in seen)
