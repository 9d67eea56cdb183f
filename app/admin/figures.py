"""The figures that operators ask for: rate, latency, errors and cost by workflow, step or model, over a window."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any, Literal

from pydantic import BaseModel

from app.client import topic_ranges
from app.client.client import Client
from topics import MODEL_RESPONSES, RESULTS
from topics.base import Topic
from topics.model_responses import ModelResponse
from topics.results import Result

GroupBy = Literal["workflow", "step", "model"]
#: The topic that tells of each.
TOPICS: dict[GroupBy, Topic[Any]] = {"workflow": RESULTS, "step": RESULTS, "model": MODEL_RESPONSES}

#: Neighbouring buckets of a histogram of latencies differ by this factor: so far off is a quantile at most.
_FACTOR = 1.05
_SHORTEST, _LONGEST = 0.001, 1e6
#: The most groups, and the most codes of errors in one; the others count together.
_MOST, _OTHER = 1000, "other"
_MOST_CODES = 20


class FigureRow(BaseModel):
    """What one workflow, step or model has done in the window; times are in seconds, money in US dollars.

    `name` of a step is `workflow/step`. `rate` is per second. `errors` counts those that failed by their code, and
    `error_rate` is their share. A quantile may be 5 % off. `cost` includes that of what failed.
    """

    name: str
    count: int
    rate: float
    errors: dict[str, int]
    error_rate: float
    p50: float | None
    p95: float | None
    p99: float | None
    longest: float | None
    cost: float


@dataclass(slots=True)
class _Group:
    count: int = 0
    cost: float = 0.0
    longest: float = 0.0
    errors: Counter[str] = field(default_factory=Counter)
    buckets: Counter[int] = field(default_factory=Counter)

    def add(self, seconds: float, error: str, cost: float) -> None:
        self.count += 1
        self.cost += cost
        self.longest = max(self.longest, seconds)
        self.buckets[math.ceil(math.log(min(max(seconds, _SHORTEST), _LONGEST), _FACTOR))] += 1
        if error:
            self.errors[error if error in self.errors or len(self.errors) < _MOST_CODES else _OTHER] += 1

    def quantile(self, share: float) -> float | None:
        """Return the time within which this share was done."""
        left = math.ceil(share * self.count)
        for bucket, count in sorted(self.buckets.items()):
            left -= count
            if left <= 0:
                return min(_FACTOR**bucket, self.longest)
        return None

    def row(self, name: str, window: float) -> FigureRow:
        return FigureRow(
            name=name,
            count=self.count,
            rate=self.count / window,
            errors=dict(self.errors.most_common()),
            error_rate=self.errors.total() / self.count,
            p50=self.quantile(0.5),
            p95=self.quantile(0.95),
            p99=self.quantile(0.99),
            longest=self.longest,
            cost=self.cost,
        )


class Figures:
    """Adds up events; memory is bounded, however many there are."""

    def __init__(self, by: GroupBy) -> None:
        self._by = by
        self._groups: dict[str, _Group] = {}

    async def read(self, client: Client, since: float, until: float) -> None:
        """Add what was written between two times (epoch seconds).

        Raises:
            BrokerError: the topic does not exist, or the broker fails.
        """
        topic = TOPICS[self._by]
        async with aclosing(topic_ranges.iterate(client, since, topic)) as records:
            async for record in records:
                if since <= record.timestamp / 1000 <= until and (event := topic.event_in(record)):
                    self.add(event)

    def add(self, event: Result | ModelResponse) -> None:
        """Add an event."""
        for name, seconds, error, cost in _facts(event, self._by):
            known = name in self._groups or len(self._groups) < _MOST
            self._groups.setdefault(name if known else _OTHER, _Group()).add(seconds, error, cost)

    def rows(self, window: float) -> list[FigureRow]:
        """Return the groups, those with the most events first; `window` is how long it was, in seconds."""
        made = [group.row(name, window) for name, group in self._groups.items()]
        return sorted(made, key=lambda row: (-row.count, row.name))


def _facts(event: Result | ModelResponse, by: GroupBy) -> Iterator[tuple[str, float, str, float]]:
    """Yield what an event counts for: the group, the seconds, the code of the error, and the cost."""
    match event:
        case ModelResponse():
            if event.ticket is None:  # a poll of a batch that is not done
                yield event.model, event.seconds, event.error.code if event.error else "", event.usage.cost
        case Result() if by == "workflow":
            seconds = (event.finished_at - event.accepted_at).total_seconds()
            error = event.error.code if event.error else "" if event.status == "succeeded" else event.status
            yield event.workflow, seconds, error, event.usage.cost
        case Result():
            for step in event.steps:
                if step.status != "skipped":
                    error = step.error.code if step.error else "" if step.status == "succeeded" else step.status
                    yield f"{event.workflow}/{step.step}", step.seconds, error, step.usage.cost
