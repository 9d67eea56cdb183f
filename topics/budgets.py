"""`budgets`: runs ask for money before they begin, and report their cost when they end."""

from __future__ import annotations

from typing import Literal

from pydantic import AwareDatetime, Field

from topics.base import Event, Topic


class Terms(Event):
    """The terms of a budget: at most `limit` US dollars in each `period` (seconds, in UTC from the epoch on).

    `reserve` is reserved for a run until runs of its workflow have shown what they cost. When nothing is left,
    a run is refused, or waits (`queue`), or may only use the models in `degrade_to` (`degrade`).
    """

    limit: float
    period: float = Field(gt=0)
    reserve: float = 0.0
    when_exceeded: Literal["refuse", "degrade", "queue"] = "refuse"
    degrade_to: tuple[str, ...] = ()


class BudgetEvent(Event):
    """Run `task_id` asks for money of a `budget` on these `terms`, or has ended and has cost `cost` US dollars.

    A `charge` is a cost beyond that: an answer that was received after the run's end has its price too.

    The owner of the budget's partition answers a reservation on step-results, under the same `id`: at once, or,
    under terms that say `queue`, when there is money; the highest `priority` first, then first come, first served. What
    is reserved and never settled is free again some time after `expires_at`. `turn` is the task's offset: it tells a
    task that was sent once more from one that was delivered once more, whose cost is counted already.
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
