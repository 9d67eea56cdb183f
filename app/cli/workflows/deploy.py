"""`meta-ai orchestrator deploy` and `rollback`: change the workflows while workers run."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from app.admin import deployments, publishing
from app.cli.event_loop import run
from app.cli.options import ConfigOption, JsonOption, ServersOption
from app.cli.output import Output
from app.cli.target import find
from app.cli.workflows import workflow_files
from app.client.client import Client, connect
from app.errors import ConfigurationError
from app.settings import Settings
from app.workflows.definition.deployment import Change, plan

Actor = Annotated[str | None, typer.Option(help="Who deploys, for the audit; by default the current user.")]
Dry = Annotated[bool, typer.Option("--dry-run", help="Only show what would change.")]

_STYLES = {"+": "green", "-": "red", "@": "cyan"}


def deploy(
    files: Annotated[
        list[Path] | None, typer.Argument(help="Workflows, or folders of them; by default those of the configuration.")
    ] = None,
    *,
    dry_run: Dry = False,
    actor: Actor = None,
    config: ConfigOption = None,
    bootstrap_servers: ServersOption = None,
    json: JsonOption = False,
) -> None:
    """Deploy workflows: what changed becomes a new version, which new runs take; running runs finish on theirs."""
    settings = find(config, bootstrap_servers)
    paths = files or workflow_files.configured_paths(settings, config)
    if not paths:
        raise ConfigurationError("nothing to deploy: name files, or set `workflows` in the configuration")
    run(_deploy(settings, paths, Output(programs=json), actor, dry_run=dry_run))


def rollback(
    workflow: Annotated[str, typer.Argument(help="The id of a workflow.")],
    *,
    to: Annotated[
        int | None, typer.Option(min=1, help="The version; by default the one that was active before.")
    ] = None,
    dry_run: Dry = False,
    actor: Actor = None,
    config: ConfigOption = None,
    bootstrap_servers: ServersOption = None,
    json: JsonOption = False,
) -> None:
    """Make an earlier version of a workflow active again; done twice, it goes back two versions."""
    settings = find(config, bootstrap_servers)
    run(_roll_back(settings, workflow, to, Output(programs=json), actor, dry_run=dry_run))


async def deploy_files(
    client: Client, paths: Sequence[Path], output: Output, actor: str | None = None, *, dry_run: bool = False
) -> list[Change]:
    """Deploy these files and return the changes; with `dry_run`, only return them. Warnings go to `output`.

    Raises:
        ConfigurationError: a file is invalid, or a version is deployed with different content; nothing is changed then.
        MissingDependency: the packages that compile workflows are not installed.
    """
    deployed = await deployments.read(client)
    loaded = workflow_files.load(client.settings, paths, {workflow for workflow, _ in deployed.versions})
    for warning in (warning for one in loaded for warning in one.warnings):
        output.note(f"warning: {warning}")
    changes = plan([one.spec for one in loaded], deployed.specs, deployed.numbers)
    if not dry_run:
        await publishing.publish(client, changes, actor or publishing.current_user())
    return changes


async def _deploy(
    settings: Settings, paths: Sequence[Path], output: Output, actor: str | None, *, dry_run: bool
) -> None:
    async with connect(settings) as client:
        show(output, await deploy_files(client, paths, output, actor, dry_run=dry_run), dry_run=dry_run)


async def _roll_back(
    settings: Settings, workflow: str, to: int | None, output: Output, actor: str | None, *, dry_run: bool
) -> None:
    async with connect(settings) as client:
        change = await publishing.roll_back(client, workflow, to, actor or publishing.current_user(), dry_run=dry_run)
        show(output, [change], dry_run=dry_run)


def show(output: Output, changes: Sequence[Change], *, dry_run: bool = False) -> None:
    """Print the changes with their diffs."""
    if output.programs:
        for change in changes:
            output.emit(_as_object(change, dry_run=dry_run))
        return
    for change in changes:
        output.say(_line(change), style="dim" if change.kind == "unchanged" else "bold")
        for line in change.diff.splitlines():
            output.say(f"  {line}", style=_STYLES.get(line[:1], ""))
    if all(change.kind == "unchanged" for change in changes):
        output.say("nothing to change")
    elif dry_run:
        output.say("dry run: nothing was changed")


def _line(change: Change) -> str:
    after = f"version {change.after.number}"
    match change.kind:
        case "unchanged":
            return f"{change.workflow}: {after} is already active"
        case "activate":
            return f"{change.workflow}: {after}, already deployed, becomes active{_replaces(change)}"
        case "new" | "version":
            return f"{change.workflow}: {after} is new and becomes active{_replaces(change)}"


def _replaces(change: Change) -> str:
    return f" instead of version {change.before.number}" if change.before else ""


def _as_object(change: Change, *, dry_run: bool) -> dict[str, Any]:
    return {
        "workflow": change.workflow,
        "change": change.kind,
        "before": change.before.number if change.before else None,
        "version": change.after.number,
        "digest": change.after.digest,
        "diff": change.diff,
        "dry_run": dry_run,
    }
