"""A whole deployment for a test: worker processes, a model upstream, and traffic, on a real broker."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.brokers.base import Connection
from app.brokers.topics import InternalTopic, ensure_topics
from app.settings import Settings
from testkit.cluster.traffic import Traffic
from testkit.cluster.upstream import Upstream
from testkit.cluster.workers import Workers
from topics.tasks import Task

MODELS = ("a", "b", "c")
#: For tests that wait until the partitions of a killed worker move, whatever the time-out (seconds).
SHORT_SESSION = 3.0


@dataclass(frozen=True, slots=True)
class Deployment:
    """What a test works with; `prefix` is that of its topics, and `raw` what `settings` were read from."""

    prefix: str
    raw: Mapping[str, Any]
    settings: Settings
    upstream: Upstream
    workers: Workers
    traffic: Traffic

    @property
    def group(self) -> str:
        """The workers' consumer group."""
        return self.settings.app_id


def new_prefix() -> str:
    """Return what no other test has before the names of its topics."""
    return f"t{uuid.uuid4().hex[:8]}-"


def configuration(prefix: str, upstream: str, **ask: Any) -> dict[str, Any]:
    """Return the settings of the workers: three models that must all answer, and no embedding model to load."""
    model = {"provider": "openai", "base_url": upstream, "api_key": "k"}
    return {
        "app_id": f"{prefix}app",
        "topics": {"prefix": prefix, "partitions": 8},
        "models": {name: {**model, "model": name} for name in MODELS},
        "ask": {"models": MODELS, "strategy": "vote", "quorum": len(MODELS), **ask},
        "retrieval": {"embedder": "hashing"},
    }


@asynccontextmanager
async def deploy(
    servers: str,
    folder: Path,
    *,
    delay: Callable[[], float] = lambda: 0.0,
    faults: Sequence[str] = (),
    link: str | None = None,
    session_timeout: float = 6.0,
    prefix: str = "",
    **ask: Any,
) -> AsyncIterator[Deployment]:
    """Yield a deployment with topics of its own and no worker yet.

    `link` is the address by which the workers reach the broker, where it is not `servers`; `session_timeout` is
    in seconds; `prefix` is that of topics which were made before; `ask` are settings of the workflow.
    """
    prefix = prefix or new_prefix()
    async with Upstream(delay) as upstream:
        raw = {**configuration(prefix, upstream.url, **ask), "broker": {"session_timeout": session_timeout}}
        settings = Settings.model_validate(raw)
        runs = InternalTopic(f"{prefix}{settings.app_id}-runs", compacted=True)
        await ensure_topics(Connection(servers), settings.topics, [runs])
        workers = Workers(link or servers, raw, folder / f"{prefix}workers.log", faults=faults)
        async with workers, Traffic(servers, prefix) as traffic:
            yield Deployment(prefix, raw, settings, upstream, workers, traffic)


def question(number: int) -> Task:
    """Return a task of its own for each number."""
    return Task(id=f"t{number}", input={"question": f"q{number}"})
