from __future__ import annotations

from pathlib import Path
from typing import get_args

from app.prices.price_table import load
from tests.docs.pages import blocks, codes, table
from topics.spend import Spend

PAGE = "docs/costs.md"


def test_the_file_of_prices_wins_over_the_table(tmp_path: Path) -> None:
    (block,) = (one for one in blocks("yaml", pages=(PAGE,)) if one.mark == "prices")
    path = tmp_path / "prices.yaml"
    path.write_text(block.text, encoding="utf-8")
    prices = load(path)
    for provider, model in (("openai", "gpt-5"), ("openai", "ft:gpt-4.1-mini:us:x"), ("groq", "anything")):
        found = prices.find(provider, model)
        assert found
        assert found.as_of == "2026-11-01"


def test_every_outcome_is_described() -> None:
    rows = table(PAGE, "what became of the attempt", "`outcome`", "tokens")
    assert {code for row in rows for code in codes(row[1])} == set(get_args(Spend.model_fields["outcome"].annotation))
