"""`decide`: take the first branch whose condition holds."""

from __future__ import annotations

from app.workflows.conditions import holds
from app.workflows.kinds.base import Moment, Move, Still


class DecideKind(Still):
    """Begins and ends at once."""

    def begin(self, at: Moment) -> Move:
        """Take a branch, or none."""
        context = at.context()
        for place, branch in enumerate(at.spec.branches):
            if branch.when is None:
                return at.succeeded(output=branch.name, reason=f"{branch.name}, as no other branch held")
            if holds(at.part.expressions[f"branches.{place}.when"], context):
                return at.succeeded(output=branch.name, reason=f"{branch.name}, because {branch.when}")
        return at.succeeded(output=None, reason="no branch held")
