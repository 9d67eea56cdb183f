"""A run and the budgets under which it falls: it asks them for money before it begins, and settles when it ends.

Each budget has one owner over all workers, which answers (see `accounting`). A run asks them one after the other,
in the order of the settings, so that no two runs wait for what the other one holds.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from urllib.parse import quote

from app.errors import BudgetExceeded
from app.settings import BudgetSettings
from app.workflows.definition.definitions import Definition
from app.workflows.kinds.base import Command
from app.workflows.run import Done, Response, Run
from topics.budgets import BudgetEvent, Terms
from topics.retrieval_results import RetrievalResult
from topics.step_results import StepResult
from topics.tasks import Task

EACH = "*"


def key(budget: BudgetSettings, task: Task) -> str | None:
    """Return the budget's key for a task, which names a tenant or workflow where each has its own; None: not for it."""
    parts = [budget.name]
    for wanted, actual in ((budget.tenant, task.tenant), (budget.workflow, task.workflow)):
        if wanted == EACH:
            parts.append(quote(actual, safe=""))
        elif wanted not in {None, actual}:
            return None
    return ":".join(parts)


def reserve(run: Run, definition: Definition, budgets: Iterable[BudgetSettings]) -> tuple[Run, list[Command]] | None:
    """Return the run as it waits for the next budget's answer; None when all have given it money.

    What another run pays for that waits for this one is not asked for twice.
    """
    for budget in budgets:
        found = key(budget, run.task)
        if found is not None and found not in run.charged:
            run = replace(run, budget=found)
            return run, [
                BudgetEvent(
                    id=request_id(run),
                    action="reserve",
                    budget=found,
                    task_id=run.task_id,
                    workflow=run.task.workflow,
                    turn=run.turn,
                    terms=terms(budget),
                    priority=definition.priority_of(run.task),
                    expires_at=datetime.fromtimestamp(run.deadline, UTC),
                )
            ]
    return None


def terms(budget: BudgetSettings) -> Terms:
    """Return what the owner of the budget must know of the settings."""
    return Terms(
        limit=budget.limit,
        period=budget.period,
        reserve=budget.reserve,
        when_exceeded=budget.when_exceeded,
        degrade_to=budget.degrade_to,
    )


def request_id(run: Run, budget: str = "") -> str:
    """Return the id under which the run asks a budget, by default the one that it asks now."""
    return f"{run.task_id}/budget:{budget or run.budget}"


def awaits(run: Run, answer: Response) -> bool:
    """Whether this is what a budget has answered that the run is still to ask: a crash has set it back."""
    return not (run.budget or run.paid) and answer.id.startswith(f"{run.task_id}/budget:")


def funded(run: Run, granted: StepResult) -> Run:
    """Return the run as the budget that it has asked gives it money; it may use what all that are used up allow."""
    run = replace(run, budget="", paid=(*run.paid, run.budget))
    if granted.id in run.early:
        run = replace(run, early={id_: one for id_, one in run.early.items() if id_ != granted.id})
    if not granted.degraded or not isinstance(granted.output, list):
        return run
    left = tuple(str(model) for model in granted.output if run.models is None or model in run.models)
    return replace(run, models=left)


def out_of_time(run: Run) -> BudgetExceeded:
    """Return why a run ends that has waited for money until its deadline."""
    return BudgetExceeded(f"the run's deadline passed before the budget {run.budget} had money for it")


def settle(run: Run, cost: float) -> Iterator[BudgetEvent]:
    """Yield what tells each budget that has given, or may still give, money what the run has cost (US dollars)."""
    for budget in filter(None, (*run.paid, run.budget)):
        yield BudgetEvent(
            id=request_id(run, budget),
            action="settle",
            budget=budget,
            task_id=run.task_id,
            workflow=run.task.workflow,
            turn=run.turn,
            cost=cost,
            expires_at=datetime.fromtimestamp(run.deadline, UTC),
        )


def remembered(run: Run, until: float) -> Done:
    """Return what is remembered of a run that ends: with it, what it may still have to pay for."""
    budgets = (*run.charged, *filter(None, (run.budget,)))  # after a crash, steps may have begun before it is noted
    if not budgets:
        return Done(run.digest, until)
    unpaid = frozenset[str]().union(*(step.outstanding | step.unawaited for step in run.steps.values()))
    return Done(run.digest, until, run.task.workflow, budgets, unpaid, run.turn)


def overdue(done: Done, late: Response) -> tuple[Done, list[Command]]:
    """Charge what an answer has cost that came after the end of the run."""
    if late.id not in done.unpaid:
        return done, []
    cost = 0.0 if isinstance(late, RetrievalResult) else late.usage.cost
    events: list[Command] = [
        BudgetEvent(
            id=f"{late.id}/budget:{budget}",
            action="charge",
            budget=budget,
            task_id=late.task_id,
            workflow=done.workflow,
            turn=done.turn,
            cost=cost,
            expires_at=datetime.fromtimestamp(done.forget_at, UTC),
        )
        for budget in (done.budgets if cost else ())
    ]
    return replace(done, unpaid=done.unpaid - {late.id}), events
