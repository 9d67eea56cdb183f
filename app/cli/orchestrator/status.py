"""`meta-ai orchestrator status`: readiness, workers and waiting events."""

from __future__ import annotations

from dataclasses import asdict, astuple

import typer

from app.admin.consumer_group import ConsumerGroup, Worker, ranges
from app.cli.backend.opening import with_orchestrator
from app.cli.options import ConfigOption, JsonOption, ServersOption
from app.cli.output import Output

#: `meta-ai status`, which is also `meta-ai orchestrator status`.
app = typer.Typer(add_completion=False)


@app.command()
def status(*, config: ConfigOption = None, bootstrap_servers: ServersOption = None, json: JsonOption = False) -> None:
    """Show whether it is ready, its workers with their hosts and partitions, and the waiting events.

    Exits with 1 if it is not ready.
    """
    output = Output(programs=json)
    report = with_orchestrator(config, bootstrap_servers, lambda one: one.status())
    if json:
        rows = [{"topic": topic, "waiting": events} for topic, events in report.waiting.items()]
        about = asdict(report.group) if report.group else {"topics": rows}
        output.emit({"ready": report.ready, "detail": report.detail, "http": report.http, **about})
    else:
        output.say(f"{report.http}: {report.detail}", style="green" if report.ready else "red")
        if report.group:
            _show(output, report.group)
        else:
            output.table(("topic", "waiting"), [*report.waiting.items()])
    if not report.ready:
        raise typer.Exit(1)


def _show(output: Output, group: ConsumerGroup) -> None:
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
