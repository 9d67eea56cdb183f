"""Throttle log lines that a library repeats, as some do while a broker is unavailable."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Collection


class Throttle(logging.Filter):
    """Lets each line of these loggers through once per `seconds`, and says how many were suppressed.

    Lines are the same if their logger and their text before formatting are.
    """

    def __init__(
        self, loggers: Collection[str], *, seconds: float = 5.0, clock: Callable[[], float] = time.monotonic
    ) -> None:
        super().__init__()
        self._loggers = tuple(loggers)
        self._seconds = seconds
        self._clock = clock
        self._seen: dict[tuple[str, str], tuple[float, int]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether the line is to be written."""
        if not record.name.startswith(self._loggers):
            return True
        key, now = (record.name, str(record.msg)), self._clock()
        since, left_out = self._seen.get(key, (-self._seconds, 0))
        if now - since < self._seconds:
            self._seen[key] = (since, left_out + 1)
            return False
        self._seen[key] = (now, 0)
        if left_out:
            record.msg, record.args = f"{record.getMessage()} ({left_out} more like this)", ()
        return True
