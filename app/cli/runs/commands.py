"""`meta-ai runs`: inspect runs step by step; signal, cancel, retry and re-fuse them."""

from __future__ import annotations

import getpass
import sys
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer
from pydantic import JsonValue, ValidationError

from app.cli.backend.base import RunFilter
from app.cli.backend.opening import with_orchestrator
from app.cli.event_loop import run
from app.cli.options import ConfigOption, JsonOption, ServersOption, SinceOption, TimeoutOption
from app.cli.output import Output, one_line
from app.cli.runs import comparison, control, fusion_replay, retrying, waterfall
from app.cli.runs.flowchart import run_flowchart
from app.cli.runs.listing import RunRow
from app.cli.target import find
from app.client.client import Client, connect
from app.decoding import parse_json
from app.runs.views import RunView, Status, readable_wait
from app.suggestions import closest_match
from topics.results import Result
from topics.signals import Signal

app = typer.Typer(no_args_is_help=True, add_completion=False)
T = TypeVar("T")
Id = Annotated[str, typer.Argument(metavar="ID", help="The id of the task.")]


@app.callback()
def runs() -> None:
    """Inspect runs step by step; cancel, signal, retry or re-fuse them."""


@app.command("list")
def list_(
    *,
    status: Annotated[Status | None, typer.Option(help="Only runs with this status.")] = None,
    workflow: Annotated[str | None, typer.Option(help="Only those of this workflow.")] = None,
    children: Annotated[bool, typer.Option("--children", help="Include child runs.")] = False,
    since: SinceOption = None,
    limit: Annotated[int, typer.Option(min=1, help="How many, newest first.")] = 50,
    config: ConfigOption = None,
    bootstrap_servers: ServersOption = None,
    json: JsonOption = False,
) -> None:
    """List runs, newest first: those that are running, and those whose results are kept."""
    wanted = RunFilter(since, status, workflow, children, limit)
    found = with_orchestrator(config, bootstrap_servers, lambda one: one.runs(wanted))
    rows = [row for row in found if status in {None, row.status} and workflow in {None, row.workflow}]
    if not (children or workflow):  # one parent may have thousands
        rows = [row for row in rows if not row.parent]
    output = Output(programs=json)
    if json:
        for row in rows[:limit]:
            output.emit(row)
    elif rows:
        columns = ("id", "workflow", "status", "accepted", "seconds", "tokens", "cost", "note")
        expendable = ("tokens", "cost", "seconds", "accepted", "workflow")
        output.table(columns, map(_row, rows[:limit]), prose=("note",), keep=("status",), expendable=expendable)
    else:
        near = workflow and closest_match(workflow, {row.workflow for row in found})
        output.say(f"no runs of a workflow {workflow}; did you mean `{near}`?" if near else "no runs")
    if len(rows) > limit:
        output.note(f"{len(rows) - limit} more: --limit")


@app.command()
def show(
    task_id: Id,
    *,
    mermaid: Annotated[
        bool, typer.Option("--mermaid", help="Print a Mermaid flowchart, which GitHub renders.")
    ] = False,
    config: ConfigOption = None,
    bootstrap_servers: ServersOption = None,
    json: JsonOption = False,
) -> None:
    """Show a run as a waterfall: its steps, their attempts, and the result or what is pending."""
    if mermaid and json:
        raise typer.BadParameter("use either --mermaid or --json, not both")
    output = Output(programs=json)
    view = with_orchestrator(config, bootstrap_servers, lambda one: one.run(task_id))
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
    """Wait until a run ends and print its result; exits with 1 if it did not succeed."""
    result = with_orchestrator(config, bootstrap_servers, lambda one: one.wait(task_id, timeout))
    show_result(result, Output(programs=json), "succeeded")


@app.command()
def cancel(
    task_id: Id,
    *,
    reason: Annotated[str, typer.Option(help="The reason, for the audit.")] = "",
    timeout: TimeoutOption = 30.0,
    config: ConfigOption = None,
    bootstrap_servers: ServersOption = None,
    json: JsonOption = False,
) -> None:
    """Cancel a running run and wait until it has ended; its child runs are cancelled too."""
    event = _event(task_id=task_id, kind="cancel", name=reason)
    result = with_orchestrator(config, bootstrap_servers, lambda one: one.cancel(event, timeout))
    show_result(result, Output(programs=json), "cancelled")


@app.command()
def retry(
    task_ids: Annotated[list[str], typer.Argument(metavar="ID...", help="The ids of runs that did not succeed.")],
    *,
    new_id: Annotated[
        str | None, typer.Option("--id", help="The new id, for one run; by default ID.retry-1, ID.retry-2, …")
    ] = None,
    wait: Annotated[bool, typer.Option("--wait", help="Wait for the results and print them.")] = False,
    timeout: TimeoutOption = 600.0,
    config: ConfigOption = None,
    bootstrap_servers: ServersOption = None,
    json: JsonOption = False,
) -> None:
    """Send the task of a failed or cancelled run again, under a new id; models that were asked are asked again."""
    if new_id is not None and len(task_ids) != 1:
        raise typer.BadParameter("--id needs exactly one run")
    _event(task_id=new_id or "x", name="retry")  # the limits of an id are the same there
    output = Output(programs=json)
    for task_id in task_ids:
        made = _with_client(config, bootstrap_servers, partial(retrying.retry, task_id=task_id, new_id=new_id))
        if wait:
            output.note(f"{made}  retry of {task_id}")
            result = _with_client(config, bootstrap_servers, partial(control.wait, task_id=made, timeout=timeout))
            show_result(result, output, "succeeded")
        elif json:
            output.emit({"id": made, "retry_of": task_id})
        else:
            output.say_row(f"{made}  retry of {task_id}")


