"""The settings of the orchestrator in benchmarks."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any

from app.brokers.base import Connection
from app.settings import Settings

MODELS = ("a", "b", "c")


def settings(connection: Connection, **sections: Mapping[str, Any]) -> Settings:
    """Return settings with their own topics, three instant models, and a vote that waits for all of them.

    `sections` override these settings, section by section.
    """
    prefix = f"bench-{uuid.uuid4().hex[:8]}-"
    chosen: dict[str, Any] = {
        "app_id": f"{prefix}app",
        "broker": {"kind": "cluster", "bootstrap_servers": connection.bootstrap_servers},
        "topics": {"prefix": prefix},
        "models": {name: {"provider": "scripted"} for name in MODELS},
        "ask": {"models": MODELS, "strategy": "vote", "quorum": len(MODELS)},
        "retrieval": {"embedder": "hashing"},
        "server": {"port": 0},
        "telemetry": {"log_level": "ERROR"},
    }
    return Settings.model_validate({**chosen, **sections})


def slow(delay: float) -> dict[str, Any]:
    """Return a model whose calls take `delay` seconds."""
    return {"provider": "scripted", "options": {"delay": delay}, "total_timeout": delay + 10.0}
