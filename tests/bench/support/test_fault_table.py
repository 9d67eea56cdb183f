from __future__ import annotations

import pytest

from bench.support.fault_table import FaultOutcome, bad, grid, unrecovered

RIGHT = "the answer"


def cell(*, text: str | None = None, error: str = "", seconds: float = 1.0, fault: str = "cut") -> FaultOutcome:
    return FaultOutcome(fault, "chat", text, error, seconds, allowed=2.0)


@pytest.mark.parametrize(
    ("ended", "verdict"),
    [
        (cell(text=RIGHT), "right"),
        (cell(text="the ans"), "WRONG"),
        (cell(text=""), "WRONG"),
        (cell(text=RIGHT, seconds=2.1), "LATE"),
        (cell(error="timeout"), "timeout"),
        (cell(error="timeout", seconds=float("inf")), "LATE"),
        (cell(error="internal"), "INTERNAL"),
        (cell(error="model"), "INTERNAL"),
    ],
)
def test_a_verdict_is_what_a_user_would_say(ended: FaultOutcome, verdict: str) -> None:
    assert ended.verdict(RIGHT) == verdict


def test_late_wrong_and_unnamed_ends_are_bad_and_named_errors_are_not() -> None:
    cells = [cell(text="half", fault="drip"), cell(error="unavailable"), cell(error="internal", fault="page")]

    lines = bad(cells, RIGHT)

    assert [line.partition(",")[0] for line in lines] == ["drip", "page"]


def test_what_should_be_recovered_and_ends_with_an_error_is_told() -> None:
    assert unrecovered([cell(text=RIGHT), cell(error="timeout")], RIGHT) == ["cut, chat: timeout "]


def test_a_grid_has_a_row_for_each_fault_and_a_gap_where_nothing_was_measured() -> None:
    lines = grid([cell(text=RIGHT), cell(error="timeout", fault="slow")], ["cut", "slow"], ["chat", "messages"], RIGHT)

    assert [[text.strip() for text in line.split("|")[1:-1]] for line in lines.splitlines()[2:]] == [
        ["cut", "right 1.0", ""],
        ["slow", "timeout 1.0", ""],
    ]
