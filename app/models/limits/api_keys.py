"""API keys of a model: each attempt takes the least used key that is not suspended."""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from dataclasses import dataclass

from app.errors import ModelError
from app.models.capacity import Capacity
from app.models.limits.base import Admission, QueuedAhead
from app.models.outcome import Attempt

#: Seconds for which a key is suspended: refused by the provider; over its limit, if the provider does not say.
_REFUSED, _LIMITED = 600.0, 2.0
_LONGEST = 3600.0

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class _KeyState:
    in_flight: int = 0
    used_at: int = 0  # the number of the attempt that took it last
    back_at: float = 0.0
    error: ModelError | None = None
    capacity: Capacity | None = None

    @property
    def full(self) -> bool:
        return self.capacity is not None and not self.capacity.free

    def wait(self, now: float) -> float:
        """Return in how many seconds it can be used; infinity when another attempt has left."""
        return math.inf if self.full else max(0.0, self.back_at - now)


class KeyRotation:
    """The keys of the model called `name`, by number; one key is a ring of one.

    Behind each key is a component, which may take only so many calls at once: `capacities` has what each of them says.

    A key that was refused (401, 402, 403), if there are others, rests for ten minutes; one over its limit (429) for
    as long as the provider asks. While all are resting, attempts wait for one that was over its limit; with none but
    refused ones there is the last one's error.
    """

    def __init__(self, name: str, number: int = 1, capacities: Sequence[Capacity | None] = ()) -> None:
        self._name = name
        self._keys = [_KeyState(capacity=one) for one in capacities or [None] * number]
        self._turn = 0
        self._last: ModelError | None = None

    def usable(self, now: float) -> int:
        """Return how many keys are not resting."""
        return sum(key.back_at <= now for key in self._keys)

    def wait(self, now: float, tokens: int, ahead: QueuedAhead) -> float:  # noqa: ARG002  # the port's signature
        """Return in how many seconds a key is there, infinity when all that are have as much to do as they can.

        Raises:
            ModelError: all keys are refused.
        """
        # Nearly always there is a key, and often it is the first.
        if self._keys[0].wait(now) == 0:
            return 0.0
        wait = min(key.wait(now) for key in self._keys)
        if wait == 0 or self.usable(now):
            return wait
        limited = [key.wait(now) for key in self._keys if key.error and key.error.code == "rate_limited"]
        if not limited and self._last:
            wait = min(key.back_at for key in self._keys) - now
            raise type(self._last)(
                str(self._last), provider=self._last.provider, status=self._last.status, retry_after=wait
            )
        return min(limited, default=wait)

    def take(self, admission: Admission, now: float) -> None:
        """Give the attempt the key with the fewest under way; of several, that which was used longest ago."""
        self._turn += 1
        ready = [number for number, key in enumerate(self._keys) if key.wait(now) == 0]
        admission.key = min(ready, key=lambda number: (self._keys[number].in_flight, self._keys[number].used_at))
        key = self._keys[admission.key]
        key.in_flight += 1
        key.used_at = self._turn
        if key.capacity:
            key.capacity.take()

    def leave(self, admission: Admission, attempt: Attempt | None, now: float) -> None:
        """Give its place back, and let the key rest if the provider turned it down."""
        key = self._keys[admission.key]
        key.in_flight -= 1
        self._learn(key, admission, attempt, now)
        if key.capacity:
            key.capacity.release()

    def _learn(self, key: _KeyState, admission: Admission, attempt: Attempt | None, now: float) -> None:
        error = attempt.error if attempt else None
        if error is None:
            return
        if error.code == "rate_limited":
            self._suspend(key, error, now, error.retry_after or _LIMITED)
        elif error.code == "unauthorized" and len(self._keys) > 1:
            if key.back_at <= now:
                text = "API key %s of model %s was refused and is suspended for ten minutes"
                _log.error(text, admission.key + 1, self._name)
            self._suspend(key, error, now, _REFUSED)
        else:
            return
        admission.spared = self.usable(now) > 0

    def _suspend(self, key: _KeyState, error: ModelError, now: float, seconds: float) -> None:
        key.back_at = max(key.back_at, now + min(seconds, _LONGEST))
        key.error = self._last = error
