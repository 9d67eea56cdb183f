from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.models.base import RateLimitHeaders
from app.models.http.rate_limit_headers import parse_rate_limit_headers

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def test_openais_headers() -> None:
    headers = {
        "x-ratelimit-limit-requests": "500",
        "x-ratelimit-remaining-requests": "499",
        "x-ratelimit-remaining-tokens": "29000",
        "x-ratelimit-reset-requests": "120ms",
        "x-ratelimit-reset-tokens": "6m0s",
    }

    assert parse_rate_limit_headers(headers, now=NOW) == RateLimitHeaders(499, 0.12, 29000, 360.0)


def test_anthropics_headers() -> None:
    headers = {
        "anthropic-ratelimit-requests-remaining": "49",
        "anthropic-ratelimit-requests-reset": "2026-03-01T12:00:30Z",
        "anthropic-ratelimit-tokens-remaining": "8000",
        "anthropic-ratelimit-tokens-reset": "2026-03-01T13:01:00+01:00",
    }

    assert parse_rate_limit_headers(headers, now=NOW) == RateLimitHeaders(49, 30.0, 8000, 60.0)


def test_what_is_not_said_is_not_known() -> None:
    assert parse_rate_limit_headers({"x-ratelimit-remaining-tokens": "0"}, now=NOW) == RateLimitHeaders(tokens=0)
    assert parse_rate_limit_headers({"content-type": "application/json"}, now=NOW) is None


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("1s", 1.0),
        ("7.66s", 7.66),
        ("1h2m3s", 3723.0),
        ("1d", 86400.0),
        ("0", 0.0),
        ("12", 12.0),
        ("2026-03-01T11:00:00Z", 0.0),
        ("2026-03-01T12:00:01", 1.0),
        ("1772366400000", None),
        ("-1", None),
        ("nan", None),
        ("inf", None),
        ("soon", None),
        ("1s and more", None),
    ],
)
def test_a_reset_is_read_in_all_its_forms(value: str, seconds: float | None) -> None:
    found = parse_rate_limit_headers(
        {"x-ratelimit-reset-requests": value, "x-ratelimit-remaining-requests": "1"}, now=NOW
    )

    assert found == RateLimitHeaders(requests=1, requests_reset=seconds)


@pytest.mark.parametrize(
    ("value", "count"),
    [
        ("-3", 0),
        ("-1", None),
        ("-1.0", None),
        ("7.0", 7),
        ("7.5", None),
        ("unlimited", None),
        ("1e3", None),
        ("٣", None),
        ("9" * 5000, None),
        (" 7 ", 7),
    ],
)
def test_a_count_is_a_whole_number_that_is_not_negative(value: str, count: int | None) -> None:
    found = parse_rate_limit_headers(
        {"x-ratelimit-remaining-requests": value, "x-ratelimit-remaining-tokens": "1"}, now=NOW
    )

    assert found == RateLimitHeaders(requests=count, tokens=1)


@pytest.mark.parametrize("limit", ["0", "-1"])
def test_of_a_limit_that_is_not_known_nothing_is_told(limit: str) -> None:
    headers = {
        "x-ratelimit-limit-tokens": limit,
        "x-ratelimit-remaining-tokens": "0",
        "x-ratelimit-reset-tokens": "0",
        "x-ratelimit-remaining-requests": "-1",
    }

    assert parse_rate_limit_headers(headers, now=NOW) == RateLimitHeaders(tokens_reset=0.0)


@given(st.text(max_size=40), st.text(max_size=40))
def test_no_header_can_break_the_reading(count: str, reset: str) -> None:
    headers = {"x-ratelimit-remaining-tokens": count, "anthropic-ratelimit-tokens-reset": reset}

    found = parse_rate_limit_headers(headers, now=NOW) or RateLimitHeaders()

    assert found.tokens is None or found.tokens >= 0
    assert found.tokens_reset is None or 0 <= found.tokens_reset < float("inf")
