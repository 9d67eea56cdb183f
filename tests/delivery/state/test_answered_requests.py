from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.delivery.state.answered_requests import PREFIX, AnsweredRequests

NOW = 1_000_000.0


@dataclass
class Log:
    """A partition of a topic of answers, and the records of its state's topic; both survive any crash."""

    answers: list[str] = field(default_factory=list)
    state: dict[str, bytes | None] = field(default_factory=dict)


class Owner:
    """An owner of the partition, from its restoration to its crash."""

    def __init__(self, log: Log, now: float) -> None:
        self.log, self.now = log, now
        self.answered = AnsweredRequests(window=600.0)
        for key, value in log.state.items():
            self.answered.restore_checkpoint(key, value, now, now)
        for event_id in log.answers[self.answered.covered.get("answers", 0) :]:
            self.answered.restore(event_id, now)
        self.answered.covered["answers"] = len(log.answers)
        self.unacknowledged: list[tuple[str, int]] = []
        self.failed: list[str] = []
        self.writing: list[tuple[str, bytes | None]] = []
        self.number = 0

    def send(self, event_id: str) -> None:
        """Have an answer recorded; what comes of it is not known yet."""
        self.unacknowledged.append((event_id, len(self.log.answers)))
        self.log.answers.append(event_id)

    def acknowledge(self, *, arrives: bool) -> None:
        """Learn in order of an answer that it is recorded, or learn nothing of it: then it is sent again."""
        if self.unacknowledged:
            event_id, offset = self.unacknowledged.pop(0)
            if arrives:
                self.answered.acknowledged(event_id, "answers", offset, self.now)
            else:
                self.answered.doubt(event_id)
                self.failed.append(event_id)

    def send_again(self) -> None:
        if self.failed:
            self.send(self.failed.pop(0))

    def checkpoint(self, *, written: int, fails: bool) -> None:
        """Write a checkpoint, of which so many records reach the log; it may fail then."""
        self.number += 1
        made_at = self.now + self.number
        if checkpoint := self.answered.checkpoint(made_at):
            records = list(checkpoint.records(made_at))
            for key, value in records[:written] if fails else records:
                self.log.state[key] = value
            if fails:
                self.answered.put_back(checkpoint)
            else:
                self.answered.written(checkpoint, made_at)


STEPS = st.lists(
    st.sampled_from(["send", "send", "arrives", "arrives", "fails", "again", "checkpoint", "none", "half", "crash"]),
    max_size=40,
)


@settings(max_examples=1000, deadline=None)
@given(STEPS)
def test_that_after_a_crash_at_any_point_each_recorded_answer_is_known(steps: list[str]) -> None:
    log, sent = Log(), 0
    owner = Owner(log, NOW)
    for step in [*steps, "crash"]:
        match step:
            case "send":
                owner.send(f"t/{sent}/response")
                sent += 1
            case "arrives" | "fails":
                owner.acknowledge(arrives=step == "arrives")
            case "again":
                owner.send_again()
            case "checkpoint":
                owner.checkpoint(written=0, fails=False)
            case "none" | "half":  # a write that fails before or after its first record
                owner.checkpoint(written=int(step == "half"), fails=True)
            case _:
                owner = Owner(log, owner.now + 100.0)
                assert [one for one in log.answers if one not in owner.answered] == []


def test_that_what_is_covered_is_not_read_again_and_old_records_are_taken_off() -> None:
    log = Log()
    owner = Owner(log, NOW)
    for number in range(5000):
        owner.send(f"t/{number}")
        owner.acknowledge(arrives=True)
    owner.checkpoint(written=0, fails=False)
    assert len(log.state) == 2  # parts of a size that any broker takes
    owner.send("late")
    owner = Owner(log, NOW + 1)
    assert (len(owner.answered), owner.answered.since) == (5001, NOW + 1)
    assert owner.answered.checkpoint(NOW + 2)
    assert owner.answered.checkpoint(NOW + 3) is None
    old = owner.answered.checkpoint(NOW + 602)
    assert old
    assert list(old.records(NOW + 602)) == [(key, None) for key in log.state]
    assert owner.answered.since is None


def test_that_an_answer_in_doubt_is_covered_only_when_it_was_acknowledged() -> None:
    answered = AnsweredRequests(window=600.0)
    answered.doubt("a")  # it may lie at offset 0
    answered.acknowledged("b", "answers", 1, NOW)
    first = answered.checkpoint(NOW)
    answered.acknowledged("a", "answers", 2, NOW)
    second = answered.checkpoint(NOW)
    assert first
    assert second
    assert (first.covered, second.covered) == ({}, {"answers": 3})


@pytest.mark.parametrize("value", [None, b"", b"[]", b"{}", b'{"hashes": 1}', b'{"hashes": "*", "covered": {}}'])
def test_that_what_others_write_under_its_key_is_nothing(value: bytes | None) -> None:
    answered = AnsweredRequests(window=600.0)
    answered.restore_checkpoint(f"{PREFIX}1", value, NOW, NOW)
    assert (len(answered), answered.covered) == (0, {})
