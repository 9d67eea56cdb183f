"""The port of the verbs: both sides give the same objects, so that a verb prints the same whichever it uses."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:  # each verb loads only what it needs
    from app.admin.budgets import BudgetRow
    from app.admin.consumer_group import ConsumerGroup
    from app.admin.spend_totals import GroupBy, SpendRow
    from app.cli.runs.listing import RunRow
    from app.cli.tasks.stream_printer import StreamPrinter
    from app.cli.tasks.task_batch import Batch
    from app.cli.tasks.task_lines import InvalidLine, TaskLine
    from app.runs.views import RunView, Status
    from topics.results import Result
    from topics.signals import Signal
    from topics.tasks import Task


@dataclass(frozen=True, slots=True)
class RunFilter:
    """Which runs are wanted; a side may return more of them."""

    since: float | None = None
    status: Status | None = None
    workflow: str | None = None
    children: bool = False
    limit: int = 50


@dataclass(frozen=True, slots=True)
class SpendReport:
    """What was spent: the groups, and the sum of all."""

    rows: Sequence[SpendRow]
    total: SpendRow


@dataclass(frozen=True, slots=True)
class DeployedWorkflow:
    """A deployed workflow with its active version, since when that is active, and by whom, where that is known."""

    workflow: str
    active: int | None
    versions: Sequence[int]
    since: datetime | None = None
    by: str | None = None


@dataclass(frozen=True, slots=True)
class StatusReport:
    """Whether an orchestrator is ready, with a sentence about it, and how many events wait on each topic.

    Over the API, the group of the workers is not known.
    """

    ready: bool
    detail: str
    http: str
    waiting: Mapping[str, int]
    group: ConsumerGroup | None = None


class Orchestrator(Protocol):
    """A running orchestrator.

    All methods raise an `OrchestratorError` if it cannot be reached, or refuses; those about a run, `NoSuchRun` if
    there is none.
    """

    max_event_bytes: int

    async def runs(self, wanted: RunFilter) -> list[RunRow]:
        """Return runs, newest first."""
        ...

    async def run(self, task_id: str) -> RunView:
        """Return a run step by step."""
        ...

    async def wait(self, task_id: str, timeout: float) -> Result:
        """Return the result of a run once there is one."""
        ...

    async def cancel(self, event: Signal, timeout: float) -> Result:
        """Cancel a run, and return its result."""
        ...

    async def signal(self, event: Signal) -> None:
        """Send a signal to a run."""
        ...

    async def decide(self, event: Signal) -> None:
        """Approve or reject the task of a run."""
        ...

    async def answer(self, task: Task, timeout: float) -> Result:
        """Send a task, and return its result."""
        ...

    def batch(
        self,
        *,
        on_bad: Callable[[InvalidLine], None],
        on_result: Callable[[Result], None],
        on_sent: Callable[[TaskLine], None],
    ) -> Batch:
        """Return what sends many tasks."""
        ...

    def streaming(self, printer: StreamPrinter) -> AbstractAsyncContextManager[None]:
        """Have answers printed while they are generated."""
        ...

    async def workflows(self) -> list[DeployedWorkflow]:
        """Return the deployed workflows by name."""
        ...

    async def workflow(self, name: str, version: int | None) -> tuple[str, Mapping[str, Any]]:
        """Return what a version of a workflow is called, and its specification."""
        ...

    async def spend(self, by: GroupBy, since: float | None, wanted: Mapping[str, str]) -> SpendReport:
        """Return what was spent since a time, in epoch seconds."""
        ...

    async def budgets(self) -> list[BudgetRow]:
        """Return the budgets by name."""
        ...

    async def status(self) -> StatusReport:
        """Return whether it is ready, and what waits."""
        ...
