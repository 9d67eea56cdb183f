"""The state of one budget: what is spent in this period, and what is reserved for active runs."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from topics.budgets import Terms

#: How long after its run's deadline a reservation still counts (seconds): the settlement may be on its way.
SLACK = 60.0
#: How long after that a settlement is still accepted (seconds). Then the run is lost, and its reservation forgotten.
LATE = 86400.0

#: How far rounding may move a sum (US dollars).
_ROUNDING = 1e-9
_WORKFLOWS = 100


@dataclass(frozen=True, slots=True)
class Reservation:
    """US dollars reserved for a run of `workflow` until `expires_at` (epoch seconds).

    Nothing is reserved for a `degraded` run.
    """

    workflow: str
    amount: float
    expires_at: float
    degraded: bool = False


@dataclass(frozen=True, slots=True)
class QueuedReservation:
    """A run's place in the queue: the smallest first. `expires_at` is when it waits no longer (epoch seconds)."""

    rank: tuple[int, int]
    task_id: str
    request_id: str
    workflow: str
    expires_at: float


@dataclass(frozen=True, slots=True)
class BudgetState:
    """The money of one budget; amounts are US dollars, times epoch seconds.

    `spent` is what was settled in the period with this `number`, counted from the epoch on. `reserved` are the runs
    under way by task id; `queue` those that wait, in the order in which they will be served. `costs` are, by
    workflow, the moving averages of what a run has cost and of how far the costs lie from that. `settled` are marks
    of what was paid last, of runs and of late answers: a crash may have a run ask, and settle, a second time.
    """

    budget: str
    terms: Terms
    number: int = 0
    spent: float = 0.0
    reserved: Mapping[str, Reservation] = field(default_factory=dict)
    queue: tuple[QueuedReservation, ...] = ()
    arrivals: int = 0
    costs: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    settled: tuple[str, ...] = ()

    @property
    def ends_at(self) -> float:
        """When the next period begins."""
        return (self.number + 1) * self.terms.period

    @property
    def wake_at(self) -> float:
        """When the next reservation, the next wait or the period ends by itself."""
        expiries = (one.expires_at if one.amount else one.expires_at + LATE for one in self.reserved.values())
        return min((self.ends_at, *expiries, *(place.expires_at for place in self.queue)))

    @property
    def total_reserved(self) -> float:
        """The sum of all reservations (US dollars)."""
        return sum(one.amount for one in self.reserved.values())

    @property
    def left(self) -> float:
        """What is neither spent nor reserved (US dollars); never negative."""
        return max(0.0, self.terms.limit - self.spent - self.total_reserved)

    def estimate(self, workflow: str) -> float:
        """Return what to reserve for a run: what 95 of 100 do not exceed, or, before one has ended, `reserve`.

        Two mean deviations above the mean are the 95th percentile of a normal distribution. Both are moving
        averages as in RFC 6298. It is at most the limit, or the run would wait for ever.
        """
        if workflow not in self.costs:
            return min(self.terms.reserve, self.terms.limit)
        mean, deviation = self.costs[workflow]
        return min(mean + 2 * deviation, self.terms.limit)

    def has_room(self, workflow: str) -> bool:
        """Whether there is money for one more run."""
        return self._fits(self.total_reserved + self.estimate(workflow))

    def first(self) -> tuple[QueuedReservation, ...]:
        """Return those at the front of the queue for whom there is money, in their order."""
        found: list[QueuedReservation] = []
        total_reserved = self.total_reserved if self.queue else 0.0
        for place in self.queue:
            total_reserved += self.estimate(place.workflow)
            if not self._fits(total_reserved):
                break
            found.append(place)
        return tuple(found)

    def _fits(self, total_reserved: float) -> bool:
        return self.spent + total_reserved <= self.terms.limit + _ROUNDING

    def learned(self, workflow: str, cost: float) -> BudgetState:
        """Return the state with the cost of another run in its averages; a run that cost nothing does not count."""
        if cost <= 0:
            return self
        costs = dict(self.costs)
        mean, deviation = costs.pop(workflow, (cost, 2 / 3 * cost))  # so that a first cost deviates by half of it
        deviation += (abs(cost - mean) - deviation) / 4
        costs[workflow] = (mean + (cost - mean) / 8, deviation)
        if len(costs) > _WORKFLOWS:
            del costs[next(iter(costs))]
        return replace(self, costs=costs)

    def at(self, now: float) -> BudgetState:
        """Return the state at this time: expired reservations do not count, and a new period begins with 0 spent.

        A clock that is behind that of the former owner does not bring the last period back.
        """
        number = int(now // self.terms.period)
        budget_state = replace(self, number=number, spent=0.0) if number > self.number else self
        expiries = (
            *(one.expires_at for one in budget_state.reserved.values()),
            *(one.expires_at for one in budget_state.queue),
        )
        if min(expiries, default=now + 1) > now:
            return budget_state
        reserved = {
            task_id: replace(one, amount=0.0) if one.expires_at <= now else one
            for task_id, one in budget_state.reserved.items()
            if one.expires_at + LATE > now
        }
        return replace(
            budget_state, reserved=reserved, queue=tuple(one for one in budget_state.queue if one.expires_at > now)
        )

    def under(self, terms: Terms, now: float) -> BudgetState:
        """Return the state under other terms; what is spent stays spent until the next period begins."""
        if terms == self.terms:
            return self
        same = terms.period == self.terms.period
        return replace(self, terms=terms, number=self.number if same else int(now // terms.period))

    def is_idle(self, now: float) -> bool:
        """Whether it can be forgotten, since nothing has happened for a whole period."""
        return now >= self.ends_at and not (self.spent or self.reserved or self.queue)


def mark(name: str, offset: int) -> str:
    """Return a short mark for a run, or for one of its late answers."""
    return hashlib.blake2b(f"{offset}/{name}".encode(), digest_size=6).hexdigest()
