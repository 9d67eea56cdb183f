"""`meta-ai results`: print the results of tasks."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated, Any

import typer

from app.cli.event_loop import run
from app.cli.kafka.client import connect
from app.cli.kafka.reader import Reader
from app.cli.options import ConfigOption, JsonOption, ServersOption
from app.cli.output import Output
from app.cli.target import find
from app.cli.tasks import result_view
from app.errors import InvalidEvent
from app.settings import Settings
from topics import RESULTS

app = typer.Typer(no_args_is_help=True, add_completion=False)


@app.callback()
def results() -> None:
    """Print results as they arrive."""


@app.command()
def tail(
    *,
    from_beginning: Annotated[
        bool, typer.Option("--from-beginning", help="Start with the results already on the topic.")
    ] = False,
    limit: Annotated[int | None, typer.Option(min=1, help="Stop after this many.")] = None,
    config: ConfigOption = None,
    bootstrap_servers: ServersOption = None,
    json: JsonOption = False,
) -> None:
    """Print each result as it arrives, until interrupted."""
    settings = find(config, bootstrap_servers)
    run(_work(settings, Output(programs=json), limit, from_beginning=from_beginning))


async def _work(settings: Settings, output: Output, limit: int | None, *, from_beginning: bool) -> None:
    printed = 0
    async with connect(settings) as client, client.read(RESULTS, from_beginning=from_beginning) as reader:
        async for record in _all(reader, from_beginning=from_beginning):
            printed += _print(record, output, settings.topics.max_message_bytes)
            if printed == limit:
                return


async def _all(reader: Reader, *, from_beginning: bool) -> AsyncIterator[Any]:
    """Yield the records on the topic by time, across all partitions, then new ones as they arrive."""
    if from_beginning:
        for record in sorted([record async for record in reader.held()], key=lambda record: record.timestamp):
            yield record
    async for record in reader.coming():
        yield record


def _print(record: Any, output: Output, max_bytes: int) -> bool:
    try:
        result = RESULTS.parse(record.value, max_bytes=max_bytes)
    except InvalidEvent as error:
        output.note(f"{record.topic}/{record.partition}/{record.offset} is not a valid result: {error}")
        return False
    if output.programs:
        output.emit(result)
    else:
        output.say(result_view.result_line(result))
    return True
