from __future__ import annotations

from pathlib import Path

import pytest

from app.errors import ConfigurationError
from app.settings import Settings
from app.worker.components import components


def _settings(prices: Path | None = None) -> Settings:
    paid = {"provider": "openai", "model": "gpt-4o-mini", "api_key": "planted"}
    return Settings.model_validate(
        {
            "models": {
                "table": paid,
                "own": {**paid, "price": {"input": 7, "output": 8}},
                "proxy": {**paid, "base_url": "http://127.0.0.1:1/v1"},
                "free": {"provider": "scripted"},
            },
            "ask": {"models": ["free"]},
            "retrieval": {"embedder": "hashing"},
            "prices": prices,
        }
    )


async def test_that_a_model_has_its_own_price_or_that_of_the_table_for_routing_and_for_spending() -> None:
    built = components(_settings())
    profiles = {name: (one.input_price, one.output_price) for name, one in built.profiles.items()}
    assert profiles == {"table": (0.15, 0.6), "own": (7, 8), "proxy": (None, None), "free": (None, None)}
    assert {name: price.input for name, price in built.prices.items()} == {"table": 0.15, "own": 7}
    await built.close()


async def test_that_the_users_prices_win_and_their_faults_stop_the_start(tmp_path: Path) -> None:
    path = tmp_path / "prices.yaml"
    path.write_text(
        "sheets: [{provider: openai, as_of: 2026-10-01, models: {'gpt-4o*': {input: 1, output: 2}}}]", encoding="utf-8"
    )
    built = components(_settings(path))
    assert {name: price.input for name, price in built.prices.items()} == {"table": 1, "own": 7, "proxy": 1}
    await built.close()
    path.write_text("sheets: none", encoding="utf-8")
    with pytest.raises(ConfigurationError, match=r"prices\.yaml:1: sheets"):
        components(_settings(path))


def test_that_what_is_wrong_with_each_model_is_said() -> None:
    models = {"a": {"provider": "scirpted"}, "b": {"provider": "scripted", "options": {"deflt": "x"}}}
    settings = Settings.model_validate(
        {"models": models, "ask": {"models": ["a"]}, "retrieval": {"embedder": "hashing"}}
    )
    with pytest.raises(ConfigurationError) as caught:
        components(settings)
    first, second = str(caught.value).splitlines()
    assert first == "models.a.provider: unknown provider 'scirpted'; did you mean `scripted`?"
    assert second.startswith("models.b.options.deflt: unknown key")


@pytest.mark.parametrize(
    ("ask", "said"),
    [
        ({"prompt": "{{ question }}"}, "ask.prompt: there is nothing called `question`; there are input, "),
        ({"system": "{{ input.question "}, "ask.system: line 1: `{{` is never closed by `}}`"),
    ],
)
def test_that_the_prompts_of_the_built_in_workflow_are_checked_at_the_start(ask: dict[str, str], said: str) -> None:
    settings = Settings.model_validate({"models": {"a": {"provider": "scripted"}}, "ask": ask})
    with pytest.raises(ConfigurationError) as caught:
        components(settings)
    assert str(caught.value).startswith(said)
