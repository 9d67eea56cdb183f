"""Serve a worker and its health pages until a signal ends it."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import typer

from app.api.health import HealthServer
from app.brokers.base import Connection
from app.cli.event_loop import tune_garbage_collector
from app.configuration import LiveSettings
from app.errors import BrokerError, OrchestratorError
from app.models.http.endpoint import ambient_secrets
from app.settings import Settings
from app.telemetry import logs, setup
from app.worker.components import components
from app.worker.worker import Worker

_SIGNALS = (signal.SIGINT, signal.SIGTERM)
_INTERRUPTED = 130


@dataclass(frozen=True, slots=True)
class RunningWorker:
    """The worker, and the host:port of its health pages."""

    worker: Worker
    http: str


def configure_logs(settings: Settings, live: LiveSettings | None = None) -> None:
    """Log as the settings say, from before the broker is opened: clients have much to say while it starts.

    The secrets of `live` settings are redacted as they change.
    """
    secrets = live.secrets if live else settings.secrets()
    logs.configure(settings.telemetry, [*secrets, *ambient_secrets(os.environ)])
    if live:
        live.changed = lambda: configure_logs(settings, live)


@asynccontextmanager
async def serve_worker(
    settings: Settings, connection: Connection, live: LiveSettings | None = None
) -> AsyncIterator[RunningWorker]:
    """Run a worker and its health pages while the context lasts; on exit, events in flight are finished.

    Raises:
        OrchestratorError: one of them cannot be started.
    """
    measured = setup.build_metrics(settings.telemetry)
    tracer = setup.build_tracer(settings.telemetry, settings.app_id)
    worker = Worker(settings, connection, components(settings, measured, live), tracer)
    server = HealthServer(settings.server, worker.checks(), measured if settings.telemetry.metrics else None)
    await server.start()
    try:
        await worker.start()
        tune_garbage_collector()
        try:
            yield RunningWorker(worker, f"{settings.server.bind_address}:{server.port}")
        finally:
            await worker.stop()
    finally:
        await server.stop()
        await asyncio.to_thread(tracer.shutdown)


class SignalHandler:
    """Handles SIGTERM and SIGINT: the first stops gracefully, the second at once.

    While the service starts, the first already stops it at once.
    """

    def __init__(self) -> None:
        self._stop = asyncio.Event()
        self._task = asyncio.current_task()
        self._serving = False
        self._at_once = False

    @contextmanager
    def handled(self) -> Iterator[None]:
        """Handle the signals while the context lasts; exits with code 130 when stopped at once.

        Whoever stops this process may stop its broker at the same moment, as systemd does: that is no error then.
        """
        loop = asyncio.get_running_loop()
        for number in _SIGNALS:
            with suppress(NotImplementedError):  # on Windows, Ctrl-C raises KeyboardInterrupt instead
                loop.add_signal_handler(number, self._interrupt)
        try:
            yield
        except asyncio.CancelledError:
            if self._at_once:
                raise typer.Exit(_INTERRUPTED) from None
            raise
        except BrokerError:
            if not self._stop.is_set():
                raise
        finally:
            for number in _SIGNALS:
                with suppress(NotImplementedError):
                    loop.remove_signal_handler(number)

    async def wait(self, worker: Worker | None = None) -> None:
        """Return when a signal has arrived.

        Raises:
            OrchestratorError: the worker stopped unexpectedly.
        """
        self._serving = True
        waiting: list[asyncio.Task[Any]] = [asyncio.create_task(self._stop.wait())]
        if worker:
            waiting.append(asyncio.create_task(worker.broken()))
        try:
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for one in waiting:
                one.cancel()
        if not self._stop.is_set():
            raise OrchestratorError("the worker stopped unexpectedly; see its log")

    def _interrupt(self) -> None:
        if self._serving and not self._stop.is_set():
            self._stop.set()
        elif self._task:
            self._at_once = True
            self._task.cancel()
