"""`meta-ai budgets`: the limit of each budget, what it has spent and reserved, and when it renews."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Annotated

import typer

from app.admin.budgets import BudgetRow
from app.cli.backend.opening import with_orchestrator
from app.cli.options import ConfigOption, JsonOption, ServersOption
from app.cli.output import Output
from app.errors import OrchestratorError
from app.suggestions import closest_match

app = typer.Typer(add_completion=False)


class NoSuchBudget(OrchestratorError):
    """Neither the settings nor any run use such a budget."""


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
    found = with_orchestrator(config, bootstrap_servers, lambda one: one.budgets())
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


def _cells(shown: Iterable[BudgetRow]) -> Iterator[tuple[object, ...]]:
    for row in shown:
        money = (f"{row.limit:.2f}", f"{row.spent:.4f}", f"{row.reserved:.4f}")
        yield (row.budget, *money, row.runs, row.queue, row.when_exceeded, row.renews_at)
