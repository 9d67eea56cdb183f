from __future__ import annotations

from typing import get_args

import pytest
from pydantic import SecretStr

from app.errors import ConfigurationError
from app.models.base import Prompt
from app.models.openai.adapter import OpenAI
from app.models.openai.providers import OPENAI_PROVIDERS
from app.settings import ModelSettings
from tests.models.upstream import Upstream
from topics.model_requests import Feature, Message, Sampling

PROMPT = Prompt((Message(role="user", content="Hello?"),))

HOSTED = sorted(name for name, host in OPENAI_PROVIDERS.items() if not host.provider_defaults.open)
OWN = sorted(name for name, host in OPENAI_PROVIDERS.items() if host.provider_defaults.open)


def made(provider: str, **fields: object) -> OpenAI:
    return OpenAI.from_settings("m", ModelSettings.model_validate({"provider": provider, "model": "x", **fields}))


@pytest.mark.parametrize("provider", sorted(OPENAI_PROVIDERS))
async def test_each_answers_at_another_address_too(provider: str, upstream: Upstream) -> None:
    upstream.json({"choices": [{"message": {"content": "Hi."}, "finish_reason": "stop"}]})
    options = {"dialect": "chat"}
    model = made(provider, base_url=upstream.url, api_key="sk-planted-1", sampling={"max_tokens": 5}, options=options)

    completion = await model.complete(PROMPT, timeout=5)

    await model.close()
    assert model.provider == provider
    assert completion.text == "Hi."
    assert upstream.bodies[0]["max_tokens" if provider == "openai" else OPENAI_PROVIDERS[provider].max_tokens] == 5
    header = OPENAI_PROVIDERS[provider].key_header
    assert upstream.headers[0][header or "Authorization"] == ("sk-planted-1" if header else "Bearer sk-planted-1")
    assert ("Authorization" in upstream.headers[0]) is not bool(header)


@pytest.mark.parametrize("provider", sorted(OPENAI_PROVIDERS))
def test_each_claims_what_there_is(provider: str) -> None:
    features = OPENAI_PROVIDERS[provider].features

    assert features <= set(get_args(Feature))
    assert {"max_tokens", "streaming", "temperature"} <= features


@pytest.mark.parametrize("provider", sorted({*HOSTED} - {"azure-openai"}))
def test_the_environments_key_opens_the_providers_own_address(provider: str, monkeypatch: pytest.MonkeyPatch) -> None:
    provider_defaults = OPENAI_PROVIDERS[provider].provider_defaults
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    with pytest.raises(ConfigurationError, match=provider_defaults.key):
        made(provider)

    monkeypatch.setenv(provider_defaults.key or "", "sk-planted-1")
    endpoint = made(provider)._endpoint

    assert endpoint.api_key == "sk-planted-1"
    assert (endpoint.base_url or "https://").startswith("https://")
    assert "{" not in (endpoint.base_url or "")


def test_no_two_share_a_key_or_an_address() -> None:
    for values in zip(
        *((host.provider_defaults.key, host.provider_defaults.address) for host in OPENAI_PROVIDERS.values()),
        strict=True,
    ):
        known = [value for value in values if value]
        assert len(set(known)) == len(known)


@pytest.mark.parametrize("provider", OWN)
def test_a_server_on_ones_own_machine_needs_no_key(provider: str) -> None:
    endpoint = made(provider)._endpoint

    assert (endpoint.base_url or "").startswith("http://127.0.0.1:")
    assert endpoint.api_key == "unused"


def test_azure_is_somewhere_else_for_everyone() -> None:
    with pytest.raises(ConfigurationError, match=r"models\.m\.base_url: set it, as in https://RESOURCE\.openai\.azure"):
        made("azure-openai", api_key=SecretStr("k"))


async def test_azure_takes_a_token_in_the_place_of_a_key(upstream: Upstream) -> None:
    upstream.json({"choices": [{"message": {"content": "Hi."}, "finish_reason": "stop"}]})
    options = {"headers": {"authorization": "Bearer planted-token"}}
    model = made("azure-openai", base_url=upstream.url, options=options)

    await model.complete(PROMPT, timeout=5)

    await model.close()
    assert upstream.headers[0]["Authorization"] == "Bearer planted-token"
    assert "api-key" not in upstream.headers[0]


async def test_xai_is_asked_in_responses(upstream: Upstream) -> None:
    part = {"type": "output_text", "text": "Hi."}
    upstream.json({"status": "completed", "output": [{"type": "message", "content": [part]}]})
    model = made("xai", base_url=upstream.url, sampling={"max_tokens": 5})

    completion = await model.complete(PROMPT, timeout=5)

    await model.close()
    assert completion.text == "Hi."
    assert upstream.bodies[0]["max_output_tokens"] == 5


async def test_the_seed_has_its_own_name_at_mistral(upstream: Upstream) -> None:
    upstream.json({"choices": [{"message": {"content": "Hi."}, "finish_reason": "stop"}]})
    model = made("mistral", base_url=upstream.url, sampling=Sampling(seed=3).model_dump(exclude_defaults=True))

    await model.complete(PROMPT, timeout=5)

    await model.close()
    assert upstream.bodies[0]["random_seed"] == 3


async def test_what_is_openais_is_told_to_nobody_else(upstream: Upstream, monkeypatch: pytest.MonkeyPatch) -> None:
    upstream.json({"choices": [{"message": {"content": "Hi."}, "finish_reason": "stop"}]})
    for name in ("OPENAI_API_KEY", "OPENAI_ORG_ID", "OPENAI_PROJECT_ID", "OPENAI_ADMIN_KEY"):
        monkeypatch.setenv(name, "planted-environment")
    model = made("groq", base_url=upstream.url)

    await model.complete(PROMPT, timeout=5)

    await model.close()
    assert "planted-environment" not in str(list(upstream.headers[0].values()))
