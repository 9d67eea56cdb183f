"""Times as people read them, in one form everywhere."""

from __future__ import annotations

from datetime import UTC, datetime


def format_time(at: datetime | float | None) -> str:
    """Return a time, or one in epoch seconds, as `2026-11-24T11:37:22Z`; empty for none."""
    if at is None:
        return ""
    moment = at if isinstance(at, datetime) else datetime.fromtimestamp(at, UTC)
    return f"{moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec='seconds')}Z"
