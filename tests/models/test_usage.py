"""The reader of usage: what odd reports are read as, and what holds for any report."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.models.usage import UsageReports, count, read_usage
from topics.model_responses import Usage

_MOST = 100_000_000


def usage(read: int = 0, wrote: int = 0, *, cached: int = 0, stored: int = 0, reasoning: int = 0) -> Usage:
    return Usage(
        input_tokens=read,
        output_tokens=wrote,
        cached_input_tokens=cached,
        cache_write_tokens=stored,
        reasoning_tokens=reasoning,
    )


@pytest.mark.parametrize(
    ("value", "tokens"),
    [
        (7, 7),
        (10.0, 10),
        (4.5, 5),
        ("12", 12),
        (" 12.0 ", 12),
        (0, 0),
        (None, None),
        (True, None),
        (-1, None),
        (-0.5, None),
        ("many", None),
        ("1" * 5000, None),
        (float("nan"), None),
        (float("inf"), None),
        (1e308, None),
        (2**31 - 1, None),
        (10**400, None),
        ([3], None),
        ({"value": 3}, None),
    ],
)
def test_a_count_is_a_whole_number_or_not_reported(value: object, tokens: int | None) -> None:
    assert count(value) == tokens


REPORTS: dict[str, tuple[dict[str, Any], Usage]] = {
    "chat": (
        {
            "prompt_tokens": 10,
            "completion_tokens": 8,
            "total_tokens": 18,
            "prompt_tokens_details": {"cached_tokens": 4},
            "completion_tokens_details": {"reasoning_tokens": 5},
        },
        usage(10, 8, cached=4, reasoning=5),
    ),
    "cached in the total only": (
        {
            "prompt_tokens": 12,
            "completion_tokens": 4,
            "total_tokens": 2511,
            "prompt_tokens_details": {"cached_tokens": 2495},
        },
        usage(2507, 4, cached=2495),
    ),
    "cached more than the input, no total": (
        {"prompt_tokens": 12, "completion_tokens": 4, "prompt_tokens_details": {"cached_tokens": 2495}},
        usage(2507, 4, cached=2495),
    ),
    "cached more than the input, against the total": (
        {"prompt_tokens": 12, "completion_tokens": 4, "total_tokens": 16, "cached_tokens": 2495},
        usage(12, 4, cached=12),
    ),
    "read from and written to the cache in the total only": (
        {
            "prompt_tokens": 12,
            "completion_tokens": 4,
            "total_tokens": 116,
            "prompt_tokens_details": {"cached_tokens": 70, "cache_write_tokens": 30},
        },
        usage(112, 4, cached=70, stored=30),
    ),
    "a total that nothing explains": (
        {"prompt_tokens": 12, "completion_tokens": 4, "total_tokens": 2511},
        usage(12, 4),
    ),
    "a total that is too small": ({"prompt_tokens": 12, "completion_tokens": 4, "total_tokens": 1}, usage(12, 4)),
    "a sentinel for the total": ({"prompt_tokens": 12, "completion_tokens": 4, "total_tokens": -1}, usage(12, 4)),
    "only the total and the output": ({"completion_tokens": 4, "total_tokens": 16}, usage(12, 4)),
    "only the total": ({"total_tokens": 16}, usage()),
    "only the total and the input": ({"prompt_tokens": 12, "total_tokens": 2511}, usage(12)),
    "DeepSeek": (
        {"prompt_tokens": 10, "completion_tokens": 8, "prompt_cache_hit_tokens": 4, "prompt_cache_miss_tokens": 6},
        usage(10, 8, cached=4),
    ),
    "Moonshot": ({"prompt_tokens": 10, "completion_tokens": 8, "cached_tokens": 4}, usage(10, 8, cached=4)),
    "reasoning apart from the output, in the total": (
        {
            "prompt_tokens": 10,
            "completion_tokens": 3,
            "total_tokens": 111,
            "completion_tokens_details": {"reasoning_tokens": 98},
        },
        usage(10, 101, reasoning=98),
    ),
    "reasoning larger than the output": (
        {"prompt_tokens": 10, "completion_tokens": 3, "completion_tokens_details": {"reasoning_tokens": 98}},
        usage(10, 101, reasoning=98),
    ),
    "Responses": (
        {
            "input_tokens": 20,
            "output_tokens": 9,
            "total_tokens": 29,
            "input_tokens_details": {"cached_tokens": 16},
            "output_tokens_details": {"reasoning_tokens": 4},
        },
        usage(20, 9, cached=16, reasoning=4),
    ),
    "Anthropic": (
        {
            "input_tokens": 15,
            "output_tokens": 9,
            "cache_read_input_tokens": 2000,
            "cache_creation_input_tokens": 100,
            "output_tokens_details": {"thinking_tokens": 4},
        },
        usage(2115, 9, cached=2000, stored=100, reasoning=4),
    ),
    "a gateway with both sets of names": (
        {
            "prompt_tokens": 2115,
            "completion_tokens": 9,
            "total_tokens": 2124,
            "cache_read_input_tokens": 2000,
            "cache_creation_input_tokens": 100,
            "prompt_tokens_details": {"cached_tokens": 2000},
        },
        usage(2115, 9, cached=2000, stored=100),
    ),
    "one set of names is empty": (
        {"prompt_tokens": 0, "completion_tokens": 0, "input_tokens": 12, "output_tokens": 4},
        usage(12, 4),
    ),
    "floats and a null": ({"prompt_tokens": 10.0, "completion_tokens": 4.5, "total_tokens": None}, usage(10, 5)),
    "texts": ({"prompt_tokens": "10", "completion_tokens": "4"}, usage(10, 4)),
    "details that are none": (
        {"prompt_tokens": 10, "completion_tokens": 4, "prompt_tokens_details": [], "completion_tokens_details": "x"},
        usage(10, 4),
    ),
    "huge": ({"prompt_tokens": 2**63 - 1, "completion_tokens": 4}, usage(0, 4)),
}


@pytest.mark.parametrize("name", REPORTS)
def test_a_report_is_read(name: str) -> None:
    report, expected = REPORTS[name]
    assert read_usage(report) == expected


def test_only_gemini_counts_thoughts_in_the_total_alone() -> None:
    report = {"prompt_tokens": 10, "completion_tokens": 3, "total_tokens": 20}
    assert read_usage(report, provider="gemini") == usage(10, 10, reasoning=7)
    assert read_usage(report, provider="openai") == usage(10, 3)


@pytest.mark.parametrize("report", [None, [], "n/a", 7, {}, {"prompt_tokens": {}}, [{"prompt_tokens": 3}]])
def test_what_is_no_report_says_nothing(report: object) -> None:
    assert read_usage(report) == Usage()


STREAMS: dict[str, tuple[list[Any], Usage]] = {
    "a later 0": ([{"input_tokens": 15, "output_tokens": 1}, {"input_tokens": 0, "output_tokens": 5}], usage(15, 5)),
    "a later null": ([{"prompt_tokens": 15, "completion_tokens": 5}, None], usage(15, 5)),
    "a later sentinel": (
        [{"prompt_tokens": 15, "completion_tokens": 5}, {"prompt_tokens": -1, "completion_tokens": -1}],
        usage(15, 5),
    ),
    "a growing count in every chunk": (
        [{"prompt_tokens": 48, "completion_tokens": n, "total_tokens": 48 + n} for n in range(1, 17)],
        usage(48, 16),
    ),
    "zeros until the end": (
        [{"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}] * 3
        + [{"prompt_tokens": 8, "completion_tokens": 3, "total_tokens": 11}],
        usage(8, 3),
    ),
    "details alone": (
        [{"prompt_tokens_details": {"cached_tokens": 0}}, {"prompt_tokens": 8, "completion_tokens": 3}],
        usage(8, 3),
    ),
    "the cache at the beginning only": (
        [
            {"input_tokens": 15, "cache_read_input_tokens": 2000, "cache_creation_input_tokens": 0, "output_tokens": 1},
            {"output_tokens": 5},
        ],
        usage(2015, 5, cached=2000),
    ),
    "the cache in both": (
        [
            {"input_tokens": 15, "cache_read_input_tokens": 2000, "output_tokens": 1},
            {"input_tokens": 15, "cache_read_input_tokens": 2000, "output_tokens": 5},
        ],
        usage(2015, 5, cached=2000),
    ),
    "written to the cache, and then read from it": (
        [
            {"input_tokens": 3, "cache_creation_input_tokens": 35203, "cache_read_input_tokens": 0, "output_tokens": 1},
            {"input_tokens": 3, "cache_creation_input_tokens": 0, "cache_read_input_tokens": 35203, "output_tokens": 9},
        ],
        usage(35206, 9, cached=35203),
    ),
    "a total of an earlier moment": (
        [{"prompt_tokens": 10, "completion_tokens": 20, "total_tokens": 30}, {"completion_tokens": 16}],
        usage(10, 16),
    ),
}


@pytest.mark.parametrize("name", STREAMS)
def test_the_reports_of_a_stream_are_merged(name: str) -> None:
    reports, expected = STREAMS[name]
    merged = UsageReports()
    for report in reports:
        merged.add(report)
    assert merged.usage == expected


NAMES = st.sampled_from(
    [
        "prompt_tokens",
        "input_tokens",
        "completion_tokens",
        "output_tokens",
        "total_tokens",
        "cached_tokens",
        "prompt_cache_hit_tokens",
        "cache_read_input_tokens",
        "cache_creation_input_tokens",
        "reasoning_tokens",
    ]
)
DETAILS = st.sampled_from(["prompt_tokens_details", "completion_tokens_details", "output_tokens_details"])
NUMBERS: st.SearchStrategy[Any] = st.integers(-5, 10**5) | st.sampled_from(
    [None, -1, 0, 4.5, "7", 2**31 - 1, float("nan"), "x", True, [], {}]
)
ODD = st.dictionaries(NAMES, NUMBERS, max_size=6) | st.none() | st.text(max_size=3)
REPORT = st.builds(
    lambda counts, details: {**(counts if isinstance(counts, dict) else {}), **details},
    ODD,
    st.dictionaries(DETAILS, ODD, max_size=2),
)


@given(st.lists(REPORT | ODD, max_size=4), st.sampled_from(["openai", "gemini", "anthropic"]))
def test_whatever_is_reported_parts_are_no_larger_than_their_whole(reports: list[Any], provider: str) -> None:
    merged = UsageReports(provider)
    for report in reports:
        merged.add(report)
    found = merged.usage
    assert all(isinstance(value, int) and value >= 0 for _, value in found if _ != "cost")
    assert found.cached_input_tokens + found.cache_write_tokens <= found.input_tokens
    assert found.reasoning_tokens <= found.output_tokens
    assert found.input_tokens <= 4 * _MOST
    assert found.output_tokens <= 2 * _MOST


@given(REPORT, REPORT)
def test_a_later_nothing_changes_nothing(first: dict[str, Any], second: dict[str, Any]) -> None:
    before, after = UsageReports(), UsageReports()
    for report in (first, second):
        before.add(report)
        after.add(report)
    for nothing in (None, {}, "x", {"input_tokens": 0, "output_tokens": None}, {"completion_tokens": -1}):
        after.add(nothing)
    assert before.usage == after.usage


@given(st.integers(1, 10**5), st.integers(1, 10**5), st.data())
def test_the_same_counts_are_read_the_same_in_every_dialect(read: int, wrote: int, data: st.DataObject) -> None:
    cached = data.draw(st.integers(0, read - 1))
    reasoning = data.draw(st.integers(0, wrote))
    chat = {
        "prompt_tokens": read,
        "completion_tokens": wrote,
        "total_tokens": read + wrote,
        "prompt_tokens_details": {"cached_tokens": cached},
        "completion_tokens_details": {"reasoning_tokens": reasoning},
    }
    responses = {
        "input_tokens": read,
        "output_tokens": wrote,
        "total_tokens": read + wrote,
        "input_tokens_details": {"cached_tokens": cached},
        "output_tokens_details": {"reasoning_tokens": reasoning},
    }
    messages = {
        "input_tokens": read - cached,
        "output_tokens": wrote,
        "cache_read_input_tokens": cached,
        "output_tokens_details": {"thinking_tokens": reasoning},
    }
    expected = usage(read, wrote, cached=cached, reasoning=reasoning)
    assert [read_usage(one) for one in (chat, responses, messages)] == [expected] * 3
