from __future__ import annotations

import pytest

from app.errors import ConfigurationError
from app.models.pool import Pool, build, members
from app.models.scripted.adapter import Scripted
from app.settings import ModelSettings
from tests.models.limits.samples import PROMPT, Named


def _settings(**fields: object) -> ModelSettings:
    return ModelSettings.model_validate({"provider": "openai", "model": "gpt", **fields})


async def test_there_is_a_component_for_each_key() -> None:
    pool = build("gpt", _settings(api_keys=["sk-first-secret", "sk-second-secret"]))
    assert isinstance(pool, Pool)
    assert (len(members(pool)), pool.provider) == (2, "openai")
    assert "temperature" in pool.features
    assert "secret" not in repr(pool) + repr(_settings(api_keys=["sk-first-secret"]))
    await pool.close()


async def test_one_key_needs_no_pool() -> None:
    model = build("m", ModelSettings(provider="scripted"))
    assert isinstance(model, Scripted)
    assert members(model) == (model,)


def test_one_key_besides_the_several_is_a_mistake() -> None:
    with pytest.raises(ConfigurationError, match=r"models\.gpt\.api_keys: set either api_keys or api_key") as raised:
        build("gpt", _settings(api_key="sk-one-secret", api_keys=["sk-two-secret"]))
    assert "secret" not in str(raised.value)


async def test_a_pool_that_is_asked_without_a_gate_asks_its_first_and_closes_all() -> None:
    models = [Named("a"), Named("b")]
    pool = Pool(models)
    assert (await pool.complete(PROMPT, timeout=1.0)).text == "a"
    await pool.close()
    assert all(model.closed for model in models)


def test_all_keys_are_secrets_that_logs_do_not_show() -> None:
    settings = _settings(api_keys=["sk-first-secret", "sk-second-secret"])
    assert list(settings.secrets()) == ["sk-first-secret", "sk-second-secret"]
