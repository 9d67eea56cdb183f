"""`meta-ai tasks`: send many tasks; see what has become of one, and cancel it."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterator
from contextlib import contextmanager, nullcontext
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.progress import Progress, TaskID

from app.cli.backend.base import Orchestrator
from app.cli.backend.opening import with_orchestrator
from app.cli.options import ConfigOption, JsonOption, ServersOption, StreamOption, TimeoutOption
from app.cli.output import Output
from app.cli.runs.commands import cancel
from app.cli.tasks import result_view, task_lines
from app.cli.tasks.stream_printer import StreamPrinter
from app.cli.tasks.task_lines import InvalidLine, TaskLine
from app.errors import ConfigurationError
from topics.results import Result

app = typer.Typer(no_args_is_help=True, add_completion=False)
app.command("cancel")(cancel)


@app.callback()
def tasks() -> None:
    """Send tasks from a file or a pipe; see what has become of one, and cancel it."""


@app.command()
def get(
    task_id: Annotated[str, typer.Argument(metavar="ID", help="The id of the task.")],
    *,
    config: ConfigOption = None,
    bootstrap_servers: ServersOption = None,
    json: JsonOption = False,
) -> None:
    """Show what has become of a task; `runs show` tells more, and `results get` prints its answer."""
    view = with_orchestrator(config, bootstrap_servers, lambda one: one.run(task_id))
    output, result = Output(programs=json), view.result
    error = result.error.code if result and result.error else None
    if json:
        accepted = view.accepted_at
        about = {"id": view.task_id, "workflow": view.workflow, "status": view.status, "accepted_at": accepted}
        output.emit({**about, "error": error})
    else:
        output.say_row("  ".join(filter(None, (view.task_id, view.workflow, view.status, error))))


@app.command()
def send(
    file: Annotated[Path, typer.Argument(help="JSON Lines, one task per line; - reads standard input.")],
    *,
    wait: Annotated[bool, typer.Option("--wait", help="Wait for the results and print them.")] = False,
    stream: StreamOption = False,
    timeout: TimeoutOption = 600.0,
    config: ConfigOption = None,
    bootstrap_servers: ServersOption = None,
    json: JsonOption = False,
) -> None:
    """Send each line of a file as a task: {"input": {"question": …}}, or {"id": …, "question": …} as a shorthand.

    The id of each task is printed with the number of its line. Invalid lines are reported and the others sent; exits
    with 1 if there were any.
    """
    if stream and not wait:
        raise typer.BadParameter("--stream needs --wait", param_hint="--stream")
    output = Output(programs=json)
    streamed = StreamPrinter(output, several=True, done=_printer(output)) if stream else None
    with _opened(file) as source:
        work = partial(_work, source=source, output=output, timeout=timeout if wait else None, streamed=streamed)
        summary = with_orchestrator(config, bootstrap_servers, work)
    if json and not wait:
        output.emit(summary)
    else:
        output.note(", ".join(f"{count} {what}" for what, count in summary.items()))
    if any(summary.get(what) for what in ("bad", "failed", "unanswered")):
        raise typer.Exit(1)


async def _work(
    orchestrator: Orchestrator, source: Any, output: Output, timeout: float | None, streamed: StreamPrinter | None
) -> dict[str, int]:
    with output.progress(hidden=streamed is not None) as progress:
        bar = progress.add_task("sending", total=None)
        batch = orchestrator.batch(
            on_bad=_reporter(output),
            on_result=_counted(streamed.finish if streamed else _printer(output), progress, bar),
            on_sent=partial(_show_sent, output, beside=timeout is not None),
        )
        tasks = _expected(task_lines.read(source, max_bytes=orchestrator.max_event_bytes), streamed)
        sending = partial(batch.send, tasks, partial(progress.advance, bar))
        if timeout is None:
            await sending()
            return {"sent": batch.sent, "bad": batch.bad}
        shown = orchestrator.streaming(streamed) if streamed else nullcontext()
        async with shown, batch.collecting():
            await sending()
            progress.update(bar, description="waiting", total=batch.sent, completed=batch.succeeded + batch.failed)
            await batch.settled(timeout)
    if batch.before:
        output.note(f"already processed earlier: {batch.before}; use a new id for a new task")
    ended = {"succeeded": batch.succeeded, "failed": batch.failed, "unanswered": batch.unanswered}
    return {"sent": batch.sent, "bad": batch.bad, **ended}


def _counted(show: Callable[[Result], None], progress: Progress, bar: TaskID) -> Callable[[Result], None]:
    """Return what shows a result, and counts it once all tasks are sent."""

    def shown(result: Result) -> None:
        show(result)
        if progress.tasks[bar].total is not None:
            progress.advance(bar)

    return shown


def _reporter(output: Output) -> Callable[[InvalidLine], None]:
    return lambda bad: output.note(f"line {bad.line}: {bad.reason}")


def _show_sent(output: Output, sent: TaskLine, *, beside: bool) -> None:
    """Print which id the task of a line has; `beside` results, which say it too, only if the line does not."""
    if beside:
        if not sent.named:
            output.note(f"line {sent.line}: {sent.task.id}")
    elif output.programs:
        output.emit({"line": sent.line, "id": sent.task.id})
    else:
        output.say_row(f"{sent.task.id}  line {sent.line}")


def _printer(output: Output) -> Callable[[Result], None]:
    return output.emit if output.programs else partial(result_view.show_line, output)


async def _expected(
    tasks: AsyncIterable[TaskLine | InvalidLine], streamed: StreamPrinter | None
) -> AsyncIterator[TaskLine | InvalidLine]:
    """Yield the tasks, after registering them for streaming."""
    async for one in tasks:
        if streamed and isinstance(one, TaskLine):
            streamed.expect(str(one.task.id))
        yield one


@contextmanager
def _opened(file: Path) -> Iterator[Any]:
    if str(file) == "-":
        yield sys.stdin.buffer
        return
    try:
        stream = file.open("rb")
    except OSError as error:
        raise ConfigurationError(f"{file} cannot be read: {error.strerror}") from None
    with stream:
        yield stream
