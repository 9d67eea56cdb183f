"""Times as people read them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from app.timestamps import format_time

NOON = datetime(2026, 11, 24, 12, 0, 0, 999_999, UTC)


@pytest.mark.parametrize("at", [NOON, NOON.astimezone(timezone(timedelta(hours=5))), NOON.timestamp()])
def test_that_a_time_has_one_form(at: datetime | float) -> None:
    assert format_time(at) == "2026-11-24T12:00:00Z"
