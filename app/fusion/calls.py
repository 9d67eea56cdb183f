"""The calls of a strategy that are not answered yet."""

from __future__ import annotations

from collections.abc import Sequence

from app.fusion.base import Call, Panel


def missing(panel: Panel, calls: Sequence[Call]) -> tuple[Call, ...]:
    """Return the calls that have neither an answer nor a failure yet."""
    return tuple(call for call in calls if call.label not in panel.replies)
