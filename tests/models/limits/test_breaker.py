from __future__ import annotations

import pytest

from app.errors import Overloaded
from app.models.limits.base import Admission, QueuedAhead
from app.models.limits.breaker import BreakerGuard
from app.models.outcome import Attempt
from app.routing.breaker import Breaker, BreakerTuning, Circuit
from tests.models.limits.samples import admission, answered, failed

START = 1_800_000_000.0
NOBODY = QueuedAhead()


class Rig:
    """A guard whose wall clock is moved by hand."""

    def __init__(self) -> None:
        self.now = START
        self.breaker = Breaker(BreakerTuning(quiet=0))
        circuit = Circuit(self.breaker, lambda _breaker, _now: None, lambda: None)
        self.guard = BreakerGuard(circuit, "gpt", "openai", clock=lambda: self.now)

    def enter(self) -> Admission:
        assert self.guard.wait(0.0, 10, NOBODY) == 0.0
        one = admission()
        self.guard.take(one, 0.0)
        return one

    def tell(self, attempt: Attempt | None, times: int = 1) -> None:
        for _ in range(times):
            self.guard.leave(self.enter(), attempt, 0.0)

    def refusal(self) -> Overloaded:
        with pytest.raises(Overloaded) as refused:
            self.guard.wait(0.0, 10, NOBODY)
        return refused.value


def test_after_failures_in_a_row_it_refuses_and_says_until_when() -> None:
    rig = Rig()
    rig.tell(failed("unavailable"), 5)
    rig.now += 1
    error = rig.refusal()
    assert (error.code, error.provider, error.retry_after) == ("overloaded", "openai", 4.0)
    assert str(error) == "the breaker of gpt is open until 2027-01-15T08:00:05Z after recent failures"


@pytest.mark.parametrize("code", ["rate_limited", "invalid_request"])
def test_what_is_not_the_models_fault_does_not_open_it(code: str) -> None:
    rig = Rig()
    rig.tell(failed(code), 20)
    assert rig.breaker.state(rig.now) == "closed"


@pytest.mark.parametrize("code", ["unavailable", "overloaded", "timeout", "unauthorized"])
def test_what_is_the_models_fault_opens_it(code: str) -> None:
    rig = Rig()
    rig.tell(failed(code), 5)
    assert rig.breaker.state(rig.now) == "open"


def test_neither_a_short_time_nor_a_lost_race_nor_one_key_of_many_is_the_models_fault() -> None:
    rig = Rig()
    rig.tell(failed("timeout", short=True), 20)
    rig.tell(answered(lost=True), 20)
    for _ in range(20):
        one = rig.enter()
        one.spared = True
        rig.guard.leave(one, failed("unauthorized"), 0.0)
    assert rig.breaker.state(rig.now) == "closed"


def test_half_open_it_lets_one_at_a_time_find_out() -> None:
    rig = Rig()
    rig.tell(failed("timeout"), 5)
    rig.now += 5
    probe = rig.enter()
    assert "half open" in str(rig.refusal())
    rig.guard.leave(probe, None, 0.0)  # it was not asked: the next may try
    probe = rig.enter()
    rig.guard.leave(probe, failed("timeout"), 0.0)
    assert rig.refusal().retry_after == 10.0
    rig.now += 10
    rig.tell(answered())
    rig.tell(answered(), 3)
    assert rig.breaker.state(rig.now) == "closed"
