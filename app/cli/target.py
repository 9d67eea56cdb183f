"""Which broker a command talks to, and with which settings."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from app.cli import run_state
from app.cli.contexts import choice, keys
from app.cli.contexts.store import Context
from app.configuration import load
from app.errors import BrokerError, ConfigurationError
from app.settings import BrokerSettings, Settings

#: Where the clients in Python and TypeScript look, too.
BASE_URL, API_KEY = "META_AI_BASE_URL", "META_AI_API_KEY"
_NOT_RUNNING = (
    "no orchestrator is running here; start one with: meta-ai orchestrator run, "
    "or name a broker with --bootstrap-servers"
)


@dataclass(frozen=True, slots=True)
class Api:
    """An orchestrator that is reached over its gateway; without a `key`, it has to be one that asks for none."""

    base_url: str
    key: str | None = field(default=None, repr=False)
    name: str = ""


def find(config: Path | None, servers: str | None) -> Settings:
    """Return settings with the broker to use, as `find_target` has it.

    Raises:
        BrokerError: none is named, or a context that names an API.
        ConfigurationError: the configuration or the context is invalid.
    """
    target = find_target(config, servers)
    if isinstance(target, Api):
        named = f"the context {target.name}" if target.name else BASE_URL
        raise BrokerError(f"{named} names an API, and this command needs a broker: name one with --bootstrap-servers")
    return target


def find_target(config: Path | None, servers: str | None) -> Settings | Api:
    """Return settings with the broker to use, or the API.

    It is that of the option, of the context that is named, the broker of the configuration, that of the orchestrator
    running here, that of the current context, or the API that the environment names.

    Raises:
        BrokerError: none of them names one.
        ConfigurationError: the configuration or the context is invalid.
    """
    if not servers and (named := choice.chosen()):
        return _of_context(*named, config)
    settings = load(config, os.environ)
    if servers or settings.broker.kind == "cluster":
        return with_broker(settings, "cluster", servers)
    if running := run_state.read(run_state.path_for(config, os.environ)):
        topics = settings.topics.model_copy(update={"prefix": running.prefix})
        settings = settings.model_copy(update={"app_id": running.app_id, "topics": topics})
        return with_broker(settings, "cluster", running.bootstrap_servers)
    if current := choice.current():
        return _of_context(*current, config)
    if base_url := os.environ.get(BASE_URL):
        return Api(base_url, os.environ.get(API_KEY))
    raise BrokerError(_NOT_RUNNING)


def _of_context(name: str, context: Context, config: Path | None) -> Settings | Api:
    if context.api:
        return Api(context.api, keys.read(name, context.key), name)
    settings = load(config or context.config, os.environ)
    if not context.bootstrap_servers and settings.broker.kind != "cluster":
        raise BrokerError(f"the context {name} names no broker, and its configuration no cluster")
    return with_broker(settings, "cluster", context.bootstrap_servers or None)


def with_broker(settings: Settings, kind: str | None, servers: str | None) -> Settings:
    """Return the settings with another broker if `kind` or `servers` name one.

    Raises:
        ConfigurationError: the two contradict each other.
    """
    if servers and kind not in {None, "cluster"}:
        raise ConfigurationError(
            f"--bootstrap-servers names a cluster, but --broker {kind} starts a broker: use one of them"
        )
    wanted: dict[str, Any] = {"kind": "cluster" if servers else kind, "bootstrap_servers": servers}
    changes = {name: value for name, value in wanted.items() if value}
    try:
        broker = BrokerSettings.model_validate({**dict(settings.broker), **changes})
    except ValidationError:
        raise ConfigurationError(f"--broker {kind} needs --bootstrap-servers host:port") from None
    return settings.model_copy(update={"broker": broker})
