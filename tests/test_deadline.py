from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from app.deadline import Deadline


def _in(seconds: float) -> Deadline:
    return Deadline.until(datetime.now(UTC) + timedelta(seconds=seconds))


def test_that_without_a_moment_it_never_ends() -> None:
    never = Deadline.until(None)
    assert (never.deadline, never.seconds, never.over) == (None, None, False)
    assert never.at_most(30.0) == 30.0


def test_that_what_is_left_is_no_more_than_it_was() -> None:
    left = _in(3600.0)
    assert not left.over
    assert left.seconds is not None
    assert 0.0 < left.seconds <= 3600.0
    assert left.at_most(5.0) == 5.0
    assert 0.0 < left.at_most(7200.0) <= 3600.0


@pytest.mark.parametrize("seconds", [0.0, -1.0, -3600.0])
def test_that_nothing_is_left_of_the_past(seconds: float) -> None:
    left = _in(seconds)
    assert (left.over, left.seconds, left.at_most(5.0)) == (True, 0.0, 0.0)


def test_that_an_hour_is_an_hour_in_every_zone() -> None:
    left = Deadline.until(datetime.now(timezone(timedelta(hours=5))) + timedelta(hours=1))
    assert left.seconds is not None
    assert 3590.0 < left.seconds <= 3600.0
