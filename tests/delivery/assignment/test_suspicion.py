from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.delivery.assignment.suspicion import OwnerRecord, Suspect, Suspicion

AFTER = 3


def _record(suspicion: Suspicion | None = None, **committed: int) -> OwnerRecord:
    return OwnerRecord("first", committed, suspicion or Suspicion())


def test_that_nothing_is_suspected_where_commits_went_on_or_nothing_is_left() -> None:
    suspicion = _record(moved=5, empty=7, stuck=2).after_death(
        {"moved": 6, "empty": 7, "stuck": 2, "new": 0}, {"moved": 9, "empty": 7, "stuck": 4, "new": 3}
    )
    assert suspicion.windows == {"stuck": (2, 4)}
    assert [suspicion.of(f"stuck/{at}", "stuck", at) is not None for at in (1, 2, 3, 4, 5000)] == [False] + [True] * 4


def test_that_a_topic_is_suspected_until_what_was_there_is_passed() -> None:
    suspicion = _record(t=0).after_death({"t": 0}, {"t": 100_000})
    assert not suspicion.let_go({"t": 2047})
    assert suspicion.let_go({"t": 2048})
    assert suspicion.of("t/2048", "t", 2048) is None


def test_that_each_death_leaves_fewer_suspects_until_one_was_alone() -> None:
    suspicion = _record(t=0).after_death({"t": 0}, {"t": 9})
    for number in range(3):
        suspicion.begin(suspicion.of(f"e{number}", "t", number) or pytest.fail("it is not suspected"))
    suspicion.clear(suspicion.under_way["e0"])
    assert suspicion.of("e0", "t", 0) is None
    suspicion = _record(suspicion, t=0).after_death({"t": 0}, {"t": 9})
    assert suspicion.known == {name: Suspect(name, "t", at, 2) for name, at in (("e1", 1), ("e2", 2))}
    assert suspicion.windows == {}
    assert not any(one.is_poison(AFTER) or not one.begins_alone for one in suspicion.known.values())
    suspicion.begin(suspicion.of("e2", "t", 40) or pytest.fail("it is not suspected"))  # the same event, sent again
    suspicion = _record(suspicion, t=0).after_death({"t": 3}, {"t": 50})
    assert suspicion.known == {"e2": Suspect("e2", "t", 40, 3, alone=True)}
    assert suspicion.known["e2"].is_poison(AFTER)
    assert not suspicion.known["e2"].is_poison(AFTER + 1)


def test_that_what_is_suspected_is_no_more_so_when_nobody_died() -> None:
    suspicion = Suspicion({"e": Suspect("e", "t", 1, 2)}, {"u": (0, 9)})
    suspicion.begin(Suspect("e", "t", 1, 2))
    record = OwnerRecord("first", {"t": 1}, suspicion)
    assert OwnerRecord.from_json(record.to_json()) == record
    assert record.resumed() == Suspicion(suspicion.known, suspicion.windows)


@pytest.mark.parametrize("value", [b"", b"[]", b"{}", b'{"owner": "a", "windows": [], "suspects": 1, "under_way": []}'])
def test_that_what_others_write_under_its_key_is_nothing(value: bytes) -> None:
    assert OwnerRecord.from_json(value) is None


@dataclass
class Partition:
    """A topic partition whose events are processed by owner after owner, some of whom die of one event."""

    size: int
    killer: int
    record: bytes | None = None
    finished: set[int] = field(default_factory=set)
    buried: list[int] = field(default_factory=list)
    deaths: int = 0

    @property
    def committed(self) -> int:
        return next((at for at in range(self.size) if at not in self.finished), self.size)

    def live(self, order: list[int], group: int, spare: int) -> None:
        """Own the partition: process events in this order, so many at once; without a death, end in order.

        The process is killed for no reason after `spare` events.
        """
        before = OwnerRecord.from_json(self.record) if self.record else None
        stand, ends = {"t": self.committed}, {"t": self.size}
        record = OwnerRecord("any", stand, before.after_death(stand, ends) if before else Suspicion())
        self.record = record.to_json()
        waiting = [at for at in order if at >= self.committed and at not in self.finished]
        while waiting:
            suspects = [record.suspicion.of(f"e{at}", "t", at) for at in waiting]
            alone = bool(suspects[0] and suspects[0].begins_alone)
            taken = [0] if alone else [n for n, one in enumerate(suspects) if not (one and one.begins_alone)][:group]
            spare -= len(taken)
            if not self._process(record, [(waiting[n], suspects[n]) for n in taken]) or spare < 0:
                self.deaths += 1
                return
            waiting = [at for n, at in enumerate(waiting) if n not in taken]
        self.record = None

    def _process(self, record: OwnerRecord, events: list[tuple[int, Suspect | None]]) -> bool:
        for _, suspect in events:
            if suspect:
                record.suspicion.begin(suspect)
        self.record = record.to_json()
        for at, suspect in events:
            if suspect and suspect.is_poison(AFTER):
                self.buried.append(at)
            elif at == self.killer:
                return False
        for at, suspect in events:
            self.finished.add(at)
            if suspect:
                record.suspicion.clear(suspect)
        self.record = record.to_json()
        return True


@settings(deadline=None)
@given(st.data(), st.integers(1, 40), st.integers(1, 16))
def test_that_the_killer_is_found_and_nothing_else(data: st.DataObject, size: int, group: int) -> None:
    partition = Partition(size, data.draw(st.integers(0, size - 1)))
    for _ in range(8):
        partition.live(data.draw(st.permutations(range(size))), group, 10_000)
    assert (partition.buried, partition.committed) == ([partition.killer], size)
    assert partition.deaths >= AFTER  # and one more for each life in which commits went on


@settings(deadline=None)
@given(st.data(), st.integers(1, 40))
def test_that_deaths_of_another_cause_bury_nothing_that_could_be_processed(data: st.DataObject, size: int) -> None:
    partition = Partition(size, killer=-1)
    while partition.committed < size:  # each life gets further, by at least one event
        partition.live(list(range(size)), 4, data.draw(st.integers(4, 8)))
    assert partition.buried == []
