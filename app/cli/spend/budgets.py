"""`meta-ai budgets`: the limit of each budget, what it has spent and reserved, and when it renews."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

import typer
from pydantic import AwareDatetime, BaseModel

from app.cli.event_loop import run
from app.cli.options import ConfigOption, JsonOption, ServersOption
from app.cli.output import Output
from app.cli.target import find
from app.client import topic_ranges
from app.client.client import Client, connect
from app.errors import OrchestratorError
from app.runs.history_reader import runs_topic
from app.settings import Settings
from app.suggestions import closest_match
from app.workflows.budgets.client import EACH, terms
from app.workflows.budgets.state import BudgetState
from app.workflows.records import Assembler

app = typer.Typer(add_completion=False)


class NoSuchBudget(OrchestratorError):
    """Neither the settings nor any run use such a budget."""


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


@app.command()
def budgets(
    name: Annotated[
        str | None, typer.Argument(metavar="[NAME]", help="Only the budget of this name, for each tenant.")
    ] = None,
    *,
    config: ConfigOption = None,
    bootstrap_servers: ServersOption = None,
    json: JsonOption = False,
) -> None:
    """Show the limit of each budget, what it has spent and reserved for running runs, and when it renews."""
    output = Output(programs=json)
    found = run(_read(find(config, bootstrap_servers)))
    shown = [row for row in found if name in {None, row.budget.partition(":")[0]}]
    if name is not None and not shown:
        near = closest_match(name, {row.budget.partition(":")[0] for row in found})
        hint = f"did you mean `{near}`? " if near else ""
        raise NoSuchBudget(f"unknown or unused budget {name}; {hint}see meta-ai budgets")
    if json:
        for row in shown:
            output.emit(row)
    elif shown:
        columns = ("budget", "limit", "spent", "reserved", "runs", "waiting", "when used up", "renews")
        output.table(columns, _cells(shown), expendable=("when used up", "renews", "runs", "waiting", "reserved"))
    else:
        output.say("no budgets")


async def _read(settings: Settings) -> list[BudgetRow]:
    async with connect(settings) as client:
        return await read(client)


async def read(client: Client) -> list[BudgetRow]:
    """Return the budgets by name: those in the settings, and those of the runs of the last periods.

    Raises:
        BrokerError: there are no topics, or the broker fails.
    """
    records = await topic_ranges.read_since(client, None, [runs_topic(client.settings)])
    return rows(records, client.settings, time.time())


def rows(records: Iterable[Any], settings: Settings, now: float) -> list[BudgetRow]:
    """Return the budgets in these state records, and the unused ones of the settings, by name."""
    assembler = Assembler()
    for record in records:
        assembler.add((record.key or b"").decode(errors="replace"), record.value)
    used = {state.budget: state for state in assembler.states().values() if isinstance(state, BudgetState)}
    known = {account.budget: account for account in _unused(settings)} | used
    return [BudgetRow.of(account.at(now)) for _, account in sorted(known.items())]


def _unused(settings: Settings) -> Iterator[BudgetState]:
    """Yield the unused state of each budget that is not per tenant or per workflow."""
    for budget in settings.budgets:
        if EACH not in {budget.tenant, budget.workflow}:
            yield BudgetState(budget.name, terms(budget))


def _cells(shown: Iterable[BudgetRow]) -> Iterator[tuple[object, ...]]:
    for row in shown:
        money = (f"{row.limit:.2f}", f"{row.spent:.4f}", f"{row.reserved:.4f}")
        yield (row.budget, *money, row.runs, row.queue, row.when_exceeded, row.renews_at)
