"""Agents' parts that touch nothing: a scripted model, and a store and an embedder that do as they are told."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from agents.parts import ConfiguredModel, Parts
from agents.runs import Runs
from app.delivery.deciding import Decider
from app.delivery.envelope import Received
from app.models.scripted import Scripted
from app.retrieval.base import Vectors
from app.settings import ModelSettings, Settings
from app.telemetry.metrics import Metrics
from app.telemetry.tracing import Tracer
from app.workflows.builtin import ask
from app.workflows.definitions import Definitions
from app.workflows.engine import Limits
from app.workflows.run import RunState
from tests.delivery.fakes import World
from topics.base import Event
from topics.chunks import DocumentChunks
from topics.retrieval_results import Chunk

PARTITIONS = 4


class Embedder:
    """Gives each text a vector of its length; fails when told to."""

    name = "lengths"
    dimensions = 2

    def __init__(self) -> None:
        self.error: Exception | None = None

    async def embed(self, texts: Sequence[str]) -> Vectors:
        if self.error:
            raise self.error
        return np.array([[len(text), 1.0] for text in texts], dtype=np.float32).reshape(len(texts), 2)

    async def close(self) -> None:
        """Hold nothing."""


class Store:
    """Finds what it was given, and keeps what it was asked; fails when told to."""

    def __init__(self, *chunks: Chunk) -> None:
        self.chunks = chunks
        self.asked: list[tuple[str, int, str]] = []
        self.error: Exception | None = None

    async def load(self) -> None:
        """Have nothing saved."""

    async def save(self) -> None:
        """Keep nothing."""

    def get_position(self) -> Mapping[str, int]:
        return {}

    def set_position(self, position: Mapping[str, int]) -> None:
        """Follow no log."""

    async def apply(self, part: DocumentChunks) -> None:
        """Take nothing in: what is found is given from the start."""

    async def search(self, query: str, *, limit: int, collection: str) -> list[Chunk]:
        self.asked.append((query, limit, collection))
        if self.error:
            raise self.error
        return list(self.chunks[:limit])

    async def close(self) -> None:
        """Hold nothing."""


@dataclass
class Measured(Metrics):
    """Keeps what was measured."""

    calls: list[tuple[str, str, str, int]] = field(default_factory=list)
    retrievals: list[str] = field(default_factory=list)
    runs: list[tuple[str, str]] = field(default_factory=list)

    def model_call(  # noqa: PLR0917  # the hook's signature
        self,
        model: str,
        provider: str,
        outcome: str,
        seconds: float,  # noqa: ARG002  # likewise
        tries: int = 1,
        input_tokens: int = 0,
        output_tokens: int = 0,  # noqa: ARG002  # likewise
    ) -> None:
        self.calls.append((model, f"{provider}/{tries}", outcome, input_tokens))

    def retrieval(self, outcome: str, seconds: float) -> None:  # noqa: ARG002  # likewise
        self.retrievals.append(outcome)

    def run_finished(self, workflow: str, status: str, seconds: float) -> None:  # noqa: ARG002  # likewise
        self.runs.append((workflow, status))


def runs(settings: Settings, metrics: Metrics) -> Runs:
    """Return the mind of the deciders for the built-in workflow."""
    return Runs(Definitions([ask(settings.ask)]), Limits(), PARTITIONS, metrics)


def assemble(world: World | None = None, **models: Mapping[str, Any]) -> Parts:
    """Return parts with scripted models: each by its name and the options of its script."""
    world = world or World()
    described = {
        name: ModelSettings(provider="scripted", options=dict(script), attempts=1, sampling={"max_tokens": 50})
        for name, script in (models or {"local": {}}).items()
    }
    settings = Settings.model_validate({"models": described, "ask": {"models": tuple(described), "strategy": "vote"}})
    metrics = Measured()
    configured = {
        name: ConfiguredModel(Scripted.from_settings(name, model), model, asyncio.Semaphore(1))
        for name, model in described.items()
    }
    decider: Decider[RunState] = Decider(world.delivery, runs(settings, metrics), state_topic="runs")
    return Parts(settings, configured, Embedder(), Store(), metrics, Tracer(), world.delivery, decider)


def received(event: Event, *, key: bytes | None = b"k", partition: int = 2, offset: int = 7) -> Received[Any]:
    """Return an event as an agent gets it."""
    return Received(event, key, "cause", "correlation", None, "topic", partition, offset, 1_700_000_000.0)
