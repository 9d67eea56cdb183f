from __future__ import annotations

import logging

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
