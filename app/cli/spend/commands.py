"""`meta-ai spend`: what model calls have cost, and at which prices."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from app.admin import price_list
from app.admin.spend_totals import GroupBy
from app.cli.backend.opening import with_orchestrator
from app.cli.options import ConfigOption, JsonOption, ServersOption, SinceOption
from app.cli.output import Output
from app.cli.spend import tables
from app.configuration import load
from app.prices import price_table

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
    report = with_orchestrator(config, bootstrap_servers, lambda one: one.spend(by, since, wanted))
    output = Output(programs=json)
    if json:
        for row in (*report.rows, report.total):
            output.emit(row)
    else:
        tables.show(output, report.rows, report.total, by, plot=plot)


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
