"""`meta-ai topics import`: send what an export holds."""

from __future__ import annotations

from itertools import islice
from pathlib import Path
from typing import Annotated

import typer

from app.cli.event_loop import run
from app.cli.kafka.exports import full_name
from app.cli.options import ConfigOption, JsonOption, ServersOption
from app.cli.output import Output
from app.cli.target import find
from app.client.client import Client, connect
from app.exports import importing
from app.settings import Settings
from app.timestamps import format_time


def import_(
    path: Annotated[Path, typer.Argument(help="A file or a folder that `topics export` has written.")],
    *,
    topic: Annotated[str | None, typer.Option(help="Send all to this topic, instead of where each was.")] = None,
    by_key: Annotated[bool, typer.Option("--by-key", help="Let keys decide the partitions.")] = False,
    skip: Annotated[int, typer.Option(min=0, help="Leave out so many messages, which were sent before.")] = 0,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be sent.")] = False,
    config: ConfigOption = None,
    bootstrap_servers: ServersOption = None,
    json: JsonOption = False,
) -> None:
    """Import an export: send its messages again, with their keys, headers and times, to the same partitions."""
    settings = find(config, bootstrap_servers)
    name = full_name(topic, settings) if topic else None
    output = Output(programs=json)
    plans = importing.plan(islice(importing.read(path), skip, None), name)
    run(_import(settings, path, name, plans, output, by_key=by_key, skip=skip, dry_run=dry_run))


async def _import(
    settings: Settings,
    path: Path,
    topic: str | None,
    plans: dict[str, importing.ImportPlan],
    output: Output,
    *,
    by_key: bool,
    skip: int,
    dry_run: bool,
) -> None:
    async with connect(settings) as client:
        await importing.check(client, plans, by_key=by_key)
        if dry_run:
            _show(plans, output)
        else:
            total = sum(planned.messages for planned in plans.values())
            await _send(client, path, topic, total, output, by_key=by_key, skip=skip)


def _show(plans: dict[str, importing.ImportPlan], output: Output) -> None:
    if output.programs:
        for planned in plans.values():
            output.emit(planned)
        return
    rows = [
        (planned.topic, planned.messages, planned.bytes, *map(_moment, (planned.first, planned.last)))
        for planned in plans.values()
    ]
    output.table(("topic", "messages", "bytes", "first", "last"), rows, keep=("topic", "messages"))
    output.say("nothing was sent: --dry-run")


def _moment(milliseconds: int | None) -> str:
    return format_time(None if milliseconds is None else milliseconds / 1000)


async def _send(
    client: Client, path: Path, topic: str | None, total: int, output: Output, *, by_key: bool, skip: int
) -> None:
    with output.progress() as progress:
        bar = progress.add_task("imported", total=total)
        records = islice(importing.read(path), skip, None)
        count = await importing.send(client, records, topic, by_key=by_key, sent=lambda: progress.advance(bar))
    if output.programs:
        output.emit({"sent": count})
    else:
        output.say(f"{count} messages imported from {path}")
