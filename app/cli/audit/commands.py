"""`meta-ai audit`: list what was done, verify that nothing of it was changed, and note anchors."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from app.admin import audit_events
from app.admin.audit_events import Selection
from app.audit.verification import Anchor, Finding, PartitionReport
from app.cli.audit import chains
from app.cli.event_loop import run
from app.cli.options import ConfigOption, JsonOption, ServersOption, SinceOption, UntilOption
from app.cli.output import Output, readable_json
from app.cli.target import find
from app.client.client import connect
from app.errors import ConfigurationError
from app.settings import Settings
from topics.audit import AuditEvent

app = typer.Typer(no_args_is_help=True, add_completion=False)
#: So many findings are printed for people; all for programs.
_MOST_SHOWN = 50


@app.callback()
def audit() -> None:
    """Show who did what, and verify that the record of it was not changed."""


@app.command("list")
def list_(  # one for each option
    *,
    actor: Annotated[str | None, typer.Option(help="Only what this actor did.")] = None,
    action: Annotated[
        str | None, typer.Option(help="Only this action, such as workflow.deployed, or all of a group: workflow.")
    ] = None,
    subject: Annotated[str | None, typer.Option(help="Only what was done to this: a document, a workflow, …")] = None,
    since: SinceOption = None,
    until: UntilOption = None,
    config: ConfigOption = None,
    bootstrap_servers: ServersOption = None,
    json: JsonOption = False,
) -> None:
    """List what was done, oldest first: who, what, to what, when."""
    output = Output(programs=json)
    found = run(_list(find(config, bootstrap_servers), Selection(actor, action, subject, since, until)))
    if json:
        for event in found:
            output.emit(event)
    elif found:
        columns = ("at", "actor", "action", "subject", "details")
        output.table(columns, map(_row, found), prose=("details",), keep=("action",), expendable=("details",))
    else:
        output.say("nothing in the audit")


@app.command()
def verify(
    *,
    anchor: Annotated[
        Path | None, typer.Option(help="A file of anchors: the chain must still be the one that they were taken of.")
    ] = None,
    config: ConfigOption = None,
    bootstrap_servers: ServersOption = None,
    json: JsonOption = False,
) -> None:
    """Verify the audit against its hash chain; exit with 1 if a record was changed, moved, added or removed."""
    anchors = chains.read_anchors(anchor) if anchor else []
    reports = run(_verify(find(config, bootstrap_servers), anchors))
    output, findings = Output(programs=json), [one for report in reports for one in report.findings]
    if json:
        for report in reports:
            output.emit(report)
    else:
        _show(output, reports, findings)
    if findings:
        raise typer.Exit(1)


@app.command("anchor")
def anchor_(
    *,
    output_: Annotated[
        Path | None, typer.Option("--output", "-o", help="Append it to this file; without it, it is printed.")
    ] = None,
    config: ConfigOption = None,
    bootstrap_servers: ServersOption = None,
) -> None:
    """Note how far the chains have come, to be kept where those who can write to Kafka cannot."""
    taken = run(_anchor(find(config, bootstrap_servers)))
    if output_ is None:
        Output(programs=True).emit(taken)
        return
    try:
        with output_.open("a", encoding="utf-8") as file:
            file.write(taken.model_dump_json() + "\n")
    except OSError as error:
        raise ConfigurationError(f"{output_} cannot be written: {error.strerror}") from None
    Output().say(f"noted the heads of {len(taken.heads)} partitions in {output_}")


async def _list(settings: Settings, wanted: Selection) -> list[AuditEvent]:
    async with connect(settings) as client:
        found = [event async for event in audit_events.read(client, wanted)]
    return sorted(found, key=lambda event: event.at)


async def _verify(settings: Settings, anchors: Sequence[Anchor]) -> list[PartitionReport]:
    async with connect(settings) as client:
        return await chains.verify(client, anchors)


async def _anchor(settings: Settings) -> Anchor:
    async with connect(settings) as client:
        return await chains.anchor(client)


def _row(event: AuditEvent) -> tuple[object, ...]:
    return event.at, event.actor, event.action, event.subject, readable_json(event.details) if event.details else ""


def _show(output: Output, reports: Sequence[PartitionReport], findings: Sequence[Finding]) -> None:
    if findings:
        rows = [(one.partition, one.offset, one.problem, one.text) for one in findings[:_MOST_SHOWN]]
        output.table(("partition", "offset", "problem", "what"), rows, prose=("what",), keep=("problem",))
        if len(findings) > _MOST_SHOWN:
            output.say(f"and {len(findings) - _MOST_SHOWN} more: see --json")
    verified = sum(report.verified for report in reports)
    parts = [f"{verified} records verified", f"{len(findings)} problems"]
    parts += [f"{n} not linked yet" for n in [sum(report.pending for report in reports)] if n]
    parts += [f"{n} older than the chain" for n in [sum(report.older for report in reports)] if n]
    output.say(", ".join(parts))
