"""Add up what attempts at model calls have cost, by model, workflow, tenant, day, provider or step."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from datetime import UTC, date, timedelta
from typing import Literal

from app.admin.id_set import IdSet
from app.client import topic_ranges
from app.client.client import Client
from app.runs.views import View
from topics import SPEND
from topics.spend import Spend

GroupBy = Literal["model", "workflow", "tenant", "day", "provider", "step"]

#: Money is added up in whole picodollars: the sum is exact in any order.
_UNIT = 10**12


class SpendRow(View):
    """What the attempts of one group have used; money is in US dollars.

    `calls` are attempts that used tokens. `cached_input_tokens` are a part of `input_tokens`, `reasoning_tokens` of
    `output_tokens`. `unpriced_tokens` are those without a known price, `estimated_tokens` those that the provider did
    not count. `given_up` is the part of `cost` spent on answers that do not count, `saved` the original cost of answers
    from the response cache, `share` the part of the total cost.
    """

    by: GroupBy | Literal["total"]
    name: str
    calls: int
    input_tokens: int
    cached_input_tokens: int
    output_tokens: int
    reasoning_tokens: int
    cost: float
    share: float
    given_up: float
    saved: float
    unpriced_tokens: int
    estimated_tokens: int


@dataclass(slots=True)
class _GroupTotals:
    calls: int = 0
    read: int = 0
    cached: int = 0
    written: int = 0
    reasoning: int = 0
    cost: int = 0
    given_up: int = 0
    saved: int = 0
    unpriced: int = 0
    estimated: int = 0

    def add(self, spend: Spend) -> None:
        usage, cost = spend.usage, round(spend.usage.cost * _UNIT)
        tokens = usage.input_tokens + usage.output_tokens
        self.calls += spend.outcome != "cached"
        self.read += usage.input_tokens
        self.cached += usage.cached_input_tokens
        self.written += usage.output_tokens
        self.reasoning += usage.reasoning_tokens
        self.cost += cost
        self.given_up += cost if spend.outcome in {"cut", "lost"} else 0
        self.saved += round(spend.saved * _UNIT)
        self.unpriced += 0 if spend.priced else tokens
        self.estimated += tokens if spend.estimated else 0

    def row(self, by: GroupBy | Literal["total"], name: str, whole: int) -> SpendRow:
        return SpendRow(
            by=by,
            name=name,
            calls=self.calls,
            input_tokens=self.read,
            cached_input_tokens=self.cached,
            output_tokens=self.written,
            reasoning_tokens=self.reasoning,
            cost=self.cost / _UNIT,
            share=self.cost / whole if whole else 0.0,
            given_up=self.given_up / _UNIT,
            saved=self.saved / _UNIT,
            unpriced_tokens=self.unpriced,
            estimated_tokens=self.estimated,
        )


class SpendTotals:
    """Adds up records, each id once; memory grows with the groups, and by a few bytes per record."""

    def __init__(self, by: GroupBy) -> None:
        self._by: GroupBy = by
        self._seen = IdSet()
        self._groups: dict[str, _GroupTotals] = {}
        self._total = _GroupTotals()

    def add(self, spend: Spend) -> None:
        """Add a record; a duplicate changes nothing."""
        if self._seen.add(spend.id):
            self._groups.setdefault(_group(spend, self._by), _GroupTotals()).add(spend)
            self._total.add(spend)

    def rows(self) -> list[SpendRow]:
        """Return the groups, most expensive first; days in order, including those without spending."""
        if self._by == "day":
            return [self._row(day) for day in _days(sorted(self._groups))]
        return sorted(map(self._row, self._groups), key=lambda row: (-row.cost, -row.calls, row.name))

    def total(self) -> SpendRow:
        """Return the sum of all."""
        return self._total.row("total", "total", self._total.cost)

    def _row(self, name: str) -> SpendRow:
        return self._groups.get(name, _GroupTotals()).row(self._by, name, self._total.cost)


async def read(
    client: Client, sums: SpendTotals, since: float | None, wanted: Mapping[str, str], until: float = math.inf
) -> None:
    """Add up what was spent between two times (epoch seconds) and matches `wanted`; invalid records are skipped.

    Raises:
        BrokerError: the topic does not exist, or the broker fails.
    """
    async with aclosing(topic_ranges.iterate(client, since, SPEND)) as records:
        async for record in records:
            if (found := SPEND.event_in(record)) is None:
                continue
            in_time = (since or 0.0) <= found.at.timestamp() <= until
            if in_time and all(getattr(found, name) == value for name, value in wanted.items()):
                sums.add(found)


def _group(spend: Spend, by: GroupBy) -> str:
    if by == "day":
        return spend.at.astimezone(UTC).date().isoformat()
    return str(getattr(spend, by))


def _days(known: list[str]) -> Iterator[str]:
    """Yield each day from the first to the last."""
    if known:
        first, last = date.fromisoformat(known[0]), date.fromisoformat(known[-1])
        yield from ((first + timedelta(days=n)).isoformat() for n in range((last - first).days + 1))
