from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.prices.price import CONFIGURED, Price
from app.settings import PriceSettings
from topics.model_responses import Usage

_MUCH = 10**8
RATES = st.floats(0, 1000, allow_nan=False)
PRICES = st.builds(
    PriceSettings,
    input=RATES,
    output=RATES,
    cached_input=st.none() | RATES,
    cache_write=st.none() | RATES,
    reasoning=st.none() | RATES,
).map(Price.of)


@st.composite
def usages(draw: st.DrawFn) -> Usage:
    """A count as it should be: a part is never larger than the whole."""
    read, written = draw(st.integers(0, _MUCH)), draw(st.integers(0, _MUCH))
    cached = draw(st.integers(0, read))
    return Usage(
        input_tokens=read,
        output_tokens=written,
        cached_input_tokens=cached,
        cache_write_tokens=draw(st.integers(0, read - cached)),
        reasoning_tokens=draw(st.integers(0, written)),
    )


@pytest.mark.parametrize(
    ("rates", "usage", "cost"),
    [
        ({}, {"input_tokens": 9, "output_tokens": 9}, 0.0),
        ({"input": 3}, {"input_tokens": 100_000}, 0.3),
        ({"input": 3, "output": 15}, {"input_tokens": 100_000, "output_tokens": 10_000}, 0.45),
        ({"input": 3}, {"input_tokens": 100_000, "cached_input_tokens": 50_000}, 0.3),
        ({"input": 3, "cached_input": 0.3}, {"input_tokens": 100_000, "cached_input_tokens": 50_000}, 0.165),
        ({"input": 3}, {"input_tokens": 100_000, "cache_write_tokens": 50_000}, 0.3),
        ({"input": 3, "cache_write": 3.75}, {"input_tokens": 100_000, "cache_write_tokens": 50_000}, 0.3375),
        (
            {"input": 3, "cached_input": 0.3, "cache_write": 3.75},
            {"input_tokens": 100_000, "cached_input_tokens": 50_000, "cache_write_tokens": 90_000},
            0.2025,
        ),
        ({"output": 10}, {"output_tokens": 100_000, "reasoning_tokens": 90_000}, 1.0),
        ({"output": 10, "reasoning": 5}, {"output_tokens": 100_000, "reasoning_tokens": 90_000}, 0.55),
        # A provider may count the cached tokens beside the others.
        ({"input": 3, "cached_input": 0.3}, {"input_tokens": 100, "cached_input_tokens": 900}, 30e-6),
    ],
)
def test_that_prices_are_for_a_million_tokens(rates: dict[str, float], usage: dict[str, int], cost: float) -> None:
    price = Price.of(PriceSettings.model_validate(rates))
    assert price.cost(Usage.model_validate(usage)) == pytest.approx(cost)
    assert (price.as_of, price.source) == (CONFIGURED, CONFIGURED)


@given(PRICES, usages(), usages())
def test_that_costs_add_up(price: Price, one: Usage, other: Usage) -> None:
    assert price.cost(one + other) == pytest.approx(price.cost(one) + price.cost(other), rel=1e-9, abs=2e-12)


@given(PRICES, st.builds(Usage, **dict.fromkeys(("input_tokens", "output_tokens"), st.integers(-9, _MUCH))))
def test_that_no_cost_is_negative_whatever_was_counted(price: Price, usage: Usage) -> None:
    for part in (-5, 0, _MUCH * 2):
        parts = ("cached_input_tokens", "cache_write_tokens", "reasoning_tokens")
        odd = usage.model_copy(update=dict.fromkeys(parts, part))
        assert price.cost(odd) >= 0


@pytest.mark.parametrize("rate", [-1.0, float("nan"), float("inf")])
@pytest.mark.parametrize("field", list(PriceSettings.model_fields))
def test_that_a_rate_is_an_amount_of_money(field: str, rate: float) -> None:
    with pytest.raises(ValueError, match=field):
        PriceSettings.model_validate({field: rate})


def test_that_a_batch_costs_its_part() -> None:
    usage = Usage(input_tokens=1_000_000, output_tokens=1_000_000)
    half = Price.of(PriceSettings(input=2.0, output=4.0, batch=0.5))
    assert (half.cost(usage), half.cost(usage, batched=True)) == (6.0, 3.0)
    unknown = Price.of(PriceSettings(input=2.0, output=4.0))
    assert unknown.cost(usage, batched=True) == 6.0
