"""Calls that a strategy makes, and what is known of their answers."""

from __future__ import annotations

from collections.abc import Sequence

from app.fusion.base import Call, Panel


def missing(panel: Panel, calls: Sequence[Call]) -> tuple[Call, ...]:
    """Return the calls that have not been answered yet, not even with a failure."""
    return tuple(call for call in calls if call.label not in panel.replies)
