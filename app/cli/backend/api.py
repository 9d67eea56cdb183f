"""An orchestrator that is reached over its gateway."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import BaseModel

from app.admin.spend_totals import GroupBy, SpendRow
from app.cli.backend.api_batch import ApiTaskBatch, submitted
from app.cli.backend.base import DeployedWorkflow, RunFilter, SpendReport, StatusReport
from app.cli.runs.control import NoSuchRun
from app.cli.runs.listing import RunRow
from app.cli.target import Api
from app.cli.tasks.stream_printer import StreamPrinter
from app.cli.tasks.task_lines import InvalidLine, TaskLine
from app.durations import format_duration
from app.errors import DeadlineExceeded, OrchestratorError
from app.runs.views import RunView
from app.settings import DeliverySettings
from topics.results import Result
from topics.signals import Signal
from topics.tasks import Task

if TYPE_CHECKING:
    from app.admin.budgets import BudgetRow
    from meta_ai_orchestrator import AsyncClient

#: Seconds: what the gateway takes at most.
_LONGEST_WINDOW = 366 * 86400.0
V = TypeVar("V", bound=BaseModel)


class ApiRefused(OrchestratorError):
    """The gateway refused, or cannot be reached; the message says why."""

    code = "api"


@asynccontextmanager
async def open_api(target: Api) -> AsyncIterator[ApiOrchestrator]:
    """Yield an orchestrator.

    Raises:
        NoSuchRun: there is no such run, or it has ended.
        ApiRefused: whatever else the client reports.
    """
    import meta_ai_orchestrator as sdk  # noqa: PLC0415  # only this side needs it

    try:
        async with sdk.AsyncClient(base_url=target.base_url, api_key=target.key) as client:
            yield ApiOrchestrator(client, target)
    except sdk.APIError as error:
        if error.code in {"unknown_task", "unknown_run", "already_ended"}:
            raise NoSuchRun(error.detail) from None
        raise ApiRefused(f"{target.base_url}: {error}") from None
    except sdk.MetaAIError as error:
        raise ApiRefused(f"{target.base_url}: {error}") from None


class ApiOrchestrator:
    """Uses the gateway as any client does."""

    max_event_bytes = DeliverySettings().max_event_bytes

    def __init__(self, client: AsyncClient, target: Api) -> None:
        self._client = client
        self._target = target

    async def runs(self, wanted: RunFilter) -> list[RunRow]:
        """Return the newest runs that are wanted, one more than so many."""
        found: list[RunRow] = []
        listed = self._client.runs.list(
            workflow=wanted.workflow, status=wanted.status, children=wanted.children or wanted.workflow is not None
        )
        async for run in listed:
            if wanted.since is not None and run.accepted_at.timestamp() < wanted.since:
                break
            found.append(_as(RunRow, {name: value for name, value in run.to_dict().items() if value is not None}))
            if len(found) > wanted.limit:
                break
        return found

    async def run(self, task_id: str) -> RunView:
        """Return a run step by step."""
        return _as(RunView, (await self._client.runs.get(task_id)).to_dict())

    async def wait(self, task_id: str, timeout: float) -> Result:
        """Return the result of a run once there is one.

        Raises:
            DeadlineExceeded: it has not ended after `timeout` seconds.
        """
        from meta_ai_orchestrator import WaitTimeoutError  # noqa: PLC0415  # only this side needs it

        try:
            found = await self._client.results.wait(task_id, timeout=timeout)
        except WaitTimeoutError:
            text = f"the run {task_id} has not ended within {format_duration(timeout)}: meta-ai runs show {task_id}"
            raise DeadlineExceeded(text) from None
        return _as(Result, found.to_dict())

    async def cancel(self, event: Signal, timeout: float) -> Result:
        """Cancel a run, and return its result."""
        await self._client.tasks.cancel(event.task_id, reason=event.name)
        return await self.wait(event.task_id, timeout)

    async def signal(self, event: Signal) -> None:
        """Send a signal to a run."""
        await self._client.tasks.signal(event.task_id, event.name, event.payload)

    async def decide(self, event: Signal) -> None:
        """Approve or reject the task of a run."""
        tasks = self._client.tasks
        await (tasks.approve if event.kind == "approve" else tasks.reject)(event.task_id, reason=event.name)

    async def answer(self, task: Task, timeout: float) -> Result:
        """Send a task, and return its result.

        Raises:
            DeadlineExceeded: there is none after `timeout` seconds.
        """
        (outcome,) = await self._client.tasks.batch([submitted(task)])
        if not outcome.id:
            raise ApiRefused(f"{self._target.base_url}: {(outcome.problem or {}).get('detail', outcome.status)}")
        try:
            return await self.wait(outcome.id, timeout)
        except DeadlineExceeded:
            text = f"no answer within {format_duration(timeout)}; it may still come: meta-ai runs wait {outcome.id}"
            raise DeadlineExceeded(text) from None

    def batch(
        self,
        *,
        on_bad: Callable[[InvalidLine], None],
        on_result: Callable[[Result], None],
        on_sent: Callable[[TaskLine], None],
    ) -> ApiTaskBatch:
        """Return what sends many tasks."""
        return ApiTaskBatch(self._client, self.wait, on_bad=on_bad, on_result=on_result, on_sent=on_sent)

    def streaming(self, printer: StreamPrinter) -> AbstractAsyncContextManager[None]:
        """Refuse.

        Raises:
            ApiRefused: always.
        """
        del printer
        raise ApiRefused("--stream needs a broker: leave it out, or name one with --bootstrap-servers")

    async def workflows(self) -> list[DeployedWorkflow]:
        """Return the deployed workflows by name, without those that are built in."""
        found = []
        async for workflow in self._client.workflows.list():
            versions = [one async for one in self._client.workflows.versions(workflow.id)]
            active = next((one.version for one in versions if one.active), None)
            if any(one.deployed_at for one in versions):
                found.append(DeployedWorkflow(workflow.id, active, [one.version for one in versions]))
        return found

    async def workflow(self, name: str, version: int | None) -> tuple[str, Mapping[str, Any]]:
        """Return what a version of a workflow is called, and its specification."""
        spec = await self._client.workflows.get(name, version=version)
        return f"version {spec.get('version', 1)}", spec

    async def spend(self, by: GroupBy, since: float | None, wanted: Mapping[str, str]) -> SpendReport:
        """Return what was spent since a time, at most a year ago."""
        window = _LONGEST_WINDOW if since is None else min(_LONGEST_WINDOW, max(1.0, time.time() - since))
        found = await self._client.spend.get(by=by, window=window, **wanted)
        return SpendReport([_as(SpendRow, row.to_dict()) for row in found.data], _as(SpendRow, found.total.to_dict()))

    async def budgets(self) -> list[BudgetRow]:
        """Return the budgets by name."""
        from app.admin.budgets import BudgetRow  # noqa: PLC0415  # templates and expressions, which few need

        return [_as(BudgetRow, row.to_dict()) async for row in self._client.budgets.list()]

    async def status(self) -> StatusReport:
        """Return whether the gateway is ready, and what waits; it knows no workers."""
        health = await self._client.with_options(max_retries=0).request("GET", "/v1/health")
        figures = await self._client.metrics.query(window=60.0)
        waiting = {one.topic: one.waiting for one in figures.queues}
        detail = str(health.json().get("status", "ready"))
        return StatusReport(ready=True, detail=detail, http=self._target.base_url, waiting=waiting)


def _as(kind: type[V], fields: Mapping[str, Any]) -> V:
    """Return what the API has answered as the commands have it."""
    return kind.model_validate(fields)
