"""`meta-ai demo --model PROVIDER/MODEL`: another model than the demo's own, asked once before anything is started."""

from __future__ import annotations

import os

from app.configuration.environment import fill_credentials
from app.errors import ConfigurationError, InvalidRequest, ModelError, Unauthorized, Unavailable
from app.models.adapter_catalog import list_adapters
from app.models.base import Prompt
from app.models.openai.providers import OPENAI_PROVIDERS
from app.models.registry import build
from app.settings import AskSettings, ModelSettings, Settings
from app.suggestions import closest_match
from topics.model_requests import Message

_EXAMPLES = "--model openai/gpt-5-mini, anthropic/claude-haiku-4-5 or ollama/llama3.2"
_GREETING = Prompt((Message(role="user", content="Say hello."),))
#: How a server on one's own machine is started, and how it gets a model, where one command does it.
_START = {
    "ollama": "ollama serve",
    "vllm": "vllm serve {model}",
    "llama-cpp": "llama-server",
    "lm-studio": "lms server start",
}
_PULL = {"ollama": "ollama pull {model}"}


def with_model(settings: Settings, text: str) -> Settings:
    """Return the settings with the model that `text` names, as in `openai/gpt-5-mini`, as the only one that is asked.

    It gets the built-in prompt, and as many sources as usual: the demo's own are for a very small model.

    Raises:
        ConfigurationError: there is no such provider, no model is named, or its key is missing.
    """
    provider, _, model = text.partition("/")
    known = {adapter.name: adapter for adapter in list_adapters()}
    if provider not in known:
        raise ConfigurationError(f"--model {text}: there is no provider {provider!r}; {_meant(provider, list(known))}")
    if not model and provider != "local":
        raise ConfigurationError(f"--model {text}: name the model too, as in {_EXAMPLES}")
    chosen = settings.model_copy(update={"models": {provider: ModelSettings(provider=provider, model=model or None)}})
    chosen = fill_credentials(chosen, os.environ)
    usual = AskSettings(models=(provider,), deadline=settings.ask.deadline)
    try:
        build(provider, chosen.models[provider])
    except ConfigurationError as problem:
        key = known[provider].key
        if key and not os.environ.get(key) and chosen.models[provider].api_key is None:
            raise ConfigurationError(f"--model {text} needs a key: set the environment variable {key}") from None
        raise ConfigurationError(f"--model {text}: {problem}") from None
    return chosen.model_copy(update={"ask": usual})


async def greet(settings: Settings, timeout: float) -> None:
    """Ask the only model of `settings` something short, within `timeout` seconds.

    Raises:
        ConfigurationError: it does not answer; in one line, with what to do about it.
    """
    ((name, chosen),) = settings.models.items()
    model = build(name, chosen)
    try:
        await model.complete(_GREETING, timeout=timeout)
    except ModelError as error:
        raise ConfigurationError(f"--model {named(chosen)}: {_remedy(chosen, error)}") from None
    finally:
        await model.close()


def named(chosen: ModelSettings) -> str:
    """Return a model as `--model` names it."""
    return f"{chosen.provider}/{chosen.model}" if chosen.model else chosen.provider


def _meant(provider: str, known: list[str]) -> str:
    near = closest_match(provider, known)
    return f"did you mean `{near}`?" if near else f"name one as in {_EXAMPLES}"


def _remedy(chosen: ModelSettings, error: ModelError) -> str:
    """Return what went wrong, and what to do about it."""
    host = OPENAI_PROVIDERS.get(chosen.provider)
    if isinstance(error, Unavailable) and host and host.provider_defaults.open:
        address = host.provider_defaults.url_override() or host.provider_defaults.own(chosen.provider)
        command = _START[chosen.provider].format(model=chosen.model)
        return f"nothing answers at {address} ({error}); start it with: {command}"
    if isinstance(error, Unauthorized):
        key = next((adapter.key for adapter in list_adapters() if adapter.name == chosen.provider), "")
        return f"the key was refused ({error}); check the environment variable {key}" if key else str(error)
    if isinstance(error, InvalidRequest) and chosen.provider in _PULL:
        return f"{error}; get the model with: {_PULL[chosen.provider].format(model=chosen.model)}"
    return str(error)
