"""`--model` of the demo, with a server that plays the providers where the SDKs' variables point."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from app.cli.demo.model_choice import greet, named, with_model
from app.errors import ConfigurationError
from app.settings import AskSettings, ModelSettings, Settings

if TYPE_CHECKING:
    from llmock.pytest_plugin import LLMock

_DEMO = Settings(
    models={"local": ModelSettings(provider="local")},
    ask=AskSettings(chunks=1, system="For a small model.", prompt="{{ input.question }}", deadline=77.0),
)


@pytest.mark.parametrize(
    ("text", "key"), [("openai/gpt-x", "OPENAI_API_KEY"), ("anthropic/claude-x", "ANTHROPIC_API_KEY")]
)
async def test_a_model_is_named_by_one_word_with_its_key_in_the_environment(
    text: str, key: str, llmock: LLMock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(key, "sk-planted-1")
    llmock.reply("Hello.")

    settings = with_model(_DEMO, text)
    await greet(settings, 20)

    assert [named(model) for model in settings.models.values()] == [text]
    assert settings.ask == AskSettings(models=tuple(settings.models), deadline=77.0)  # the usual prompt and sources
    assert len(llmock.requests) == 1


async def test_a_server_of_ones_own_needs_no_key(llmock: LLMock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OLLAMA_BASE_URL", llmock.base_url("openai"))
    llmock.reply("Hello.")
    await greet(with_model(_DEMO, "ollama/llama3.2"), 20)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("opnai/gpt-x", "--model opnai/gpt-x: there is no provider 'opnai'; did you mean `openai`?"),
        ("zzz", "--model zzz: there is no provider 'zzz'; name one as in --model openai/gpt-5-mini"),
        ("openai", "--model openai: name the model too, as in --model openai/gpt-5-mini"),
        ("openai/", "--model openai/: name the model too, as in --model openai/gpt-5-mini"),
        ("openai/gpt-x", "--model openai/gpt-x needs a key: set the environment variable OPENAI_API_KEY"),
        ("xai/grok", "--model xai/grok needs a key: set the environment variable XAI_API_KEY"),
        ("azure-openai/x", "--model azure-openai/x: models.azure-openai.base_url: set it, as in https://"),
    ],
)
def test_what_is_wrong_is_one_line_with_the_fix(text: str, line: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL", "XAI_API_KEY", "LLM_PROVIDER_CREDENTIALS"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(ConfigurationError) as raised:
        with_model(_DEMO, text)
    assert str(raised.value).startswith(line)
    assert "\n" not in str(raised.value)


async def test_a_server_that_is_not_there_is_one_line_with_the_command_that_starts_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OLLAMA_BASE_URL", "http://127.0.0.1:1/v1")
    with pytest.raises(
        ConfigurationError, match=r"^--model ollama/m: nothing answers at http://127\.0\.0\.1:1/v1 .*: ollama serve$"
    ):
        await greet(with_model(_DEMO, "ollama/m"), 20)


async def test_a_model_that_the_server_has_not_is_one_line_with_the_command_that_gets_it(
    llmock: LLMock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OLLAMA_BASE_URL", llmock.base_url("openai"))
    llmock.fail(404)
    with pytest.raises(ConfigurationError, match=r"; get the model with: ollama pull m$"):
        await greet(with_model(_DEMO, "ollama/m"), 20)


async def test_a_key_that_is_refused_is_one_line_without_the_key(
    llmock: LLMock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-planted-1")
    llmock.fail(401)
    with pytest.raises(ConfigurationError, match=r"check the environment variable OPENAI_API_KEY$") as raised:
        await greet(with_model(_DEMO, "openai/gpt-x"), 20)
    assert "sk-planted-1" not in str(raised.value)


def test_a_key_in_the_credentials_of_all_providers_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    monkeypatch.setenv("LLM_PROVIDER_CREDENTIALS", '{"openai": "sk-planted-2"}')
    key = with_model(_DEMO, "openai/gpt-x").models["openai"].api_key
    assert key is not None
    assert key.get_secret_value() == "sk-planted-2"
