"""Which broker a command talks to, and with which settings."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from app.cli import run_state
from app.configuration import load
from app.errors import BrokerError, ConfigurationError
from app.settings import BrokerSettings, Settings

_NOT_RUNNING = (
    "no orchestrator is running here; start one with: meta-ai orchestrator run, "
    "or name a broker with --bootstrap-servers"
)


def find(config: Path | None, servers: str | None) -> Settings:
    """Return settings with the broker to use: that of the option, the configuration, or the orchestrator running here.

    Raises:
        BrokerError: none of them names one.
        ConfigurationError: the configuration is invalid.
    """
    settings = load(config, os.environ)
    if servers or settings.broker.kind == "cluster":
        return with_broker(settings, "cluster", servers)
    running = run_state.read(run_state.path_for(config, os.environ))
    if running is None:
        raise BrokerError(_NOT_RUNNING)
    topics = settings.topics.model_copy(update={"prefix": running.prefix})
    settings = settings.model_copy(update={"app_id": running.app_id, "topics": topics})
    return with_broker(settings, "cluster", running.bootstrap_servers)


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
