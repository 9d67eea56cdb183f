"""Open the orchestrator that a command is to talk to."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TypeVar

from app.cli.backend.base import Orchestrator
from app.cli.event_loop import run
from app.cli.target import Api, find_target

T = TypeVar("T")


@asynccontextmanager
async def open_orchestrator(config: Path | None, servers: str | None) -> AsyncIterator[Orchestrator]:
    """Yield the orchestrator that the options, contexts and settings name.

    Raises:
        OrchestratorError: none is named, or it cannot be reached.
    """
    target = find_target(config, servers)
    if isinstance(target, Api):
        from app.cli.backend.api import open_api  # noqa: PLC0415  # either side loads what only it needs

        async with open_api(target) as orchestrator:
            yield orchestrator
        return
    from app.cli.backend.kafka import KafkaOrchestrator  # noqa: PLC0415  # likewise
    from app.client.client import connect  # noqa: PLC0415  # likewise

    async with connect(target) as client:
        yield KafkaOrchestrator(client, config)


def with_orchestrator(config: Path | None, servers: str | None, work: Callable[[Orchestrator], Awaitable[T]]) -> T:
    """Run `work` with the orchestrator, and return its result."""

    async def opened() -> T:
        async with open_orchestrator(config, servers) as orchestrator:
            return await work(orchestrator)

    return run(opened())
