"""`meta-ai workflows list`, `history` and `get`: what is deployed."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from dataclasses import asdict
from typing import Annotated, Any

import typer

from app.admin import deployments
from app.admin.deployments import DeployedWorkflows
from app.cli.backend.opening import with_orchestrator
from app.cli.event_loop import run
from app.cli.options import ConfigOption, JsonOption, ServersOption
from app.cli.output import Output
from app.cli.target import find
from app.client.client import connect
from app.settings import Settings
from app.source.writing import to_yaml
from app.workflows.definition.deployment import digest
from app.workflows.definition.durations import with_units
from topics.audit import AuditEvent
from topics.definitions import DefinitionEvent

#: Added to `meta-ai workflows`, which has more commands.
app = typer.Typer(add_completion=False)
Id = Annotated[str, typer.Argument(metavar="WORKFLOW", help="The id of a workflow.")]

_SHORT = 12


@app.command("list")
def list_(*, config: ConfigOption = None, bootstrap_servers: ServersOption = None, json: JsonOption = False) -> None:
    """List the deployed workflows, each with its active version."""
    output = Output(programs=json)
    rows = [asdict(one) for one in with_orchestrator(config, bootstrap_servers, lambda one: one.workflows())]
    if json:
        for row in rows:
            output.emit(row)
    elif rows:
        output.table(tuple(rows[0]), _cells(rows), expendable=("by", "since", "versions"))
    else:
        output.say("no workflows deployed; the built-in workflow `ask` is always available")


@app.command()
def history(
    workflow: Id,
    *,
    config: ConfigOption = None,
    bootstrap_servers: ServersOption = None,
    json: JsonOption = False,
) -> None:
    """Show the versions of a workflow, and when each became active."""
    output = Output(programs=json)
    deployed, audited = run(_history(find(config, bootstrap_servers), workflow))
    active = deployed.numbers.get(workflow)
    versions = [_version(event, active) for event in deployed.of(workflow).values()]
    steps = [_activation(event) for event in audited]
    if json:
        output.emit({"workflow": workflow, "versions": versions, "activations": steps})
        return
    output.table(tuple(versions[0]), _cells(versions))
    if steps:
        output.say()
        output.table(tuple(steps[0]), _cells(steps))


@app.command()
def get(
    workflow: Id,
    *,
    version: Annotated[int | None, typer.Option(min=1, help="By default the active one.")] = None,
    config: ConfigOption = None,
    bootstrap_servers: ServersOption = None,
    json: JsonOption = False,
) -> None:
    """Print a deployed version as YAML, ready for a file: `deploy` takes it, changed or not.

    The name of a built-in workflow stands for that one, with the settings of the configuration, unless one of this name
    is deployed.
    """
    what, spec = with_orchestrator(config, bootstrap_servers, lambda one: one.workflow(workflow, version))
    if json:
        Output(programs=True).emit(dict(spec))
    else:
        # Without its number, so that what is changed becomes the next version: a deployed one never changes.
        content = {name: value for name, value in spec.items() if name != "version"}
        sys.stdout.write(f"# {workflow}, {what}\n{to_yaml(with_units(content))}")


async def _history(settings: Settings, workflow: str) -> tuple[DeployedWorkflows, list[AuditEvent]]:
    async with connect(settings) as client:
        return await deployments.read(client), await deployments.read_audit(client, workflow)


def _version(event: DefinitionEvent, active: int | None) -> dict[str, Any]:
    return {
        "version": event.version,
        "active": event.version == active,
        "deployed": event.at,
        "by": event.actor,
        "digest": digest(event.spec or {})[:_SHORT],
    }


def _activation(event: AuditEvent) -> dict[str, Any]:
    return {
        "at": event.at,
        "what": event.action.removeprefix("workflow.").replace("_", " "),
        "before": deployments.version_number(event.details.get("before")),
        "after": deployments.version_number(event.details.get("after")),
        "by": event.actor,
    }


def _cells(rows: Iterable[dict[str, Any]]) -> list[tuple[object, ...]]:
    return [tuple(map(_shown, row.values())) for row in rows]


def _shown(value: object) -> object:
    return ", ".join(map(str, value)) if isinstance(value, list) else value
