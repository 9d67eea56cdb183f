"""`transform`: compute something from what is there."""

from __future__ import annotations

from app.workflows.kinds.base import Moment, Move, Still


class TransformKind(Still):
    """Begins and ends at once."""

    def begin(self, at: Moment) -> Move:
        """Compute the value."""
        return at.succeeded(output=at.part.expressions["value"].evaluate(at.context()))
