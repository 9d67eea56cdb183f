from __future__ import annotations

import logging
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.errors import Unauthorized
from app.models.limits.api_keys import KeyRotation
from app.models.limits.base import Admission, QueuedAhead
from app.models.outcome import Attempt
from tests.models.limits.samples import admission, answered, failed

NOBODY = QueuedAhead()


def _take(keys: KeyRotation, now: float = 0.0) -> Admission:
    assert keys.wait(now, 10, NOBODY) == 0.0
    one = admission()
    keys.take(one, now)
    return one


def _end(keys: KeyRotation, attempt: Attempt | None, now: float = 0.0) -> Admission:
    one = _take(keys, now)
    keys.leave(one, attempt, now)
    return one


def test_calls_are_shared_out_evenly() -> None:
    keys = KeyRotation("gpt", 3)
    assert Counter(_take(keys).key for _ in range(9)) == {0: 3, 1: 3, 2: 3}
    one_by_one = KeyRotation("gpt", 3)
    assert [_end(one_by_one, answered()).key for _ in range(6)] == [0, 1, 2, 0, 1, 2]


def test_the_key_with_the_least_to_do_is_next() -> None:
    keys = KeyRotation("gpt", 2)
    first, _ = _take(keys), _take(keys)
    keys.leave(first, answered(), 1.0)
    assert _take(keys, 1.0).key == first.key


def test_a_key_over_its_limit_rests_as_long_as_the_provider_asks() -> None:
    keys = KeyRotation("gpt", 2)
    one = _end(keys, failed("rate_limited", retry_after=30.0))
    assert (one.key, one.spared, keys.usable(0.0)) == (0, True, 1)
    assert {_end(keys, answered()).key for _ in range(4)} == {1}
    assert {_end(keys, answered(), 30.0).key for _ in range(4)} == {0, 1}


def test_while_all_are_over_their_limit_the_first_that_is_back_is_waited_for() -> None:
    keys = KeyRotation("gpt", 2)
    _end(keys, failed("rate_limited", retry_after=30.0))
    last = _end(keys, failed("rate_limited", retry_after=20.0), 1.0)
    assert not last.spared
    assert keys.wait(1.0, 10, NOBODY) == 20.0
    alone = KeyRotation("gpt")
    _end(alone, failed("rate_limited"))
    assert alone.wait(0.0, 10, NOBODY) == 2.0


def test_a_refused_key_rests_for_long_and_is_logged_once_by_its_number(caplog: pytest.LogCaptureFixture) -> None:
    keys = KeyRotation("gpt", 2)
    first, second, third = _take(keys), _take(keys), _take(keys)
    assert (first.key, second.key, third.key) == (0, 1, 0)
    with caplog.at_level(logging.ERROR):
        keys.leave(first, failed("unauthorized"), 0.0)
        keys.leave(third, failed("unauthorized"), 0.0)
    assert [record.getMessage() for record in caplog.records] == [
        "API key 1 of model gpt was refused and is suspended for ten minutes"
    ]
    keys.leave(second, answered(), 0.0)
    assert {_end(keys, answered(), 500.0).key for _ in range(4)} == {1}


def test_when_all_are_refused_there_is_the_error_of_the_last() -> None:
    keys = KeyRotation("gpt", 2)
    _end(keys, failed("unauthorized"))
    _end(keys, failed("unauthorized"))
    with pytest.raises(Unauthorized) as raised:
        keys.wait(100.0, 10, NOBODY)
    assert raised.value.retry_after == 500.0


def test_one_key_alone_is_tried_again_though_it_was_refused() -> None:
    keys = KeyRotation("gpt")
    assert not _end(keys, failed("unauthorized")).spared
    _take(keys)


ENDS = st.sampled_from(
    [None, answered(), failed("rate_limited"), failed("rate_limited", retry_after=9.0), failed("unauthorized")]
)


@given(st.integers(1, 4), st.lists(st.tuples(st.floats(0, 5), ENDS), max_size=40))
def test_a_resting_key_is_never_given(number: int, ends: list[tuple[float, Attempt | None]]) -> None:
    keys, now, back = KeyRotation("gpt", number), 0.0, dict.fromkeys(range(number), 0.0)
    logging.disable()
    for pause, attempt in ends:
        now += pause
        try:
            while wait := keys.wait(now, 10, NOBODY):
                now += max(wait, 1e-6)
        except Unauthorized:
            assert all(at > now for at in back.values())
            break
        one = admission()
        keys.take(one, now)
        assert back[one.key] <= now
        keys.leave(one, attempt, now)
        error = attempt.error if attempt else None
        if error and (error.code == "rate_limited" or number > 1):
            back[one.key] = now + (error.retry_after or (2.0 if error.code == "rate_limited" else 600.0))
        assert keys.usable(now) == sum(at <= now for at in back.values())
    logging.disable(logging.NOTSET)
