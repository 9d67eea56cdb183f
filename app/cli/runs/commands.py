"""`meta-ai runs`: what happened in a run, step by step; and what can be told to one that is under way."""

from __future__ import annotations

import getpass
import json as jsons
import sys
import time
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer
from pydantic import JsonValue, TypeAdapter, ValidationError

from app.cli.event_loop import run
from app.cli.kafka.client import Client, connect
from app.cli.options import ConfigOption, JsonOption, ServersOption, TimeoutOption
from app.cli.output import Output, one_line
from app.cli.runs import comparison, control, fusion_replay, listing, waterfall
from app.cli.runs.flowchart import run_flowchart
from app.cli.runs.listing import RunRow
from app.cli.runs.run_view import build_run_view
from app.cli.runs.views import RunView, Status
from app.cli.target import find
from app.settings import Seconds
from topics.results import Result
from topics.signals import Signal

app = typer.Typer(no_args_is_help=True, add_completion=False)
T = TypeVar("T")
Id = Annotated[str, typer.Argument(metavar="ID", help="The id of the task.")]


@app.callback()
def runs() -> None:
    """See what happened in a run, step by step; cancel it, signal it, fuse it again."""


@app.command("list")
def list_(
    *,
    status: Annotated[Status | None, typer.Option(help="Only those that stand so.")] = None,
    workflow: Annotated[str | None, typer.Option(help="Only those of this workflow.")] = None,
    children: Annotated[bool, typer.Option("--children", help="Those too that another run runs.")] = False,
    since: Annotated[str | None, typer.Option(help="Only those that came within 30s, 15m, 12h, 7d.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="The newest, so many.")] = 50,
    config: ConfigOption = None,
    bootstrap_servers: ServersOption = None,
    json: JsonOption = False,
) -> None:
    """List runs, the newest first: those that are under way, and those whose results are kept."""
    begin = None if since is None else time.time() - _seconds(since)
    found = _with_client(config, bootstrap_servers, partial(listing.read, since=begin))
    rows = [row for row in found if status in {None, row.status} and workflow in {None, row.workflow}]
    if not (children or workflow):  # one parent may have thousands
        rows = [row for row in rows if not row.parent]
    output = Output(programs=json)
    if json:
        for row in rows[:limit]:
            output.emit(row)
    elif rows:
        output.table(("id", "workflow", "status", "came", "seconds", "tokens", "cost", ""), map(_row, rows[:limit]))
    else:
        output.say("no runs")
    if len(rows) > limit:
        output.note(f"{len(rows) - limit} more: --limit")


@app.command()
def show(
    task_id: Id,
    *,
    mermaid: Annotated[bool, typer.Option("--mermaid", help="Print a flowchart, as GitHub draws it.")] = False,
    config: ConfigOption = None,
    bootstrap_servers: ServersOption = None,
    json: JsonOption = False,
) -> None:
    """Show a run as a waterfall: its steps, what was tried in them, and what came of it or is awaited."""
    if mermaid and json:
        raise typer.BadParameter("give --mermaid or --json, one of both")
    output = Output(programs=json)
    view = build_run_view(
        _with_client(config, bootstrap_servers, partial(control.find_run, task_id=task_id)), time.time()
    )
    if json:
        output.emit(view)
    elif mermaid:
        sys.stdout.write(run_flowchart(view))
    else:
        _show(output, view)


@app.command()
def wait(
    task_id: Id,
    *,
    timeout: TimeoutOption = 600.0,
    config: ConfigOption = None,
    bootstrap_servers: ServersOption = None,
    json: JsonOption = False,
) -> None:
    """Wait for the end of a run, and print its result; the exit code is 1 when it did not succeed."""
    result = _with_client(config, bootstrap_servers, partial(control.wait, task_id=task_id, timeout=timeout))
    _show_result(result, Output(programs=json), "succeeded")


@app.command()
def cancel(
    task_id: Id,
    *,
    reason: Annotated[str, typer.Option(help="Why, for the record.")] = "",
    timeout: TimeoutOption = 30.0,
    config: ConfigOption = None,
    bootstrap_servers: ServersOption = None,
    json: JsonOption = False,
) -> None:
    """Cancel a run that is under way, and wait until it has ended so; its child runs are cancelled too."""
    event = _event(task_id=task_id, kind="cancel", name=reason)
    result = _with_client(config, bootstrap_servers, partial(control.cancel, event=event, timeout=timeout))
    _show_result(result, Output(programs=json), "cancelled")


@app.command()
def signal(
    task_id: Id,
    name: Annotated[str, typer.Argument(metavar="NAME", help="The name that a step of the run waits for.")],
    *,
    data: Annotated[str, typer.Option(help="The payload, JSON: the output of the step that waits.")] = "null",
    config: ConfigOption = None,
    bootstrap_servers: ServersOption = None,
    json: JsonOption = False,
) -> None:
    """Send a signal, such as an approval, to a run that is under way; it is kept until a step waits for it."""
    event = _event(task_id=task_id, name=name, payload=_parsed(data))
    _with_client(config, bootstrap_servers, partial(control.signal, event=event))
    output = Output(programs=json)
    if json:
        output.emit({"signalled": task_id, "name": name})
    else:
        output.say(f"signalled {task_id}: {name}")


@app.command()
def fuse(
    task_id: Id,
    *,
    strategy: Annotated[str, typer.Option(help="The strategy to fuse by: vote, consensus, …")],
    option: Annotated[list[str] | None, typer.Option("--option", "-o", help="name=value, the value as JSON.")] = None,
    step: Annotated[str | None, typer.Option(help="Which step's answers, if several have some.")] = None,
    config: ConfigOption = None,
    bootstrap_servers: ServersOption = None,
    json: JsonOption = False,
) -> None:
    """Fuse the recorded answers of a run in another way, without asking any model, and compare."""
    options = dict(map(fusion_replay.parse_option, option or ()))
    history = _with_client(config, bootstrap_servers, partial(control.find_run, task_id=task_id))
    compared = fusion_replay.fuse(history, step, strategy, options)
    output = Output(programs=json)
    if json:
        output.emit({**compared.model_dump(mode="json"), "same": compared.same})
    else:
        comparison.show(output, compared)


def _with_client(config: Path | None, servers: str | None, work: Callable[[Client], Awaitable[T]]) -> T:
    """Return what `work` makes of a client."""

    async def connected() -> T:
        async with connect(find(config, servers)) as client:
            return await work(client)

    return run(connected())


def _event(**fields: Any) -> Signal:
    try:
        return Signal(actor=f"meta-ai:{getpass.getuser()}", **fields)
    except ValidationError as error:
        first = error.errors()[0]
        raise typer.BadParameter(f"{first['loc'][0]}: {first['msg']}") from None


def _seconds(text: str) -> float:
    try:
        return TypeAdapter[float](Seconds).validate_python(text)
    except ValidationError:
        raise typer.BadParameter("--since: give a duration such as 30s, 15m, 12h or 7d") from None


def _parsed(data: str) -> JsonValue:
    try:
        found: JsonValue = jsons.loads(data)
    except (ValueError, RecursionError) as error:
        raise typer.BadParameter(f"--data is no JSON: {error}; a text needs quotes, as in '\"yes\"'") from None
    return found


def _row(row: RunRow) -> tuple[object, ...]:
    came = f"{row.accepted_at.astimezone():%Y-%m-%d %H:%M:%S}"
    cost = f"${row.cost:.4f}" if row.cost else ""
    return row.id, row.workflow, row.status, came, row.seconds, row.tokens, cost, row.error or one_line(row.at, 40)


def _show(output: Output, view: RunView) -> None:
    for text, style in waterfall.lines(view):
        output.say(text, style=style)


def _show_result(result: Result, output: Output, wanted: str) -> None:
    if output.programs:
        output.emit(result)
    else:
        for text, style in waterfall.result_lines(result):
            output.say(text, style=style)
    if result.status != wanted:
        if wanted == "cancelled":
            output.note(f"the run {result.task_id} was not cancelled: it has {result.status} meanwhile")
        raise typer.Exit(1)
