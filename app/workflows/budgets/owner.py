"""The owner of a budget: it alone grants money, so that no two workers grant the same.

A budget can be exceeded by no more than what the active runs cost above their reservations: when a run gets money,
what is spent, what is reserved and what the run is expected to cost fit into the limit.
"""

from __future__ import annotations

from bisect import insort
from dataclasses import replace

from app.errors import BudgetExceeded
from app.timestamps import format_time
from app.workflows.budgets.state import SLACK, BudgetState, QueuedReservation, Reservation, mark
from topics.base import Failure
from topics.budgets import BudgetEvent
from topics.step_results import StepResult

#: How many settled runs are recognised. A crash repeats fewer; a run that is repeated later is counted twice.
_REMEMBERED = 1000

Decided = tuple[BudgetState, list[StepResult]]


def decide(
    state: BudgetState | None, event: BudgetEvent | None, now: float
) -> tuple[BudgetState | None, list[StepResult]]:
    """Return the budget's state after `event` (or, without one, after time has passed), and the answers to send.

    A repeated request is answered again, and a repeated settlement changes nothing, so that repeated events do no harm.
    """
    if state is None:
        if event is None or event.terms is None:
            return None, []  # nothing was reserved that could be settled
        state = BudgetState(event.budget, event.terms)
    budget_state, answers = state.at(now), list[StepResult]()
    match event:
        case BudgetEvent(action="reserve"):
            budget_state, answers = _reserve(budget_state, event, now)
        case BudgetEvent(action="settle"):
            budget_state = _settle(budget_state, event)
        case BudgetEvent(action="charge"):
            # A cost that was known too late to be settled.
            name = mark(event.id, event.turn)
            budget_state = budget_state if name in budget_state.settled else _pay(budget_state, name, event.cost)
    budget_state, served = _serve(budget_state)
    return budget_state, answers + served


def _settle(budget_state: BudgetState, event: BudgetEvent) -> BudgetState:
    """Count what a run has cost, and free its reservation."""
    name, held = mark(event.task_id, event.turn), budget_state.reserved.get(event.task_id)
    if held is None or name in budget_state.settled:  # then the reservation is of a task that was sent again
        return replace(
            budget_state, queue=tuple(place for place in budget_state.queue if place.task_id != event.task_id)
        )
    others = {task_id: one for task_id, one in budget_state.reserved.items() if task_id != event.task_id}
    budget_state = _pay(replace(budget_state, reserved=others), name, event.cost)
    # A degraded run does not show what the next one will cost when there is money again.
    return budget_state if held.degraded else budget_state.learned(event.workflow, event.cost)


def _pay(budget_state: BudgetState, name: str, cost: float) -> BudgetState:
    """Count a cost, and remember its mark."""
    settled = (*budget_state.settled, name)[-_REMEMBERED:]
    return replace(budget_state, spent=budget_state.spent + cost, settled=settled)


def _reserve(budget_state: BudgetState, event: BudgetEvent, now: float) -> Decided:
    """Answer a run that asks for money, unless it must wait; those that wait already come first."""
    budget_state, served = _serve(budget_state.under(event.terms or budget_state.terms, now))
    budget_state, answers = _answer(budget_state, event, now)
    return budget_state, served + answers


def _answer(budget_state: BudgetState, event: BudgetEvent, now: float) -> Decided:
    held = budget_state.reserved.get(event.task_id)
    if held or mark(event.task_id, event.turn) in budget_state.settled:
        return budget_state, [_granted(budget_state, event.task_id, event.id, degraded=bool(held and held.degraded))]
    waits = any(place.task_id == event.task_id for place in budget_state.queue)
    if waits or event.expires_at.timestamp() + SLACK <= now:  # the run has ended meanwhile
        return budget_state, []
    rank, expires_at = (-event.priority, budget_state.arrivals), event.expires_at.timestamp()
    place = QueuedReservation(rank, event.task_id, event.id, event.workflow, expires_at)
    if budget_state.has_room(event.workflow) and not budget_state.queue:
        return _grant(budget_state, place)
    return _without_room(budget_state, place)


def _without_room(budget_state: BudgetState, place: QueuedReservation) -> Decided:
    match budget_state.terms.when_exceeded:
        case "queue":
            queue = list(budget_state.queue)
            insort(queue, place, key=lambda one: one.rank)
            return replace(budget_state, queue=tuple(queue), arrivals=budget_state.arrivals + 1), []
        case "degrade":
            return _grant(budget_state, place, degraded=True)
        case "refuse":
            error = _refusal(budget_state, place.workflow)
            return budget_state, [StepResult(id=place.request_id, task_id=place.task_id, error=error)]


def _serve(budget_state: BudgetState) -> Decided:
    """Grant money to those that wait, as far as it goes."""
    first = budget_state.first()
    if not first:
        return budget_state, []
    reserved = {**budget_state.reserved, **{place.task_id: _reservation(budget_state, place) for place in first}}
    budget_state = replace(budget_state, reserved=reserved, queue=budget_state.queue[len(first) :])
    return budget_state, [_granted(budget_state, place.task_id, place.request_id) for place in first]


def _grant(budget_state: BudgetState, place: QueuedReservation, *, degraded: bool = False) -> Decided:
    reservation = _reservation(budget_state, place, degraded=degraded)
    budget_state = replace(budget_state, reserved={**budget_state.reserved, place.task_id: reservation})
    return budget_state, [_granted(budget_state, place.task_id, place.request_id, degraded=degraded)]


def _reservation(budget_state: BudgetState, place: QueuedReservation, *, degraded: bool = False) -> Reservation:
    amount = 0.0 if degraded else budget_state.estimate(place.workflow)
    return Reservation(place.workflow, amount, place.expires_at + SLACK, degraded)


def _granted(budget_state: BudgetState, task_id: str, request_id: str, *, degraded: bool = False) -> StepResult:
    """Return the answer to a run that may begin; to a degraded one, with the models that it may use."""
    models = list(budget_state.terms.degrade_to) if degraded else None
    return StepResult(id=request_id, task_id=task_id, output=models, degraded=degraded)


def _refusal(budget_state: BudgetState, workflow: str) -> Failure:
    asked, left = budget_state.estimate(workflow), budget_state.left
    of_what = "what runs of its workflow cost" if workflow in budget_state.costs else "the budget's `reserve`"
    return Failure.of(
        BudgetExceeded(
            f"the budget {budget_state.budget} has not enough left for another run: "
            f"the run asks for {asked:.4g} USD ({of_what}), and {left:.4g} are left; "
            f"of {budget_state.terms.limit:g} USD, {budget_state.spent:.4g} are spent "
            f"and {budget_state.total_reserved:.4g} reserved for active runs; "
            f"it renews at {format_time(budget_state.ends_at)}"
        )
    )
