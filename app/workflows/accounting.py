"""The owner of a budget: it alone decides who gets money of it, so that no two workers give away the same.

A budget can be exceeded by no more than what the runs under way cost above what was kept back for them: at the
moment in which a run gets money, what is spent, what is reserved and what it is expected to cost fit into the limit.
"""

from __future__ import annotations

from bisect import insort
from dataclasses import replace
from datetime import UTC, datetime

from app.errors import BudgetExceeded
from app.workflows.account import SLACK, Account, Place, Reservation, mark
from topics.base import Failure
from topics.budgets import BudgetEvent
from topics.step_results import StepResult

#: A crash may repeat the runs of the last moment, which are fewer. One that is repeated later is counted twice.
_REMEMBERED = 1000

Outcome = tuple[Account, list[StepResult]]


def decide(state: Account | None, event: BudgetEvent | None, now: float) -> tuple[Account | None, list[StepResult]]:
    """Return the account after `event` (or, without one, after time has passed), and the answers that are due.

    Asking twice is answered twice, and settling twice changes nothing, so that repeated events do no harm.
    """
    if state is None:
        if event is None or event.terms is None:
            return None, []  # what is settled was never reserved
        state = Account(event.budget, event.terms)
    account, answers = state.at(now), list[StepResult]()
    match event:
        case BudgetEvent(action="reserve"):
            account, answers = _reserve(account, event, now)
        case BudgetEvent(action="settle"):
            account = _settle(account, event)
        case BudgetEvent(action="charge"):
            account = _charge(account, event)
    account, served = _serve(account)
    return account, answers + served


def _settle(account: Account, event: BudgetEvent) -> Account:
    """Count what a run has cost, and free what was kept back for it."""
    name, held = mark(event.task_id, event.turn), account.reserved.get(event.task_id)
    if held is None or name in account.settled:  # what is held then is of a task that was sent again
        return replace(account, queue=tuple(place for place in account.queue if place.task_id != event.task_id))
    others = {task_id: one for task_id, one in account.reserved.items() if task_id != event.task_id}
    account = _pay(replace(account, reserved=others), name, event.cost)
    # What a degraded run costs says nothing of what the next one will, when there is money again.
    return account if held.degraded else account.learned(event.workflow, event.cost)


def _charge(account: Account, event: BudgetEvent) -> Account:
    """Count what came too late to be settled."""
    name = mark(event.id, event.turn)
    return account if name in account.settled else _pay(account, name, event.cost)


def _pay(account: Account, name: str, cost: float) -> Account:
    """Count a cost, and remember by its mark that it is counted."""
    settled = (*account.settled, name)[-_REMEMBERED:]
    return replace(account, spent=account.spent + cost, settled=settled)


def _reserve(account: Account, event: BudgetEvent, now: float) -> Outcome:
    """Answer a run that wants money, unless it is to wait; those that wait come first."""
    account, served = _serve(account.under(event.terms or account.terms, now))
    account, answers = _answer(account, event, now)
    return account, served + answers


def _answer(account: Account, event: BudgetEvent, now: float) -> Outcome:
    held = account.reserved.get(event.task_id)
    if held or mark(event.task_id, event.turn) in account.settled:
        return account, [_granted(account, event.task_id, event.id, degraded=bool(held and held.degraded))]
    waits = any(place.task_id == event.task_id for place in account.queue)
    if waits or event.expires_at.timestamp() + SLACK <= now:  # the run has ended meanwhile, and uses nothing
        return account, []
    rank, expires_at = (-event.priority, account.arrivals), event.expires_at.timestamp()
    place = Place(rank, event.task_id, event.id, event.workflow, expires_at)
    if account.has_room(event.workflow) and not account.queue:
        return _grant(account, place)
    return _without_room(account, place)


def _without_room(account: Account, place: Place) -> Outcome:
    match account.terms.when_exceeded:
        case "queue":
            queue = list(account.queue)
            insort(queue, place, key=lambda one: one.rank)
            return replace(account, queue=tuple(queue), arrivals=account.arrivals + 1), []
        case "degrade":
            return _grant(account, place, degraded=True)
        case "refuse":
            return account, [StepResult(id=place.request_id, task_id=place.task_id, error=_refusal(account))]


def _serve(account: Account) -> Outcome:
    """Give those money that wait for it, as far as it goes."""
    first = account.first()
    if not first:
        return account, []
    reserved = {**account.reserved, **{place.task_id: _reservation(account, place) for place in first}}
    account = replace(account, reserved=reserved, queue=account.queue[len(first) :])
    return account, [_granted(account, place.task_id, place.request_id) for place in first]


def _grant(account: Account, place: Place, *, degraded: bool = False) -> Outcome:
    reservation = _reservation(account, place, degraded=degraded)
    account = replace(account, reserved={**account.reserved, place.task_id: reservation})
    return account, [_granted(account, place.task_id, place.request_id, degraded=degraded)]


def _reservation(account: Account, place: Place, *, degraded: bool = False) -> Reservation:
    amount = 0.0 if degraded else account.estimate(place.workflow)
    return Reservation(place.workflow, amount, place.expires_at + SLACK, degraded)


def _granted(account: Account, task_id: str, request_id: str, *, degraded: bool = False) -> StepResult:
    """Return what a run is told that may begin; a degraded one is told which models it may use."""
    models = list(account.terms.degrade_to) if degraded else None
    return StepResult(id=request_id, task_id=task_id, output=models, degraded=degraded)


def _refusal(account: Account) -> Failure:
    renewed = datetime.fromtimestamp(account.ends_at, UTC)
    return Failure.of(
        BudgetExceeded(
            f"the budget {account.budget} has not enough left for another run: of {account.terms.limit:g} USD, "
            f"{account.spent:.4g} are spent and {account.kept_back:.4g} kept back for runs under way; "
            f"it renews at {renewed:%Y-%m-%d %H:%M:%S} UTC"
        )
    )
