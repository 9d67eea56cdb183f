"""What the demo does, from the start of the broker to the last answer."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import nullcontext
from pathlib import Path

from app.admin import document_sending
from app.brokers.base import Connection
from app.brokers.open import open_broker
from app.cli import run_state
from app.cli.demo import report
from app.cli.demo.model_choice import greet
from app.cli.orchestrator import hosting
from app.cli.orchestrator.serving import RunningWorker, SignalHandler, configure_logs, serve_worker
from app.cli.output import Output
from app.cli.tasks import task_lines
from app.cli.tasks.task_batch import TaskBatch
from app.cli.tasks.task_lines import InvalidLine, TaskLine
from app.client.client import Client, attach
from app.client.pending_keys import PendingKeys
from app.errors import BrokerError, ConfigurationError
from app.retrieval.files import read_documents
from app.retrieval.parsing.formats import ENDINGS
from app.settings import Settings
from topics import CHUNKS
from topics.audit import AuditEvent
from topics.documents import Document
from topics.results import Result
from topics.tasks import Task

_TIMEOUT = 120.0
#: For all documents together, as that of `documents add`: on a busy machine they take minutes.
_INGEST = 600.0
_BROKERS = {"embedded": "embedded, in memory", "kafka": "Apache Kafka on this machine", "cluster": "your cluster"}


class Demo:
    """Runs the demo once; `results` are those that came, in their order."""

    def __init__(self, settings: Settings, output: Output, started: float, *, other_model: bool = False) -> None:
        self.results: list[Result] = []
        self.convincing = False
        self._settings = settings
        self._output = output
        self._started = started
        self._other_model = other_model
        self._times = report.DemoTimes()
        self._chunks = 0

    async def run(self, docs: Sequence[Path], questions: Path, *, root: Path, keep: bool) -> None:
        """Show everything; with `keep`, stay up until a signal comes. Sources are named from `root` on.

        Raises:
            OrchestratorError: something could not be started, or did not come in time.
        """
        tasks, found = _tasks(questions), _documents(docs, root)
        if self._other_model:
            await greet(self._settings, _TIMEOUT)
        interruption, place = SignalHandler(), run_state.path_for(None, os.environ)
        configure_logs(self._settings)
        with interruption.handled(), run_state.claimed(place) if keep else nullcontext():
            async with open_broker(self._settings.broker) as connection:
                self._say(f"broker ready at {connection.bootstrap_servers}, {_BROKERS[self._settings.broker.kind]}")
                async with (
                    serve_worker(self._settings, connection) as running,
                    attach(self._settings, connection) as client,
                ):
                    await self._show(client, running, found, tasks)
                    if keep:
                        await self._stay(connection, running, interruption, place)

    async def _show(
        self, client: Client, running: RunningWorker, found: Sequence[Document], tasks: Sequence[Task]
    ) -> None:
        await _ready(running)
        self._times.ready = self._elapsed()
        self._say(f"worker and models ready, health at http://{running.http}/readyz")
        await self._ingest(client, running, found)
        self._times.ingested = self._elapsed()
        await self._ask(client, tasks)
        self._times.finished = self._elapsed()
        self.convincing = report.all_answered(self.results, tasks)
        report.show(self._output, self.results, len(tasks), self._times, self._chunks)
        report.say_model(self._output, self._settings, other=self._other_model)

    async def _ingest(self, client: Client, running: RunningWorker, found: Sequence[Document]) -> None:
        self._chunks = 0
        with self._output.progress() as progress:
            bar = progress.add_task("reading documents", total=len(found))

            def each(event: AuditEvent) -> None:
                self._chunks += int(str(event.details.get("chunks", 0)))
                progress.advance(bar)

            failed: list[str] = []
            ingestion = document_sending.Ingestion(each, lambda name, letter: failed.append(f"{name}: {letter.error}"))
            await ingestion.run(client, found, _INGEST)
        if failed:
            raise ConfigurationError("\n".join(f"--docs: {one}" for one in failed))
        await _indexed(client, running)
        self._say(f"{len(found)} documents cut into {self._chunks} chunks, embedded and indexed")

    async def _ask(self, client: Client, tasks: Sequence[Task]) -> None:
        asked = {str(task.id): str(task.input.get("question", "")) for task in tasks}
        with self._output.progress() as progress:
            bar = progress.add_task("asking", total=len(tasks))

            def on_result(result: Result) -> None:
                self._times.first = self._times.first or self._elapsed()
                self.results.append(result)
                progress.advance(bar)
                report.answer(self._output, asked[result.task_id], result)

            batch = TaskBatch(client, on_bad=lambda _: None, on_result=on_result)
            async with batch.collecting() as waiting:
                await batch.send(_each(tasks))
                await _wait_for_results(waiting)

    async def _stay(
        self, connection: Connection, running: RunningWorker, interruption: SignalHandler, place: Path
    ) -> None:
        said = hosting.describe_running(self._settings, connection, running)
        with run_state.published(place, said):
            self._say("still running; press Ctrl-C to stop")
            hosting.announce(self._settings, connection, running, self._output)
            await interruption.wait(running.worker)

    def _elapsed(self) -> float:
        return time.perf_counter() - self._started

    def _say(self, text: str) -> None:
        self._output.say(f"{self._elapsed():6.2f} s  {text}", style="dim")


def _tasks(path: Path) -> list[Task]:
    """Read the questions.

    Raises:
        ConfigurationError: the file cannot be read, has no questions, or a line is not one.
    """
    found = []
    try:
        text = path.read_bytes()
    except OSError as problem:
        raise ConfigurationError(f"--questions {path}: {problem.strerror}") from None
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip():
            task = task_lines.parse_strictly(number, line, max_bytes=1024 * 1024)
            if isinstance(task, InvalidLine):
                raise ConfigurationError(f"{path}:{number}: {task.reason}")
            found.append(task)
    if not found:
        raise ConfigurationError(f'--questions {path}: no question in it; a line is {{"question": "…"}}')
    return found


def _documents(paths: Sequence[Path], root: Path) -> list[Document]:
    found = list(read_documents(paths, root=root))
    if not found:
        raise ConfigurationError(f"--docs {paths[0]}: no documents in it; they end in {ENDINGS}")
    return found


async def _each(tasks: Sequence[Task]) -> AsyncIterator[TaskLine]:
    for number, task in enumerate(tasks, 1):
        yield TaskLine(number, task)


async def _wait_for_results(waiting: PendingKeys) -> None:
    """Wait for all results, and give up only when none has come for long: a slow machine needs its time."""
    left = -1
    while left != len(waiting.left) and not await waiting.settled(0.0):
        left = len(waiting.left)
        await waiting.settled(_TIMEOUT)


async def _ready(running: RunningWorker) -> None:
    try:
        async with asyncio.timeout(_TIMEOUT):
            await running.worker.ready()
    except TimeoutError:
        states = "; ".join(detail for ok, detail in (check() for check in running.worker.checks().values()) if not ok)
        raise BrokerError(f"the worker is not ready after {_TIMEOUT:g} s: {states}") from None


async def _indexed(client: Client, running: RunningWorker) -> None:
    """Return when the worker's index has taken in all chunks that are on their topic now."""
    ranges = await client.bounds([CHUNKS])
    position = running.worker.index_position
    async with asyncio.timeout(_TIMEOUT):
        while any(position.get(place.partition, span.begin) < span.end for place, span in ranges.items()):  # noqa: ASYNC110  # an index tells nobody how far it is
            await asyncio.sleep(0.01)
