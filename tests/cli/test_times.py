from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta, timezone

import pytest
import typer

from app.cli.times import parse_duration, parse_time
from app.timestamps import format_time

MOMENT = datetime(2026, 11, 24, 11, 37, 22, 999_999, UTC)


def test_a_time_is_printed_in_one_form_and_taken_back() -> None:
    assert format_time(MOMENT) == "2026-11-24T11:37:22Z"
    assert format_time(MOMENT.astimezone(timezone(timedelta(hours=-5)))) == "2026-11-24T11:37:22Z"
    assert format_time(None) == ""
    assert parse_time(format_time(MOMENT)) == MOMENT.replace(microsecond=0).timestamp()


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("60s", 60.0), ("1m", 60.0), ("90", 90.0), ("250ms", 0.25), (" 1.5h ", 5400.0), ("7d", 604800.0)],
)
def test_a_duration_has_a_unit_or_is_in_seconds(text: str, seconds: float) -> None:
    assert parse_duration(text) == seconds
    assert abs(time.time() - seconds - parse_time(text)) < 5.0


@pytest.mark.parametrize("text", ["soon", "", "-5m", "0", "5 minutes", "inf", "1e400", "٣s", "10m😀"])
def test_what_is_no_duration_is_wrong_usage(text: str) -> None:
    with pytest.raises(typer.BadParameter, match="give a duration such as 30s"):
        parse_duration(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-11-24", "2026-11-24T00:00:00+00:00"),
        ("2026-11-24T11:37", "2026-11-24T11:37:00+00:00"),
        ("2026-11-24 11:37:22+02:00", "2026-11-24T09:37:22+00:00"),
        ("99999999d", "1970-01-01T00:00:00+00:00"),
    ],
)
def test_a_time_is_utc_unless_it_says_otherwise(text: str, expected: str) -> None:
    assert datetime.fromtimestamp(parse_time(text), UTC).isoformat() == expected


@pytest.mark.parametrize("text", ["soon", "2026-13-01", "24.11.2026", "", "yesterday"])
def test_what_is_no_time_is_wrong_usage(text: str) -> None:
    with pytest.raises(typer.BadParameter, match="such as 2026-11-24T11:37:22Z"):
        parse_time(text)