@app.command()
def signal(
    task_id: Id,
    name: Annotated[str, typer.Argument(metavar="NAME", help="The name that a step of the run waits for.")],
    *,
    data: Annotated[str, typer.Option(help="The payload as JSON: it becomes the output of the waiting step.")] = "null",
    config: ConfigOption = None,
    bootstrap_servers: ServersOption = None,
    json: JsonOption = False,
) -> None:
    """Send a signal, such as an approval, to a running run; it is kept until a step waits for it."""
    event = _event(task_id=task_id, name=name, payload=_parsed(data))
    with_orchestrator(config, bootstrap_servers, lambda one: one.signal(event))
    output = Output(programs=json)
    if json:
        output.emit({"signalled": task_id, "name": name})
    else:
        output.say(f"signalled {task_id}: {name}")


@app.command()
def approve(
    task_id: Id,
    *,
    reason: Annotated[str, typer.Option(help="The reason, for the audit.")] = "",
    config: ConfigOption = None,
    bootstrap_servers: ServersOption = None,
    json: JsonOption = False,
) -> None:
    """Let a run begin that waits for an approval, as a policy wants."""
    _decide(_event(task_id=task_id, kind="approve", name=reason), "approved", config, bootstrap_servers, json=json)


@app.command()
def reject(
    task_id: Id,
    *,
    reason: Annotated[str, typer.Option(help="The reason, for the audit and the result.")] = "",
    config: ConfigOption = None,
    bootstrap_servers: ServersOption = None,
    json: JsonOption = False,
) -> None:
    """End a run that waits for an approval."""
    _decide(_event(task_id=task_id, kind="reject", name=reason), "rejected", config, bootstrap_servers, json=json)


@app.command()
def fuse(
    task_id: Id,
    *,
    strategy: Annotated[str, typer.Option(help="The strategy to fuse by: vote, consensus, …")],
    option: Annotated[list[str] | None, typer.Option("--option", "-o", help="name=value, the value as JSON.")] = None,
    step: Annotated[
        str | None, typer.Option(help="The step whose answers to fuse, if several steps have answers.")
    ] = None,
    config: ConfigOption = None,
    bootstrap_servers: ServersOption = None,
    json: JsonOption = False,
) -> None:
    """Fuse the recorded answers of a run with another strategy, without calling models, and compare."""
    options = dict(map(fusion_replay.parse_option, option or ()))
    history = _with_client(config, bootstrap_servers, partial(control.find_run, task_id=task_id))
    compared = fusion_replay.fuse(history, step, strategy, options)
    output = Output(programs=json)
    if json:
        output.emit({**compared.model_dump(mode="json"), "same": compared.same})
    else:
        comparison.show(output, compared)


def _with_client(config: Path | None, servers: str | None, work: Callable[[Client], Awaitable[T]]) -> T:
    """Run `work` with a connected client and return its result."""

    async def connected() -> T:
        async with connect(find(config, servers)) as client:
            return await work(client)

    return run(connected())


def _decide(event: Signal, done: str, config: Path | None, servers: str | None, *, json: bool) -> None:
    with_orchestrator(config, servers, lambda one: one.decide(event))
    output = Output(programs=json)
    if json:
        output.emit({done: event.task_id})
    else:
        output.say(f"{done} {event.task_id}")


def _event(**fields: Any) -> Signal:
    try:
        return Signal(actor=f"meta-ai:{getpass.getuser()}", **fields)
    except ValidationError as error:
        first = error.errors()[0]
        raise typer.BadParameter(f"{first['loc'][0]}: {first['msg']}") from None


def _parsed(data: str) -> JsonValue:
    try:
        return parse_json(data).value
    except ValueError as error:
        raise typer.BadParameter(f"--data is not valid JSON: {error}; a string needs quotes, as in '\"yes\"'") from None


def _row(row: RunRow) -> tuple[object, ...]:
    cost = f"${row.cost:.4f}" if row.cost else ""
    note = row.error or one_line(readable_wait(row.at))
    return row.id, row.workflow, row.status, row.accepted_at, row.seconds, row.tokens, cost, note


def _show(output: Output, view: RunView) -> None:
    for text, style in waterfall.lines(view, output.width):
        output.say(text, style=style)


def show_result(result: Result, output: Output, wanted: str) -> None:
    """Print a result; what is said about the answer goes beside it, so that a file or a pipe gets only the answer."""
    if output.programs:
        output.emit(result)
    else:
        (answer, style), *about = waterfall.result_lines(result)
        output.say(answer, style=style)
        for text, style in about:
            if output.width is None:
                output.note(text)
            else:
                output.say(text, style=style)
    if result.status != wanted:
        if wanted == "cancelled":
            output.note(f"the run {result.task_id} was not cancelled: it {result.status} in the meantime")
        raise typer.Exit(1)
