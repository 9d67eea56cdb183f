"""The account of one budget: what has been spent in this period, and what is kept back for runs under way."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from topics.budgets import Terms

#: So long after its run's deadline a reservation still counts: the run's end, which settles it, may be on its way.
SLACK = 60.0
#: So long after that the cost is still taken in. Then the run has been lost, and its reservation is forgotten.
LATE = 86400.0

#: What sums of decimal fractions may be off by (US dollars).
_ROUNDING = 1e-9
_WORKFLOWS = 100


@dataclass(frozen=True, slots=True)
class Reservation:
    """US dollars kept back for a run of `workflow` until `expires_at` (epoch seconds).

    Nothing is kept back for a `degraded` run.
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
        """When a reservation, a wait or the period ends by itself."""
        expiries = (one.expires_at if one.amount else one.expires_at + LATE for one in self.reserved.values())
        return min((self.ends_at, *expiries, *(place.expires_at for place in self.queue)))

    @property
    def kept_back(self) -> float:
        """The sum of what is reserved."""
        return sum(one.amount for one in self.reserved.values())

    def estimate(self, workflow: str) -> float:
        """Return what to keep back for a run: what about 95 of 100 do not exceed, or, before one has ended, `reserve`.

        Two mean deviations above the mean are the 95th percentile of a normal distribution. Both are moving
        averages as in RFC 6298. A run that may cost more than the limit must not wait for ever.
        """
        if workflow not in self.costs:
            return min(self.terms.reserve, self.terms.limit)
        mean, deviation = self.costs[workflow]
        return min(mean + 2 * deviation, self.terms.limit)

    def has_room(self, workflow: str) -> bool:
        """Whether there is money for one more run."""
        return self._fits(self.kept_back + self.estimate(workflow))

    def first(self) -> tuple[QueuedReservation, ...]:
        """Return those of the queue for whom there is money, in their order."""
        found: list[QueuedReservation] = []
        kept_back = self.kept_back if self.queue else 0.0
        for place in self.queue:
            kept_back += self.estimate(place.workflow)
            if not self._fits(kept_back):
                break
            found.append(place)
        return tuple(found)

    def _fits(self, kept_back: float) -> bool:
        return self.spent + kept_back <= self.terms.limit + _ROUNDING

    def learned(self, workflow: str, cost: float) -> BudgetState:
        """Return the account as it knows what another run has cost; one that cost nothing tells nothing."""
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
        """Return the account as it is at this time: what has expired does not count, and a new period begins with 0.

        A clock that is behind that of the worker before does not bring the last period back.
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
            task_id: _aged(one, now) for task_id, one in budget_state.reserved.items() if one.expires_at + LATE > now
        }
        return replace(
            budget_state, reserved=reserved, queue=tuple(one for one in budget_state.queue if one.expires_at > now)
        )

    def under(self, terms: Terms, now: float) -> BudgetState:
        """Return the account under other terms; what is spent stays spent until the next period begins."""
        if terms == self.terms:
            return self
        same = terms.period == self.terms.period
        return replace(self, terms=terms, number=self.number if same else int(now // terms.period))

    def is_idle(self, now: float) -> bool:
        """Whether nothing is lost when it is forgotten: for a whole period, nothing has happened."""
        return now >= self.ends_at and not (self.spent or self.reserved or self.queue)


def mark(name: str, turn: int) -> str:
    """Return a short text that stands for a run, or for one of its late answers."""
    return hashlib.blake2b(f"{turn}/{name}".encode(), digest_size=6).hexdigest()


def _aged(one: Reservation, now: float) -> Reservation:
    return replace(one, amount=0.0) if one.expires_at <= now else one
