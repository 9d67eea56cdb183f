"""`wait`: for a time, or for a signal from outside."""

from __future__ import annotations

from datetime import datetime

from app.errors import ExpressionError
from app.timestamps import format_time
from app.workflows.kinds.base import PassiveKind, StepContext, Transition
from app.workflows.replacing import replace


class WaitKind(PassiveKind):
    """Ends at its time, or when its signal is received."""

    def begin(self, ctx: StepContext) -> Transition:
        """Begin to wait, or end at once if the time has passed."""
        due = _due(ctx)
        # A past time counts as now: the first years of the calendar do not exist in every time zone.
        wake_at = ctx.step.ends_at if due is None else min(max(due, ctx.now), ctx.step.ends_at)
        return self.resume(replace(ctx, step=replace(ctx.step, status="running", wake_at=wake_at)))

    def resume(self, ctx: StepContext) -> Transition:
        """End when the time has come, or the signal is received."""
        if ctx.spec.signal is not None:
            if ctx.spec.signal not in ctx.run.signals:
                return Transition(ctx.step)
            return ctx.succeeded(
                output=ctx.run.signals[ctx.spec.signal], reason=f"the signal {ctx.spec.signal} was received"
            )
        due = ctx.step.wake_at
        if ctx.now < due or due >= ctx.step.ends_at:
            return Transition(ctx.step)
        return ctx.succeeded(reason=f"it was {format_time(due)}")


def _due(ctx: StepContext) -> float | None:
    """Return until when to wait, in epoch seconds; None when for a signal."""
    if ctx.spec.seconds is not None:
        return ctx.now + float(ctx.spec.seconds)
    if ctx.spec.until is None:
        return None
    until = ctx.compiled.expressions["until"].evaluate(ctx.context(), native=True)
    if isinstance(until, str):
        try:
            until = datetime.fromisoformat(until)
        except ValueError:
            raise ExpressionError(f"step {ctx.name}: until: {until[:100]} is not a timestamp (RFC 3339)") from None
    if not isinstance(until, datetime) or until.tzinfo is None:
        raise ExpressionError(f"step {ctx.name}: until must yield a timestamp with a time zone")
    return until.timestamp()
