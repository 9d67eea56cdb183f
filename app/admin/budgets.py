"""The limit of each budget, what it has spent and reserved, and when it renews."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import aclosing
from datetime import UTC, datetime
from typing import Any, Literal

from pydantic import AwareDatetime, BaseModel

from app.client import topic_ranges
from app.client.client import Client
from app.runs.history_reader import runs_topic
from app.settings import Settings
from app.workflows.budgets.client import EACH, terms
from app.workflows.budgets.state import BudgetState
from app.workflows.records import Assembler

#: How the keys of their states begin.
_KEY = b"budget\t"


class BudgetRow(BaseModel):
    """One budget, in US dollars: `runs` are the running ones that it pays for, `queue` counts those waiting."""

    budget: str
    limit: float
    spent: float = 0.0
    reserved: float = 0.0
    runs: int = 0
    queue: int = 0
    when_exceeded: Literal["refuse", "degrade", "queue"]
    renews_at: AwareDatetime

    @classmethod
    def of(cls, account: BudgetState) -> BudgetRow:
        """Return the row of a budget's state."""
        return cls(
            budget=account.budget,
            limit=account.terms.limit,
            spent=account.spent,
            reserved=account.total_reserved,
            runs=len(account.reserved),
            queue=len(account.queue),
            when_exceeded=account.terms.when_exceeded,
            renews_at=datetime.fromtimestamp(account.ends_at, UTC),
        )


async def read(client: Client) -> list[BudgetRow]:
    """Return the budgets by name: those in the settings, and those of the runs of the last periods.

    Raises:
        BrokerError: the broker fails.
    """
    found, states = Budgets(client.settings), runs_topic(client.settings)
    if client.full_name(states) in await client.partitions():  # else no worker has run yet
        async with aclosing(topic_ranges.iterate(client, None, states)) as records:
            async for record in records:
                found.add(record)
    return found.rows(time.time())


class Budgets:
    """Puts the states of budgets together from the records of state."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._assembler = Assembler()

    def add(self, record: Any) -> None:
        """Add a record of state, which may be of something else."""
        if (record.key or b"").startswith(_KEY):
            self._assembler.add(record.key.decode(errors="replace"), record.value)

    def rows(self, now: float) -> list[BudgetRow]:
        """Return the budgets that were added, and the unused ones of the settings, by name."""
        states = self._assembler.states().values()
        used = {state.budget: state for state in states if isinstance(state, BudgetState)}
        known = {account.budget: account for account in _unused(self._settings)} | used
        return [BudgetRow.of(account.at(now)) for _, account in sorted(known.items())]


def _unused(settings: Settings) -> Iterator[BudgetState]:
    """Yield the unused state of each budget that is not per tenant or per workflow."""
    for budget in settings.budgets:
        if EACH not in {budget.tenant, budget.workflow}:
            yield BudgetState(budget.name, terms(budget))
