"""`wait`: for a time, or for a signal from outside."""

from __future__ import annotations

from datetime import UTC, datetime

from app.errors import ExpressionError
from app.workflows.kinds.base import Moment, Move, Still
from app.workflows.replacing import replace


class WaitKind(Still):
    """Wakes at its time, or when its signal is there."""

    def begin(self, at: Moment) -> Move:
        """Begin to wait, or end at once when it is time already."""
        due = _due(at)
        # A time that is past is now: the first years of the calendar cannot be told in every time zone.
        wake_at = at.step.ends_at if due is None else min(max(due, at.now), at.step.ends_at)
        return self.settle(replace(at, step=replace(at.step, status="running", wake_at=wake_at)))

    def settle(self, at: Moment) -> Move:
        """End when the time has come, or the signal."""
        if at.spec.signal is not None:
            if at.spec.signal not in at.run.signals:
                return Move(at.step)
            return at.succeeded(output=at.run.signals[at.spec.signal], reason=f"the signal {at.spec.signal} came")
        due = at.step.wake_at
        if at.now < due or due >= at.step.ends_at:
            return Move(at.step)
        return at.succeeded(reason=f"it was {datetime.fromtimestamp(due, UTC).isoformat(timespec='seconds')}")


def _due(at: Moment) -> float | None:
    """Return until when to wait, in epoch seconds; None when for a signal."""
    if at.spec.seconds is not None:
        return at.now + float(at.spec.seconds)
    if at.spec.until is None:
        return None
    until = at.part.expressions["until"].evaluate(at.context(), native=True)
    if isinstance(until, str):
        try:
            until = datetime.fromisoformat(until)
        except ValueError:
            raise ExpressionError(f"step {at.name}: until: {until[:100]} is no timestamp (RFC 3339)") from None
    if not isinstance(until, datetime) or until.tzinfo is None:
        raise ExpressionError(f"step {at.name}: until must yield a timestamp with a time zone")
    return until.timestamp()
