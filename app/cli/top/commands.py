"""`meta-ai top`: a live view of topics, agents, models, errors and money."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Annotated

import typer
from rich.console import Console
from rich.live import Live
from rich.text import Text

from app.admin.overview import Overview, take
from app.cli import run_state
from app.cli.event_loop import run
from app.cli.layout import Table
from app.cli.options import ConfigOption, JsonOption, ServersOption
from app.cli.output import Output, visible
from app.cli.target import find
from app.cli.times import parse_duration
from app.client.client import Client, connect
from app.durations import format_duration
from app.settings import Settings
from app.timestamps import format_time

app = typer.Typer(add_completion=False)
#: A line, and its style.
Line = tuple[str, str]
_Duration = Annotated[float, typer.Option(parser=parse_duration, metavar="DURATION", help="How often to look: 2s, 1m.")]
_Window = Annotated[
    float, typer.Option(parser=parse_duration, metavar="DURATION", help="Of results, errors and costs: 5m, 1h.")
]


@app.command()
def top(
    *,
    once: Annotated[bool, typer.Option("--once", help="Show one moment, and end.")] = False,
    interval: _Duration = 2.0,
    window: _Window = 300.0,
    config: ConfigOption = None,
    bootstrap_servers: ServersOption = None,
    json: JsonOption = False,
) -> None:
    """Show what goes on: topics with rate and lag, agents, models and breakers, errors and costs, until Ctrl-C.

    Where nobody looks, in a pipe or with --json, it shows one moment.
    """
    settings, output = find(config, bootstrap_servers), Output(programs=json)
    running = run_state.read(run_state.path_for(config, os.environ))
    http = running.http if running else f"{settings.server.bind_address}:{settings.server.port}"
    if once or json or not sys.stdout.isatty():
        run(_once(settings, http, window, output))
    else:
        run(_live(settings, http, window, interval))


async def _once(settings: Settings, http: str, window: float, output: Output) -> None:
    async with connect(settings) as client:
        before = await take(client, http, window)
        await asyncio.sleep(1.0)  # rates need two looks
        overview = await take(client, http, window, before)
    if output.programs:
        output.emit(overview)
        return
    for line, style in lines(overview, output.width):
        output.say(line, style=style)


async def _live(settings: Settings, http: str, window: float, interval: float) -> None:
    console = Console(highlight=False, markup=False, emoji=False)
    async with connect(settings) as client:
        with Live(console=console, screen=True, auto_refresh=False) as live:
            await _look(client, http, window, interval, live)


async def _look(client: Client, http: str, window: float, interval: float, live: Live) -> None:
    before: Overview | None = None
    while True:
        before = await take(client, http, window, before)
        shown = Text()
        for line, style in lines(before, live.console.width):
            shown.append(visible(line)[: live.console.width] + "\n", style)
        live.update(shown, refresh=True)
        await asyncio.sleep(interval)


def lines(overview: Overview, width: int | None) -> Iterator[Line]:
    """Yield the lines of the view."""
    runs = "" if overview.runs is None else f", {overview.runs} runs active"
    workers = f"{overview.workers} worker{'' if overview.workers == 1 else 's'}"
    yield f"{format_time(overview.at)}  {overview.group}: {overview.state}, {workers}{runs}", "bold"
    yield "", ""
    rows = [(row.topic, _number(row.rate), str(row.waiting), str(row.events)) for row in overview.topics]
    yield from _table(("topic", "rate/s", "waiting", "events"), rows, width)
    if overview.agents:
        yield "", ""
        yield from _table(
            ("agent", "in flight"), [(name, str(count)) for name, count in overview.agents.items()], width
        )
    if overview.models:
        yield "", ""
        models = [
            (row.model, str(row.calls), f"{row.seconds:.3f}", f"{row.errors:.1%}", _open(row.open_until))
            for row in overview.models
        ]
        yield from _table(("model", "calls", "seconds", "errors", "breaker"), models, width, left=(4,))
    yield "", ""
    yield f"the last {format_duration(overview.window)}: ${overview.cost:.4f}", "bold"
    workflows = [
        (row.name, str(row.count), f"{row.rate:.2f}", _number(row.p95), f"{row.error_rate:.1%}", f"${row.cost:.4f}")
        for row in overview.workflows
    ]
    yield from _table(("workflow", "runs", "rate/s", "p95 s", "errors", "cost"), workflows, width)
    for code, count in overview.errors.items():
        yield f"{count} failed with {code}", "red"
    if overview.dead_letters:
        yield f"{overview.dead_letters} dead letters; see meta-ai dead-letters list", "yellow"


def _table(
    columns: tuple[str, ...], rows: Sequence[tuple[str, ...]], width: int | None, left: tuple[int, ...] = ()
) -> Iterator[Line]:
    right = [number for number in range(1, len(columns)) if number not in left]
    for line, is_head in Table(columns, rows, right).lines(width):
        yield line, "dim" if is_head else ""


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"


def _open(until: datetime | None) -> str:
    return f"open until {format_time(until)}" if until else "closed"
