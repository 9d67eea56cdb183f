from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from app.errors import ConfigurationError
from app.prices.price_table import PriceEntry, load
from app.settings import ModelSettings

BUILT_IN = load()
OWN = """\
sheets:
  - provider: openai
    as_of: 2026-10-01
    models:
      gpt-5: {input: 1, output: 2}
      "*-mine": {input: 3, cached_input: 0, output: 4, reasoning: 5}
"""


def _settings(**fields: Any) -> ModelSettings:
    return ModelSettings.model_validate({"provider": "openai", "model": "gpt-5", **fields})


def _file(folder: Path, text: str) -> Path:
    path = folder / "prices.yaml"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize("entry", BUILT_IN.entries, ids=lambda entry: f"{entry.provider}/{entry.pattern}")
def test_that_each_built_in_price_is_found_has_a_source_and_a_day_and_makes_sense(entry: PriceEntry) -> None:
    price = entry.price
    assert BUILT_IN.find(entry.provider, entry.pattern) == price
    assert date(2025, 1, 1) <= date.fromisoformat(price.as_of) <= datetime.now(UTC).date()
    assert price.source
    assert 0 < price.cached_input <= price.input <= price.output < 1000


@pytest.mark.parametrize(
    ("provider", "model", "base"),
    [
        ("openai", "gpt-4o-2024-08-06", "gpt-4o"),
        ("openai", "gpt-4o-mini-2024-07-18", "gpt-4o-mini"),
        ("openai", "gpt-5-chat-latest", "gpt-5-chat"),
        ("anthropic", "claude-sonnet-4-5-20250929", "claude-sonnet-4-5"),
        ("anthropic", "claude-3-5-haiku@20241022", "claude-3-5-haiku"),
    ],
)
def test_that_a_version_costs_what_its_model_costs(provider: str, model: str, base: str) -> None:
    found = BUILT_IN.find(provider, model)
    assert found is not None
    assert found is BUILT_IN.find(provider, base)


def test_that_a_version_with_a_price_of_its_own_has_that() -> None:
    old, new = BUILT_IN.find("openai", "gpt-4o-2024-05-13"), BUILT_IN.find("openai", "gpt-4o")
    assert old
    assert new
    assert old.input == 2 * new.input


@pytest.mark.parametrize(
    ("provider", "model"),
    [("openai", "gpt-4o-audio-preview"), ("openai", ""), ("anthropic", "gpt-5"), ("ollama", "gpt-5"), ("local", "x")],
)
def test_that_what_is_not_in_the_table_has_no_price(provider: str, model: str) -> None:
    assert BUILT_IN.find(provider, model) is None


def test_that_the_settings_own_price_wins() -> None:
    found = BUILT_IN.of(_settings(price={"input": 9, "output": 99}))
    assert found
    assert (found.input, found.cached_input, found.output, found.as_of) == (9, 9, 99, "configuration")
    table = BUILT_IN.of(_settings())
    assert table
    assert (table.input, table.as_of) == (1.25, "2025-12-11")


def test_that_another_address_is_not_taken_for_the_providers_own(tmp_path: Path) -> None:
    elsewhere = _settings(base_url="http://127.0.0.1:1/v1")
    assert BUILT_IN.of(elsewhere) is None
    own = load(_file(tmp_path, OWN)).of(elsewhere)
    assert own
    assert own.input == 1


def test_that_the_users_file_wins_and_the_rest_stays(tmp_path: Path) -> None:
    table = load(_file(tmp_path, OWN))
    gpt, mine = table.find("openai", "gpt-5-2025-08-07"), table.find("openai", "x-mine")
    assert gpt
    assert (gpt.input, gpt.cached_input, gpt.output, gpt.reasoning, gpt.as_of) == (1, 1, 2, 2, "2026-10-01")
    assert mine
    assert (mine.cached_input, mine.reasoning) == (0, 5)
    assert table.find("openai", "gpt-4o") == BUILT_IN.find("openai", "gpt-4o")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("prices: []", r"prices\.yaml:1: prices: unknown key"),
        (OWN.replace("as_of", "asof"), r"prices\.yaml:3: sheets\.0\.asof: unknown key; a sheet has provider"),
        (OWN.replace(", output: 2", ""), r"prices\.yaml:5: sheets\.0\.models\.gpt-5\.output: is required"),
        (OWN.replace("input: 1", "input: -1"), r"prices\.yaml:5: .*gpt-5\.input: .*greater than or equal to 0"),
        (OWN.replace("2026-10-01", "lately"), r"prices\.yaml:3: sheets\.0\.as_of: .*date"),
        (OWN + '      "*-mine": {input: 0, output: 0}\n', r"prices\.yaml:7: .*is set twice"),
        ("- a", "must be a mapping"),
    ],
)
def test_that_a_fault_is_named_with_its_line(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        load(_file(tmp_path, text))


def test_that_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"nowhere\.yaml: cannot be read"):
        load(tmp_path / "nowhere.yaml")


def test_that_a_sheet_says_what_a_batch_costs_and_a_model_may_say_otherwise(tmp_path: Path) -> None:
    text = """\
sheets:
  - provider: p
    as_of: 2026-01-01
    batch: 0.5
    models: {a: {input: 1, output: 1}, b: {input: 1, output: 1, batch: 0.8}}
  - provider: q
    as_of: 2026-01-01
    models: {a: {input: 1, output: 1}}
"""
    table = load(_file(tmp_path, text))
    found = [table.find(provider, model) for provider, model in (("p", "a"), ("p", "b"), ("q", "a"))]
    assert [price.batch for price in found if price] == [0.5, 0.8, 1.0]


@pytest.mark.parametrize(
    ("provider", "model", "part"),
    [("openai", "gpt-5-mini", 0.5), ("anthropic", "claude-haiku-4-5", 0.5), ("deepseek", "deepseek-chat", 1.0)],
)
def test_that_the_published_discount_is_in_the_table(provider: str, model: str, part: float) -> None:
    price = load().find(provider, model)
    assert price
    assert price.batch == part
