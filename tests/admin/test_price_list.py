from __future__ import annotations

import pytest

from app.admin.price_list import all_prices, configured_prices, prices_of
from app.errors import ConfigurationError
from app.prices.price_table import load
from app.settings import Settings

TABLE = load()
SETTINGS = Settings.model_validate(
    {
        "models": {
            "gpt": {"provider": "openai", "model": "gpt-5"},
            "mine": {"provider": "openai", "model": "gpt-5", "price": {"input": 7, "output": 8}},
            "local": {"provider": "local"},
        },
    }
)


def test_each_configured_model_has_the_price_that_is_used() -> None:
    gpt, mine, local = configured_prices(TABLE, SETTINGS)
    assert (gpt.model, gpt.input, gpt.cached_input, gpt.output, gpt.known) == ("gpt", 1.25, 0.125, 10.0, True)
    assert gpt.source == "OpenAI: API pricing"
    assert (mine.input, mine.as_of) == (7, "configuration")
    assert (local.model, local.known, local.input) == ("local", False, None)


def test_a_model_is_found_by_its_name_here_or_the_providers() -> None:
    assert prices_of(TABLE, SETTINGS, "mine") == configured_prices(TABLE, SETTINGS)[1:2]
    assert prices_of(TABLE, SETTINGS, "local") == configured_prices(TABLE, SETTINGS)[2:]
    for name in ("gpt-4o", "openai/gpt-4o"):
        (found,) = prices_of(TABLE, SETTINGS, name)
        assert (found.model, found.provider, found.input) == ("", "openai", 2.5)
    (llama,) = prices_of(TABLE, SETTINGS, "meta-llama/Llama-3.3-70B-Instruct-Turbo")
    assert llama.provider == "together"


@pytest.mark.parametrize("name", ["gpt-0", "openai/gpt-0", "anthropic/gpt-5", ""])
def test_a_model_that_nobody_knows_is_an_error(name: str) -> None:
    with pytest.raises(ConfigurationError, match="has no known price"):
        prices_of(TABLE, SETTINGS, name)


def test_the_whole_table_is_all_of_it() -> None:
    found = all_prices(TABLE)
    assert len(found) == len(TABLE.entries)
    assert all(one.known and one.as_of and one.source for one in found)
