from __future__ import annotations

import pytest

from agents.spending import priced
from app.settings import PriceSettings
from topics.model_responses import Usage


@pytest.mark.parametrize(
    ("price", "cost"),
    [(None, 0.0), (PriceSettings(), 0.0), (PriceSettings(input=3), 0.3), (PriceSettings(input=3, output=15), 0.45)],
)
def test_that_prices_are_for_a_million_tokens(price: PriceSettings | None, cost: float) -> None:
    assert priced(Usage(input_tokens=100_000, output_tokens=10_000), price).cost == pytest.approx(cost)
