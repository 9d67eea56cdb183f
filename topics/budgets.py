"""`budgets`: runs ask for money before they begin, and say at their end what they have cost."""

from __future__ import annotations

from typing import Literal

from pydantic import AwareDatetime, Field

from topics.base import Event, Topic


class Terms(Event):
    """What holds for a budget: at most `limit` US dollars in each `period` (seconds, in UTC from the epoch on).

    `reserve` is kept back for a run as long as nothing is known of what its like have cost. When nothing is left,
    a run is refused, or waits (`queue`), or may only use the models in `degrade_to` (`degrade`).
    """

    limit: float
    period: float = Field(gt=0)
    reserve: float = 0.0
    when_exceeded: Literal["refuse", "degrade", "queue"] = "refuse"
    degrade_to: tuple[str, ...] = ()


class BudgetEvent(Event):
    """Run `task_id` wants money of a `budget` on these `terms`, or has ended and has cost `cost` US dollars.

    A `charge` is what it has cost beyond that: an answer that came when the run had ended has its price too.

    The owner of the budget's partition answers a reservation on step-results, under the same `id`: at once, or,
    under terms that say `queue`, when there is money; the highest `priority` first, then the first that came. What is
    reserved and never settled is free again some time after `expires_at`. `turn` is the task's offset: it tells a task
    that was sent again from one that was delivered again, whose cost is counted already.
    """

    id: str
    action: Literal["reserve", "settle", "charge"]
    budget: str
    task_id: str
    workflow: str
    turn: int = 0
    terms: Terms | None = None
    cost: float = 0.0
    priority: int = 0
    expires_at: AwareDatetime


BUDGETS = Topic(
    name="budgets",
    event=BudgetEvent,
    type="meta_ai.budget",
    key="budget (its name, and the tenant or workflow if each has one)",
    summary="Money of runs under a budget: reserved before they begin, and settled when they end.",
)
