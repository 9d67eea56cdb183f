"""The circuit breaker: do not call a model that is known to fail."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Literal, Protocol

from app.errors import Overloaded
from app.models.limits.base import Admission, QueuedAhead
from app.models.outcome import FAULTS, Attempt
from app.timestamps import format_time

#: What this guard does not count: the limits of a model are waited for, and no reason to leave it alone.
_LIMITED = "rate_limited"
#: Seconds after which to ask again while a probe is under way.
_PROBE_RETRY_SECONDS = 1.0


class Circuit(Protocol):
    """The breaker of a model, as all workers know it; times are epoch seconds."""

    @property
    def open_until(self) -> float:
        """Until when it is open."""
        ...

    def state(self, now: float) -> Literal["closed", "open", "half_open"]:
        """The current state."""
        ...

    def note(self, *, ok: bool, now: float) -> None:
        """Record an attempt that ended."""
        ...


class BreakerGuard:
    """Refuses attempts while the circuit of the model called `name` is open, and all but `probes` when it is half open.

    A refused call fails at once, so that another model can be called.
    """

    def __init__(
        self, circuit: Circuit, name: str, provider: str, *, probes: int = 1, clock: Callable[[], float] = time.time
    ) -> None:
        self._circuit = circuit
        self._name = name
        self._provider = provider
        self._probes = probes
        self._clock = clock
        self._probing = 0

    def wait(self, now: float, tokens: int, ahead: QueuedAhead) -> float:  # noqa: ARG002  # the port's signature
        """Return 0, since it never waits.

        Raises:
            Overloaded: the breaker is open; `retry_after` is the time left.
        """
        today = self._clock()
        state = self._circuit.state(today)
        if state == "open":
            until = self._circuit.open_until
            raise self._refused(f"is open until {format_time(until)} after recent failures", until - today)
        if state == "half_open" and self._probing >= self._probes:
            why = "is half open: another call is probing whether the model has recovered"
            raise self._refused(why, _PROBE_RETRY_SECONDS)
        return 0.0

    def take(self, admission: Admission, now: float) -> None:  # noqa: ARG002  # the port's signature
        """Let an attempt through, as a probe when the breaker is half open."""
        if self._circuit.state(self._clock()) == "half_open":
            admission.probe = True
            self._probing += 1

    def leave(self, admission: Admission, attempt: Attempt | None, now: float) -> None:  # noqa: ARG002  # likewise
        """Tell the circuit how the attempt went, if that says anything of the model."""
        self._probing -= admission.probe
        if attempt is None or attempt.lost or attempt.short or admission.spared:
            return
        code = attempt.error.code if attempt.error else None
        if code is None or (code in FAULTS and code != _LIMITED):
            self._circuit.note(ok=code is None, now=self._clock())

    def _refused(self, why: str, wait: float) -> Overloaded:
        return Overloaded(f"the breaker of {self._name} {why}", provider=self._provider, retry_after=wait)
