from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.durations import format_duration, parse_duration


@pytest.mark.parametrize(
    ("written", "seconds"),
    [
        ("60s", 60.0),
        ("60", 60.0),
        ("1.5h", 5400.0),
        ("1h30m", 5400.0),
        ("1h 30m", 5400.0),
        (" 2 d ", 172_800.0),
        (".5s", 0.5),
        ("1m500ms", 60.5),
        ("0", 0.0),
    ],
)
def test_a_duration_is_read_as_seconds(written: str, seconds: float) -> None:
    assert parse_duration(written) == pytest.approx(seconds)


@pytest.mark.parametrize("wrong", ["", " ", "s", "1x", "1h30", "-1s", "1e3", "\u0661s", "1s,2s", "9" * 101, "1s" * 51])
def test_anything_else_is_refused_with_examples(wrong: str) -> None:
    with pytest.raises(ValueError, match=r"^give a duration such as 250ms, 30s, 5m, 12h or 7d$"):
        parse_duration(wrong)


@pytest.mark.parametrize(
    ("seconds", "written"),
    [(60.0, "1m"), (90.0, "90s"), (86400.0, "1d"), (0.25, "250ms"), (1.5, "1.5s"), (7200.0, "2h"), (0.0005, "0.5ms")],
)
def test_seconds_are_written_in_the_largest_whole_unit(seconds: float, written: str) -> None:
    assert format_duration(seconds) == written


@given(st.integers(min_value=1, max_value=10**9).map(lambda thousandths: thousandths / 1000))
def test_what_is_written_is_read_back(seconds: float) -> None:
    assert parse_duration(format_duration(seconds)) == pytest.approx(seconds, rel=1e-5)
