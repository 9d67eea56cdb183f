"""`transform`: compute something from what is there."""

from __future__ import annotations

from app.workflows.kinds.base import PassiveKind, StepContext, Transition


class TransformKind(PassiveKind):
    """Begins and ends at once."""

    def begin(self, ctx: StepContext) -> Transition:
        """Compute the value."""
        return ctx.succeeded(output=ctx.compiled.expressions["value"].evaluate(ctx.context()))
