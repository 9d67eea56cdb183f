"""`meta-ai orchestrator status`: readiness, workers and waiting events."""

from __future__ import annotations

import os
from dataclasses import asdict, astuple

import typer

from app.admin.consumer_group import ConsumerGroup, Worker, inspect, ranges
from app.admin.readiness import readiness
from app.cli import run_state
from app.cli.event_loop import run
from app.cli.options import ConfigOption, JsonOption, ServersOption
from app.cli.output import Output
from app.cli.target import find
from app.client.client import connect
from app.settings import Settings

#: `meta-ai status`, which is also `meta-ai orchestrator status`.
app = typer.Typer(add_completion=False)


@app.command()
def status(*, config: ConfigOption = None, bootstrap_servers: ServersOption = None, json: JsonOption = False) -> None:
    """Show whether it is ready, its workers with their hosts and partitions, and the waiting events.

    Exits with 1 if it is not ready.
    """
    output = Output(programs=json)
    settings = find(config, bootstrap_servers)
    running = run_state.read(run_state.path_for(config, os.environ))
    http = running.http if running else f"{settings.server.bind_address}:{settings.server.port}"
    ready, detail = readiness(http)
    group = run(_inspect(settings))
    if json:
        output.emit({"ready": ready, "detail": detail, "http": http, **asdict(group)})
    else:
        _show(output, group, f"{http}: {detail}", ready=ready)
    if not ready:
        raise typer.Exit(1)


async def _inspect(settings: Settings) -> ConsumerGroup:
    async with connect(settings) as client:
        return await inspect(client)


def _show(output: Output, group: ConsumerGroup, detail: str, *, ready: bool) -> None:
    output.say(detail, style="green" if ready else "red")
    output.say(f"group {group.id}: {group.state}, {_counted(len(group.workers), 'worker')}")
    output.say()
    if group.workers:
        rows = [(worker.member, worker.host, owned(worker)) for worker in group.workers]
        output.table(("worker", "host", "partitions"), rows, prose=("partitions",))
        output.say()
    output.table(("topic", "events", "finished", "waiting"), [astuple(topic) for topic in group.topics])


def owned(worker: Worker) -> str:
    """Return the partitions that a worker owns: once, if they are the same of all topics, as they should be."""
    by_numbers: dict[str, list[str]] = {}
    for topic, partitions in worker.partitions.items():
        by_numbers.setdefault(ranges(partitions), []).append(topic)
    if len(by_numbers) < 2:  # noqa: PLR2004  # one for all, or none
        return next(iter(by_numbers), "none")
    return "; ".join(f"{numbers} of {', '.join(topics)}" for numbers, topics in by_numbers.items())


def _counted(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"
