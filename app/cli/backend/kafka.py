"""An orchestrator whose broker can be reached."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from app.admin import deployments, spend_totals
from app.admin.consumer_group import inspect
from app.admin.deployments import DeployedWorkflows
from app.admin.readiness import readiness
from app.admin.spend_totals import GroupBy, SpendTotals
from app.cli import run_state
from app.cli.backend.base import DeployedWorkflow, RunFilter, SpendReport, StatusReport
from app.cli.runs import control, listing
from app.cli.runs.listing import RunRow
from app.cli.tasks.answering import answer
from app.cli.tasks.stream_printer import StreamPrinter
from app.cli.tasks.task_batch import TaskBatch
from app.cli.tasks.task_lines import InvalidLine, TaskLine
from app.client.client import Client
from app.errors import ConfigurationError
from app.runs.views import RunView
from app.workflows.definition.builtin import workflows
from app.workflows.definition.deployment import plain
from topics.results import Result
from topics.signals import Signal
from topics.tasks import Task

if TYPE_CHECKING:
    from app.admin.budgets import BudgetRow


class KafkaOrchestrator:
    """Reads topics, and writes to them."""

    def __init__(self, client: Client, config: Path | None) -> None:
        self._client = client
        self._config = config
        self.max_event_bytes = client.settings.delivery.max_event_bytes

    async def runs(self, wanted: RunFilter) -> list[RunRow]:
        """Return all runs since a time, newest first."""
        return await listing.read(self._client, wanted.since)

    async def run(self, task_id: str) -> RunView:
        """Return a run step by step."""
        from app.runs.run_view import build_run_view  # noqa: PLC0415  # templates and expressions, which few need

        return build_run_view(await control.find_run(self._client, task_id), time.time())

    async def wait(self, task_id: str, timeout: float) -> Result:
        """Return the result of a run once there is one."""
        return await control.wait(self._client, task_id, timeout)

    async def cancel(self, event: Signal, timeout: float) -> Result:
        """Cancel a run, and return its result."""
        return await control.cancel(self._client, event, timeout)

    async def signal(self, event: Signal) -> None:
        """Send a signal to a run."""
        await control.signal(self._client, event)

    async def decide(self, event: Signal) -> None:
        """Approve or reject the task of a run."""
        await control.decide(self._client, event)

    async def answer(self, task: Task, timeout: float) -> Result:
        """Send a task, and return its result."""
        return await answer(self._client, task, timeout)

    def batch(
        self,
        *,
        on_bad: Callable[[InvalidLine], None],
        on_result: Callable[[Result], None],
        on_sent: Callable[[TaskLine], None],
    ) -> TaskBatch:
        """Return what sends many tasks."""
        return TaskBatch(self._client, on_bad=on_bad, on_result=on_result, on_sent=on_sent)

    def streaming(self, printer: StreamPrinter) -> AbstractAsyncContextManager[None]:
        """Have answers printed while they are generated."""
        return printer.following(self._client)

    async def workflows(self) -> list[DeployedWorkflow]:
        """Return the deployed workflows by name."""
        deployed = await deployments.read(self._client)
        return [_row(deployed, workflow) for workflow in sorted({name for name, _ in deployed.versions})]

    async def workflow(self, name: str, version: int | None) -> tuple[str, Mapping[str, Any]]:
        """Return what a version of a workflow is called, and its specification.

        Raises:
            ConfigurationError: there is no such version.
        """
        deployed = await deployments.read(self._client)
        built_in = {one.id: one for one in workflows(self._client.settings)}
        if name in built_in and name not in deployed.numbers and version is None:
            return "built in", plain(built_in[name], 1)
        versions = deployed.of(name)
        wanted = version or deployed.numbers.get(name) or max(versions)
        if wanted not in versions:
            there = ", ".join(map(str, versions))
            raise ConfigurationError(f"{name}: unknown version {wanted}; deployed versions: {there}")
        return f"version {wanted}", versions[wanted].spec or {}

    async def spend(self, by: GroupBy, since: float | None, wanted: Mapping[str, str]) -> SpendReport:
        """Return what was spent since a time."""
        sums = SpendTotals(by)
        await spend_totals.read(self._client, sums, since, dict(wanted))
        return SpendReport(sums.rows(), sums.total())

    async def budgets(self) -> list[BudgetRow]:
        """Return the budgets by name."""
        from app.admin import budgets  # noqa: PLC0415  # likewise

        return await budgets.read(self._client)

    async def status(self) -> StatusReport:
        """Return whether the worker here is ready, and the group of all."""
        running = run_state.read(run_state.path_for(self._config, os.environ))
        server = self._client.settings.server
        http = running.http if running else f"{server.bind_address}:{server.port}"
        ready, detail = await asyncio.to_thread(readiness, http)
        group = await inspect(self._client)
        return StatusReport(ready, detail, http, {one.topic: one.waiting for one in group.topics}, group)


def _row(deployed: DeployedWorkflows, workflow: str) -> DeployedWorkflow:
    active = deployed.active.get(workflow)
    return DeployedWorkflow(
        workflow=workflow,
        active=active.version if active else None,
        versions=list(deployed.of(workflow)),
        since=active.at if active else None,
        by=active.actor if active else None,
    )
