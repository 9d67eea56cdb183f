"""`meta-ai orchestrator`: run and manage it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from app import configuration
from app.cli.configuration import commands as config_commands
from app.cli.configuration import templates
from app.cli.configuration.templates import Template
from app.cli.event_loop import run as run_work
from app.cli.options import BrokerOption, ConfigOption, JsonOption, ServersOption
from app.cli.orchestrator import status as status_command
from app.cli.output import Output, write
from app.cli.target import find, with_broker
from app.cli.workflows import deploy as deploy_commands
from app.errors import ConfigurationError

app = typer.Typer(no_args_is_help=True, add_completion=False)
app.add_typer(config_commands.app, name="config")
app.command("status")(status_command.status)
app.command("deploy")(deploy_commands.deploy)
app.command("rollback")(deploy_commands.rollback)


@app.callback()
def orchestrator() -> None:
    """Run and manage the orchestrator."""


@app.command()
def init(
    path: Annotated[Path, typer.Argument(help="The file to write.")] = Path("meta-ai.yaml"),
    *,
    template: Annotated[
        Template | None,
        typer.Option(help="Begin with a working example: its configuration, workflows, documents and a first task."),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace existing files.")] = False,
    json: JsonOption = False,
) -> None:
    """Write a configuration with every key explained and at its default, or one of the templates; asks nothing."""
    output = Output(programs=json)
    if template:
        written = templates.copy(template, path, force=force)
    elif path.exists() and not force:
        raise ConfigurationError(f"{path} already exists; use --force to replace it")
    else:
        written = [path]
        write(path, configuration.template())
    if json:
        output.emit({"written": [*map(str, written)]})
        return
    output.say(f"{', '.join(map(str, written))} written; next: meta-ai orchestrator run --config {path}")
    if template:
        output.say("then, in a second terminal:")
        for line in _next_commands(written, path):
            output.say(f"  {line}")


def _next_commands(written: Sequence[Path], config: Path) -> list[str]:
    """Return what gives a template's workflow its first task."""
    documents = sorted({str(one.parent) for one in written if one.parent.name == "documents"})
    tasks = [str(one) for one in written if one.name == "tasks.jsonl"]
    commands = [*(f"documents add {one} --wait" for one in documents), *(f"tasks send {one} --wait" for one in tasks)]
    return [f"meta-ai {command} --config {config}" for command in commands]


@app.command()
def run(
    *,
    config: ConfigOption = None,
    broker: BrokerOption = None,
    bootstrap_servers: ServersOption = None,
    json: JsonOption = False,
) -> None:
    """Run broker, worker, gateway and health pages until SIGTERM or Ctrl-C; a second Ctrl-C quits at once."""
    from app.cli.orchestrator.hosting import host  # noqa: PLC0415  # the agents and all they need

    live = configuration.load_live(config, os.environ)
    settings = with_broker(live.settings, broker, bootstrap_servers)
    run_work(host(settings, config, Output(programs=json), live=live))


@app.command()
def worker(*, config: ConfigOption = None, bootstrap_servers: ServersOption = None, json: JsonOption = False) -> None:
    """Run one more worker and its health pages on a running broker."""
    from app.cli.orchestrator.hosting import host  # noqa: PLC0415  # the agents and all they need

    live = configuration.load_live(config, os.environ)
    settings = with_broker(live.settings, None, bootstrap_servers)
    if settings.broker.kind != "cluster":
        raise ConfigurationError(
            "a worker needs a running broker: set broker.kind to cluster, KAFKA_BOOTSTRAP_SERVERS, "
            "or --bootstrap-servers; meta-ai orchestrator run brings its own"
        )
    run_work(host(settings, None, Output(programs=json), publish=False, live=live))


@app.command()
def gateway(*, config: ConfigOption = None, bootstrap_servers: ServersOption = None, json: JsonOption = False) -> None:
    """Run one more gateway, the HTTP API, on a running broker."""
    from app.cli.orchestrator.gateway import host_gateway  # noqa: PLC0415  # FastAPI and all it needs

    run_work(host_gateway(find(config, bootstrap_servers), Output(programs=json)))
