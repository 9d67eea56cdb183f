"""How long somebody still waits for an answer."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Self


def expired(received: Any) -> bool:
    """Whether nobody waits any more for an answer to a request that was received."""
    return Deadline.until(received.event.expires_at).over


@dataclass(frozen=True, slots=True)
class Deadline:
    """The time until a moment on this process's own clock, which nobody sets; `deadline` None is never."""

    deadline: float | None

    @classmethod
    def until(cls, moment: datetime | None) -> Self:
        """Return the time that is left until `moment`."""
        if moment is None:
            return cls(None)
        return cls(time.monotonic() + (moment - datetime.now(UTC)).total_seconds())

    @property
    def seconds(self) -> float | None:
        """What is left, 0 when it is over; none without an end."""
        return None if self.deadline is None else max(0.0, self.deadline - time.monotonic())

    @property
    def over(self) -> bool:
        """Whether nobody waits any more."""
        return self.seconds == 0.0

    def at_most(self, seconds: float) -> float:
        """Return what is left, or `seconds` if that is less."""
        left = self.seconds
        return min(seconds, math.inf if left is None else left)
