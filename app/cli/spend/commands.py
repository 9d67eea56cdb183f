"""`meta-ai spend`: what model calls have cost, and at which prices."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from app.admin import price_list, spend_totals
from app.admin.spend_totals import GroupBy, SpendTotals
from app.cli.event_loop import run
from app.cli.options import ConfigOption, JsonOption, ServersOption, SinceOption
from app.cli.output import Output
from app.cli.spend import tables
from app.cli.target import find
from app.client.client import connect
from app.configuration import load
from app.prices import price_table
from app.settings import Settings

app = typer.Typer(invoke_without_command=True, add_completion=False)


@app.callback()
def spend(  # noqa: PLR0913  # one for each option
    context: typer.Context,
    *,
    since: SinceOption = None,
    by: Annotated[GroupBy, typer.Option(help="The grouping: one line for each group.")] = "model",
    tenant: Annotated[str | None, typer.Option(help="Only what was spent for this tenant.")] = None,
    workflow: Annotated[str | None, typer.Option(help="Only what runs of this workflow have spent.")] = None,
    plot: Annotated[bool, typer.Option("--plot", help="Draw the costs as bars.")] = False,
    config: ConfigOption = None,
    bootstrap_servers: ServersOption = None,
    json: JsonOption = False,
) -> None:
    """Show what model calls have cost, and at which prices."""
    if context.invoked_subcommand:
        return
    if plot and json:
        raise typer.BadParameter("use either --plot or --json, not both")
    wanted = {name: value for name, value in (("tenant", tenant), ("workflow", workflow)) if value is not None}
    sums = run(_read(find(config, bootstrap_servers), SpendTotals(by), since, wanted))
    output = Output(programs=json)
    if json:
        for row in (*sums.rows(), sums.total()):
            output.emit(row)
    else:
        tables.show(output, sums, by, plot=plot)


@app.command()
def prices(
    model: Annotated[
        str | None, typer.Argument(metavar="[MODEL]", help="A configured model, or a provider's: gpt-5, openai/gpt-5.")
    ] = None,
    *,
    all_: Annotated[bool, typer.Option("--all", help="The whole table, not only the configured models.")] = False,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Show the price used for each configured model, its date and its source."""
    settings = load(config, os.environ)
    known = price_table.load(settings.prices)
    if model is not None:
        found = price_list.prices_of(known, settings, model)
    else:
        found = price_list.all_prices(known) if all_ else price_list.configured_prices(known, settings)
    output = Output(programs=json)
    if json:
        for one in found:
            output.emit(one)
    else:
        tables.show_prices(output, found)


async def _read(settings: Settings, sums: SpendTotals, since: float | None, wanted: dict[str, str]) -> SpendTotals:
    async with connect(settings) as client:
        await spend_totals.read(client, sums, since, wanted)
    return sums
