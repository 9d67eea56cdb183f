"""`decide`: take the first branch whose condition holds."""

from __future__ import annotations

from app.workflows.conditions import holds
from app.workflows.kinds.base import PassiveKind, StepContext, Transition


class DecideKind(PassiveKind):
    """Ends as soon as it begins."""

    def begin(self, ctx: StepContext) -> Transition:
        """Take a branch, or none."""
        context = ctx.context()
        for place, branch in enumerate(ctx.spec.branches):
            if branch.when is None:
                return ctx.succeeded(output=branch.name, reason=f"{branch.name}, since no other condition holds")
            if holds(ctx.compiled.expressions[f"branches.{place}.when"], context):
                return ctx.succeeded(output=branch.name, reason=f"{branch.name}, because {branch.when}")
        return ctx.succeeded(output=None, reason="no condition holds")
