"""`transform`: compute something from the outputs of other steps."""

from __future__ import annotations

from app.workflows.kinds.base import PassiveKind, StepContext, Transition


class TransformKind(PassiveKind):
    """Ends as soon as it begins."""

    def begin(self, ctx: StepContext) -> Transition:
        """Compute the value."""
        return ctx.succeeded(output=ctx.compiled.expressions["value"].evaluate(ctx.context()))
