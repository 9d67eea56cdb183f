"""A run and the budgets that apply to it: it asks them for money before it begins, and settles when it ends.

Each budget has one owner over all workers, which answers (see `owner`). A run asks them one after the other,
in the order of the settings, so that no two runs wait for what the other one holds.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
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
#: US dollars that a sender's own budget reserves for a run until its workflow has shown what it costs.
_RESERVE = BudgetSettings.model_fields["reserve"].default


def key(budget: BudgetSettings, task: Task) -> str | None:
    """Return the budget's key for a task, which names a tenant or workflow where each has its own; None: not for it."""
    parts = [budget.name]
    for wanted, actual in ((budget.tenant, task.tenant), (budget.workflow, task.workflow)):
        if wanted == EACH:
            parts.append(quote(actual, safe=""))
        elif wanted not in {None, actual}:
            return None
    return ":".join(parts)


def applying(task: Task, budgets: Sequence[BudgetSettings]) -> Sequence[BudgetSettings]:
    """Return the budgets of the settings, and after them that of whoever sent the task, if they have one."""
    if (own := task.spend_limit) is None:
        return budgets
    reserve = min(_RESERVE, own.limit)
    return [*budgets, BudgetSettings(name=own.name, limit=own.limit, period=own.period, reserve=reserve)]


def reserve(run: Run, definition: Definition, budgets: Iterable[BudgetSettings]) -> tuple[Run, list[Command]] | None:
    """Return the run when it waits for the next budget's answer; None when all have given it money.

    A budget that the parent run has asked is not asked again.
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
    """Return the settings that the owner of the budget needs."""
    return Terms(
        limit=budget.limit,
        period=budget.period,
        reserve=budget.reserve,
        when_exceeded=budget.when_exceeded,
        degrade_to=budget.degrade_to,
    )


def request_id(run: Run, budget: str = "") -> str:
    """Return the id of the run's request to a budget, by default the one that it waits for."""
    return f"{run.task_id}/budget:{budget or run.budget}"


def awaits(run: Run, answer: Response) -> bool:
    """Whether this is the answer of a budget that the run has not asked yet, since a crash has set it back."""
    return not (run.budget or run.paid) and answer.id.startswith(f"{run.task_id}/budget:")


def funded(run: Run, granted: StepResult) -> Run:
    """Return the run with money of the budget that it has asked; degraded, it may only use the models that are left."""
    run = replace(run, budget="", paid=(*run.paid, run.budget))
    if granted.id in run.early:
        run = replace(run, early={id_: one for id_, one in run.early.items() if id_ != granted.id})
    if not granted.degraded or not isinstance(granted.output, list):
        return run
    left = tuple(str(model) for model in granted.output if run.models is None or model in run.models)
    return replace(run, models=left)


def out_of_time(run: Run) -> BudgetExceeded:
    """Return the error of a run that has waited for money until its deadline."""
    return BudgetExceeded(f"the run's deadline passed before the budget {run.budget} had money for it")


def settle(run: Run, cost: float) -> Iterator[BudgetEvent]:
    """Yield the run's cost (US dollars) for each budget that has given money, or may still give some."""
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
    """Return what is remembered of a run that ends, with the requests that it may still have to pay for."""
    budgets = (
        *run.charged,
        *filter(None, (run.budget,)),
    )  # after a crash, steps may have begun before the grant is saved
    if not budgets:
        return Done(run.digest, until)
    unpaid = frozenset[str]().union(*(step.outstanding | step.unawaited for step in run.steps.values()))
    return Done(run.digest, until, run.task.workflow, budgets, unpaid, run.turn)


def charge_late(done: Done, late: Response) -> tuple[Done, list[Command]]:
    """Charge the cost of an answer that was received after the end of the run."""
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
