"""A token bucket: an amount per minute, with a bounded burst."""

from __future__ import annotations

_MINUTE = 60.0
#: The share of a minute's amount that may be taken at once.
_BURST = 1 / 12


class Bucket:
    """Lets at most `per_minute` through in any 60 seconds, evenly; times are in seconds.

    A twelfth of a minute's amount may be taken at once, at least 1, and the rest is refilled evenly. A larger amount
    passes when the bucket is full, and leaves a debt. What was taken can be corrected afterwards.
    """

    def __init__(self, per_minute: float) -> None:
        self._at: float | None = None
        self._scale(per_minute)
        self.level = self.capacity

    def _scale(self, per_minute: float) -> None:
        self.per_minute = per_minute
        self.capacity = max(1.0, per_minute * _BURST)
        # A full bucket and a minute's flow are together what may go in a minute.
        self._flow = max(per_minute - self.capacity, per_minute * (1 - _BURST), 1e-9) / _MINUTE

    def refill(self, now: float, per_minute: float) -> None:
        """Let in what has come up to `now`, and from now on as `per_minute` says."""
        if self._at is None:
            self._scale(per_minute)
            self._at, self.level = now, self.capacity
        self.level = min(self.capacity, self.level + max(0.0, now - self._at) * self._flow)
        self._at = max(now, self._at)
        if per_minute != self.per_minute:
            self._scale(per_minute)
            self.level = min(self.level, self.capacity)

    def wait(self, amount: float, before: float = 0.0) -> float:
        """Return in how many seconds there is enough for `amount`, after what goes `before` it."""
        lacking = before + min(amount, self.capacity) - self.level
        return lacking / self._flow if lacking > 1e-9 else 0.0  # noqa: PLR2004  # what rounding leaves

    def take(self, amount: float) -> None:
        """Take so much out, or with less than 0 put it back."""
        self.level = min(self.capacity, self.level - amount)

    def cap(self, left: float) -> None:
        """Note that there is no more than `left`."""
        self.level = min(self.level, left)
