"""`meta-ai logs`: the events of a run, as they were written."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from app.cli.event_loop import run
from app.cli.options import ConfigOption, JsonOption, ServersOption
from app.cli.output import Output, one_line
from app.cli.runs.control import find_run
from app.cli.target import find
from app.client.client import connect
from app.runs.event_log import LoggedEvent, open_log
from app.settings import Settings

app = typer.Typer(add_completion=False)
#: What is shown of an event, in this order, where it has it.
_SHOWN = (
    "workflow",
    "model",
    "connector",
    "webhook",
    "branch",
    "kind",
    "name",
    "status",
    "outcome",
    "reason",
    "thumb",
    "score",
)


@app.command()
def logs(
    task_id: Annotated[str, typer.Argument(metavar="ID", help="The id of the task.")],
    *,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on until the run has ended.")] = False,
    chunks: Annotated[bool, typer.Option("--chunks", help="With the pieces of streamed answers.")] = False,
    config: ConfigOption = None,
    bootstrap_servers: ServersOption = None,
    json: JsonOption = False,
) -> None:
    """Print the events of a run from all topics, oldest first; with --json, with all that is in them."""
    settings = find(config, bootstrap_servers)
    run(_work(settings, task_id, Output(programs=json), follow=follow, chunks=chunks))


async def _work(settings: Settings, task_id: str, output: Output, *, follow: bool, chunks: bool) -> None:
    async with connect(settings) as client, open_log(client, task_id, chunks=chunks) as log:
        held = await log.held()
        if not held and not follow:
            await find_run(client, task_id)  # raises, and says what may be meant
        for event in held:
            _show(output, event, settings.topics.prefix)
        if follow and not any(event.ends for event in held):
            async for event in log.coming():
                _show(output, event, settings.topics.prefix)


def _show(output: Output, event: LoggedEvent, prefix: str) -> None:
    if output.programs:
        output.emit(event)
        return
    parts = [event.topic.removeprefix(prefix), event.step, *_facts(event.event)]
    output.say_row(f"{_time(event.at)}  {'  '.join(filter(None, parts))}")


def _time(at: datetime) -> str:
    """Return a time with milliseconds, as much happens within one second."""
    return f"{at.astimezone(UTC).replace(tzinfo=None).isoformat(timespec='milliseconds')}Z"


def _facts(event: Mapping[str, Any]) -> list[str]:
    facts = [str(event[name]) for name in _SHOWN if event.get(name) not in {None, ""}]
    if "seconds" in event:
        facts.append(f"{event['seconds']:.3f} s")
    usage = event.get("usage") or {}
    if tokens := usage.get("input_tokens", 0) + usage.get("output_tokens", 0):
        facts.append(f"{tokens} tokens")
    if cost := usage.get("cost"):
        facts.append(f"${cost:.6f}")
    if "chunks" in event:
        facts.append(f"{len(event['chunks'])} chunks")
    error = event.get("error")
    if isinstance(error, dict):
        facts.append(f"{error['code']}: {one_line(error['message'], 160)}")
    elif error:
        facts.append(one_line(str(error), 160))
    return facts
