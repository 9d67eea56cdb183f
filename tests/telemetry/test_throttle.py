from __future__ import annotations

import logging

import aiokafka.errors
import pytest

from app.telemetry.throttle import Throttle


def line(name: str, text: str, *args: object) -> logging.LogRecord:
    return logging.LogRecord(name, logging.ERROR, "", 0, text, args, None)


def test_a_repeated_line_is_let_through_once_in_a_while_and_counted() -> None:
    now = 0.0
    throttle = Throttle(["aiokafka"], seconds=5, clock=lambda: now)
    assert throttle.filter(line("aiokafka.conn", "cannot reach %s", "a"))
    assert not throttle.filter(line("aiokafka.conn", "cannot reach %s", "b"))
    assert not throttle.filter(line("aiokafka.conn", "cannot reach %s", "c"))
    now = 5.0
    again = line("aiokafka.conn", "cannot reach %s", "d")
    assert throttle.filter(again)
    assert again.getMessage() == "cannot reach d (2 more like this)"
    now = 10.0
    last = line("aiokafka.conn", "cannot reach %s", "e")
    assert throttle.filter(last)
    assert last.getMessage() == "cannot reach e"


def test_other_lines_and_other_loggers_are_left_alone() -> None:
    throttle = Throttle(["aiokafka"], clock=lambda: 0.0)
    assert throttle.filter(line("aiokafka", "one"))
    assert throttle.filter(line("aiokafka", "two"))
    assert all(throttle.filter(line("app.delivery", "same")) for _ in range(3))


MOVING = "Failed fetch offsets from %s: %s"
NOT_LEADER = "[Error 6] NotLeaderForPartitionError"


def test_an_error_that_passes_is_not_written() -> None:
    now = 0.0
    throttle = Throttle(["aiokafka"], patience=10, clock=lambda: now)
    for _ in range(21):
        assert not throttle.filter(line("aiokafka.consumer.fetcher", MOVING, 1, NOT_LEADER))
        now += 0.1


def test_one_that_lasts_is_written_and_counted_and_then_throttled_like_others() -> None:
    now = 0.0
    throttle = Throttle(["aiokafka"], seconds=5, patience=10, clock=lambda: now)
    written = []
    for _ in range(80):
        record = line("aiokafka.consumer.fetcher", MOVING, 1, NOT_LEADER)
        if throttle.filter(record):
            written.append((now, record.getMessage()))
        now += 0.25
    assert [moment for moment, _ in written] == [10.0, 15.0]
    assert written[0][1] == f"Failed fetch offsets from 1: {NOT_LEADER} (40 more like this)"


def test_one_that_comes_again_now_and_then_lasts_too() -> None:
    now = 0.0
    throttle = Throttle(["aiokafka"], clock=lambda: now)
    assert not throttle.filter(line("aiokafka", MOVING, 1, NOT_LEADER))
    now = 300.0
    assert throttle.filter(line("aiokafka", MOVING, 1, NOT_LEADER))


def test_what_passes_an_hour_later_is_another_start() -> None:
    now = 0.0
    throttle = Throttle(["aiokafka"], clock=lambda: now)
    assert not throttle.filter(line("aiokafka", MOVING, 1, NOT_LEADER))
    now = 3600.0
    assert not throttle.filter(line("aiokafka", MOVING, 1, NOT_LEADER))


def test_another_error_in_the_same_words_is_written_at_once() -> None:
    throttle = Throttle(["aiokafka"], clock=lambda: 0.0)
    assert not throttle.filter(line("aiokafka", MOVING, 1, NOT_LEADER))
    refused = line("aiokafka", MOVING, 1, "[Error 29] TopicAuthorizationFailedError")
    assert throttle.filter(refused)
    assert refused.getMessage().endswith("TopicAuthorizationFailedError (1 more like this)")


def test_what_ends_something_is_never_held_back() -> None:
    throttle = Throttle(["aiokafka"], clock=lambda: 0.0)
    critical = logging.LogRecord("aiokafka", logging.CRITICAL, "", 0, MOVING, (1, NOT_LEADER), None)
    unexpected = logging.LogRecord(
        "aiokafka", logging.ERROR, "", 0, "Unexpected NotLeaderForPartitionError", (), (ValueError, ValueError(), None)
    )
    assert throttle.filter(critical)
    assert throttle.filter(unexpected)


@pytest.mark.parametrize(
    "error",
    [
        aiokafka.errors.NotLeaderForPartitionError(),
        aiokafka.errors.LeaderNotAvailableError(),
        aiokafka.errors.GroupCoordinatorNotAvailableError(),
        aiokafka.errors.NotCoordinatorForGroupError(),
        aiokafka.errors.GroupLoadInProgressError(),
        aiokafka.errors.UnknownTopicOrPartitionError(),
    ],
)
def test_what_clients_say_while_a_broker_starts_is_held_back(error: Exception) -> None:
    throttle = Throttle(["aiokafka"], clock=lambda: 0.0)
    assert not throttle.filter(line("aiokafka", "%s", error))
    assert not throttle.filter(line("aiokafka", "also %r", error))
