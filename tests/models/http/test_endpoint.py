from __future__ import annotations

import pytest
from pydantic import SecretStr

from app.errors import ConfigurationError
from app.models.http.endpoint import Endpoint, HostedOptions, ProviderDefaults, ambient_secrets
from app.settings import ModelSettings


def endpoint(chosen: HostedOptions | None = None, **fields: object) -> Endpoint:
    settings = ModelSettings.model_validate({"provider": "openai", "model": "m", **fields})
    return Endpoint.from_settings("big", settings, chosen or HostedOptions(), vendor="OPENAI")


def test_without_key_and_address_the_fix_is_named() -> None:
    with pytest.raises(ConfigurationError, match=r"models\.big\.api_key.*OPENAI_API_KEY.*base_url"):
        endpoint()


def test_without_model_the_fix_is_named() -> None:
    with pytest.raises(ConfigurationError, match=r"models\.big\.model"):
        endpoint(model=None, api_key="sk-planted-1")


def test_the_environment_fills_what_is_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-from-environment")
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:1/v1")

    assert endpoint().api_key == "sk-from-environment"
    assert endpoint().base_url == "http://127.0.0.1:1/v1"
    assert endpoint(api_key="sk-set").api_key == "sk-set"
    assert endpoint(base_url="http://127.0.0.1:2").base_url == "http://127.0.0.1:2"


def test_a_line_end_in_the_environment_is_no_part_of_a_key_or_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-from-environment\n")
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:1/v1\n")

    assert endpoint().api_key == "sk-from-environment"
    assert endpoint().base_url == "http://127.0.0.1:1/v1"


@pytest.mark.parametrize("key", ["sk-plan\nted", "sk-plan\u2019ted", "sk-plan\u200bted", "sk-plan\0ted"])
def test_a_key_that_no_header_can_carry_is_named(key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.environ", {"OPENAI_API_KEY": key})

    with pytest.raises(ConfigurationError, match="the environment variable OPENAI_API_KEY has") as caught:
        endpoint()
    assert "ted" not in str(caught.value).replace("printed", "")


def test_the_environments_key_goes_to_no_other_host(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-from-environment")

    assert endpoint(base_url="http://127.0.0.1:2").api_key == "unused"
    assert endpoint(base_url="http://127.0.0.1:2", api_key="sk-set").api_key == "sk-set"
    with pytest.raises(ConfigurationError):
        endpoint(api_key="")


def at_home(provider_defaults: ProviderDefaults, **fields: object) -> Endpoint:
    settings = ModelSettings.model_validate({"provider": "x", "model": "m", **fields})
    return Endpoint.from_settings("big", settings, HostedOptions(), provider_defaults=provider_defaults)


def test_a_provider_has_an_address_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    provider_defaults = ProviderDefaults("X_KEY", "X_URL", "https://x.example/v1")
    with pytest.raises(ConfigurationError, match=r"models\.big\.api_key.*X_KEY"):
        at_home(provider_defaults)

    monkeypatch.setenv("X_KEY", "key-from-environment")
    assert (at_home(provider_defaults).base_url, at_home(provider_defaults).api_key) == (
        "https://x.example/v1",
        "key-from-environment",
    )
    assert at_home(provider_defaults, base_url="http://127.0.0.1:2").api_key == "unused"
    monkeypatch.setenv("X_URL", "http://127.0.0.1:1")
    assert (at_home(provider_defaults).base_url, at_home(provider_defaults).api_key) == (
        "http://127.0.0.1:1",
        "key-from-environment",
    )


def test_an_open_server_needs_no_key() -> None:
    subject = at_home(ProviderDefaults(address="http://127.0.0.1:1/v1", open=True))

    assert (subject.base_url, subject.api_key) == ("http://127.0.0.1:1/v1", "unused")


def test_an_address_that_everyone_has_to_set() -> None:
    provider_defaults = ProviderDefaults(example="https://RESOURCE.example/v1")

    with pytest.raises(ConfigurationError, match=r"models\.big\.base_url: set it, as in https://RESOURCE\.example/v1"):
        at_home(provider_defaults, api_key="sk-planted-1")
    assert (
        at_home(provider_defaults, api_key="sk-planted-1", base_url="http://127.0.0.1:2").base_url
        == "http://127.0.0.1:2"
    )


@pytest.mark.parametrize("variable", ["AWS_REGION", "AWS_DEFAULT_REGION"])
def test_a_region_is_part_of_an_address(variable: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)
    provider_defaults = ProviderDefaults(address="https://x.{region}.example/v1")
    with pytest.raises(ConfigurationError, match=r"models\.big\.base_url.*AWS_REGION"):
        at_home(provider_defaults, api_key="sk-planted-1")

    monkeypatch.setenv(variable, "eu-west-1")
    assert at_home(provider_defaults, api_key="sk-planted-1").base_url == "https://x.eu-west-1.example/v1"


def test_limits_go_with_the_endpoint() -> None:
    subject = endpoint(HostedOptions(max_response_bytes=2048), api_key="sk-planted-1", connect_timeout="2s")

    assert (subject.connect_timeout, subject.max_response_bytes) == (2.0, 2048)


def test_secrets_are_known_and_never_shown() -> None:
    chosen = HostedOptions(headers={"x-gateway": SecretStr("planted-header")})
    subject = endpoint(chosen, api_key="sk-planted-1", base_url="http://127.0.0.1:2")

    assert set(subject.secrets) == {"sk-planted-1", "planted-header"}
    assert "planted" not in repr(subject)


@pytest.mark.parametrize("login", ["me:planted-password", "planted-password"])
def test_an_address_with_a_password_is_refused_without_showing_it(login: str) -> None:
    with pytest.raises(ConfigurationError, match="base_url") as caught:
        endpoint(api_key="sk-planted-1", base_url=f"http://{login}@127.0.0.1:2")
    assert "planted" not in str(caught.value)


@pytest.mark.parametrize("address", ["localhost:11434", "127.0.0.1:11434/v1", "ftp://localhost"])
def test_an_address_begins_with_its_scheme(address: str) -> None:
    with pytest.raises(ConfigurationError, match=r"models\.big\.base_url: must begin with http:// or https://"):
        endpoint(base_url=address)


def test_what_the_sdks_send_of_the_environment_is_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_CUSTOM_HEADERS", "x-team: planted-team\nno header\nauthorization: Bearer planted-token")
    monkeypatch.setenv("ANTHROPIC_CUSTOM_HEADERS", "x-flag: 1\nx-url:  http://planted:8080 ")
    found = ("http://planted:8080", "planted-team", "Bearer planted-token", "planted-token")
    assert set(endpoint(api_key="sk-planted-1").secrets) == {"sk-planted-1", *found}


def test_without_such_headers_nothing_is_secret() -> None:
    assert ambient_secrets({}) == ambient_secrets({"OPENAI_CUSTOM_HEADERS": " : \n:\n"}) == ()
