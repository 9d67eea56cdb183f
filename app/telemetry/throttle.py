"""Hold back log lines of Kafka clients: what passes by itself in a moment, and what they repeat while it lasts."""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass

#: Errors while a broker starts, or a partition or a group gets another leader: clients ask again, and soon succeed.
_PASSING = re.compile(
    r"\b(?:NotLeaderForPartition|LeaderNotAvailable|ReplicaNotAvailable|UnknownTopicOrPartition|NodeNotReady"
    r"|GroupCoordinatorNotAvailable|CoordinatorNotAvailable|NotCoordinator(?:ForGroup)?"
    r"|GroupLoadInProgress|CoordinatorLoadInProgress)(?:Error)?\b"
)


@dataclass(slots=True)
class _Episode:
    """A line that is repeated: since when, when it was seen and written last, and how many were suppressed since."""

    since: float
    seen: float
    written: float | None = None
    suppressed: int = 0


class Throttle(logging.Filter):
    """Lets each line of these loggers through once per `seconds`, and says how many were suppressed.

    A line about an error that passes by itself is let through only once it has been repeated for `patience` seconds.
    Lines are the same if their logger and their text before formatting are. An episode ends when a line has not been
    seen for `quiet` seconds, which is longer than any client waits before it tries again: so what lasts is written.
    """

    def __init__(
        self,
        loggers: Collection[str],
        *,
        seconds: float = 5.0,
        patience: float = 10.0,
        quiet: float = 600.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__()
        self._loggers = tuple(loggers)
        self._seconds = seconds
        self._patience = patience
        self._quiet = quiet
        self._clock = clock
        self._episodes: dict[tuple[str, str], _Episode] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether the line is to be written."""
        if not record.name.startswith(self._loggers):
            return True
        key, now = (record.name, str(record.msg)), self._clock()
        episode = self._episodes.get(key)
        if episode is None or now - episode.seen >= self._quiet:
            episode = self._episodes[key] = _Episode(since=now, seen=now)
        episode.seen = now
        if now < self._due(episode, record):
            episode.suppressed += 1
            return False
        if episode.suppressed:
            record.msg, record.args = f"{record.getMessage()} ({episode.suppressed} more like this)", ()
        episode.written, episode.suppressed = now, 0
        return True

    def _due(self, episode: _Episode, record: logging.LogRecord) -> float:
        """Return from when on the line is to be written."""
        if episode.written is not None:
            return episode.written + self._seconds
        passing = not record.exc_info and record.levelno < logging.CRITICAL and _PASSING.search(record.getMessage())
        return episode.since + (self._patience if passing else 0.0)
