from __future__ import annotations

import pytest
from pydantic import SecretStr

from app.errors import ConfigurationError
from app.models.endpoint import Endpoint, HostedOptions
from app.settings import ModelSettings


def endpoint(chosen: HostedOptions | None = None, **fields: object) -> Endpoint:
    settings = ModelSettings.model_validate({"provider": "openai", "model": "m", **fields})
    return Endpoint.from_settings("big", settings, chosen or HostedOptions(), vendor="OPENAI")


def test_without_key_and_address_the_mend_is_said() -> None:
    with pytest.raises(ConfigurationError, match=r"models\.big\.api_key.*OPENAI_API_KEY.*base_url"):
        endpoint()


def test_without_model_the_mend_is_said() -> None:
    with pytest.raises(ConfigurationError, match=r"models\.big\.model"):
        endpoint(model=None, api_key="sk-planted-1")


def test_the_environment_fills_what_is_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-from-environment")
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:1/v1")

    assert endpoint().api_key == "sk-from-environment"
    assert endpoint().base_url == "http://127.0.0.1:1/v1"
    assert endpoint(api_key="sk-set").api_key == "sk-set"
    assert endpoint(base_url="http://127.0.0.1:2").base_url == "http://127.0.0.1:2"


def test_the_environments_key_goes_to_no_other_host(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-from-environment")

    assert endpoint(base_url="http://127.0.0.1:2").api_key == "unused"
    assert endpoint(base_url="http://127.0.0.1:2", api_key="sk-set").api_key == "sk-set"
    with pytest.raises(ConfigurationError):
        endpoint(api_key="")


def test_secrets_are_known_and_never_shown() -> None:
    chosen = HostedOptions(headers={"x-gateway": SecretStr("planted-header")})
    subject = endpoint(chosen, api_key="sk-planted-1", base_url="http://me:planted-password@127.0.0.1:2")

    assert set(subject.secrets) == {"sk-planted-1", "planted-header", "planted-password"}
    assert "planted" not in repr(subject)
