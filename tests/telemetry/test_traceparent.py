from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.telemetry.traceparent import TraceParent, child_traceparent, parse, render

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
HEADER = f"00-{TRACE}-{SPAN}-01"


def test_a_header_is_read_and_written() -> None:
    assert parse(HEADER) == TraceParent(TRACE, SPAN, sampled=True)
    assert render(TRACE, SPAN, sampled=True) == HEADER


@pytest.mark.parametrize(("flags", "sampled"), [("00", False), ("01", True), ("02", False), ("ff", True)])
def test_only_the_first_flag_counts(flags: str, *, sampled: bool) -> None:
    parent = parse(f"00-{TRACE}-{SPAN}-{flags}")
    assert parent
    assert parent.sampled is sampled


@pytest.mark.parametrize(
    "wrong",
    [
        None,
        "",
        "x",
        HEADER.upper(),
        f"{HEADER}-more",
        f"{HEADER}\n",
        f"ff-{TRACE}-{SPAN}-01",
        f"00-{'0' * 32}-{SPAN}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE[1:]}-{SPAN}-01",
    ],
)
def test_what_is_invalid_starts_a_new_trace(wrong: str | None) -> None:
    assert parse(wrong) is None
    fresh = parse(child_traceparent(wrong))
    assert fresh
    assert fresh.trace_id != TRACE
    assert fresh.sampled


def test_a_later_version_may_carry_more() -> None:
    assert parse(f"01-{TRACE}-{SPAN}-01-more") == TraceParent(TRACE, SPAN, sampled=True)
    assert parse(f"01-{TRACE}-{SPAN}-01more") is None


@pytest.mark.parametrize("flags", ["00", "01"])
def test_a_child_keeps_trace_and_decision_and_has_a_span_of_its_own(flags: str) -> None:
    parent = f"00-{TRACE}-{SPAN}-{flags}"
    one, two = child_traceparent(parent), child_traceparent(parent)
    assert one != two
    for made in (one, two):
        assert made.startswith(f"00-{TRACE}-")
        assert made.endswith(f"-{flags}")
        assert SPAN not in made


@given(st.text() | st.from_regex(r"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}.*", fullmatch=True))
def test_every_child_is_valid(parent: str) -> None:
    assert parse(child_traceparent(parent)) is not None
