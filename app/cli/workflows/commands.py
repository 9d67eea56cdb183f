"""`meta-ai workflows`: create, check, show, describe and deploy workflow files; show what is deployed."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from app import configuration
from app.cli.configuration.templates import Template
from app.cli.options import ConfigOption, JsonOption
from app.cli.output import Output, write
from app.cli.workflows import creating, deployed, workflow_chart, workflow_files
from app.cli.workflows import deploy as deploying
from app.errors import ConfigurationError
from app.workflows.definition.builder import to_yaml
from app.workflows.definition.loading import Loaded
from app.workflows.definition.schema import schema as file_schema

app = typer.Typer(no_args_is_help=True, add_completion=False)
app.add_typer(deployed.app)
app.command("deploy")(deploying.deploy)
app.command("rollback")(deploying.rollback)
Files = Annotated[list[Path], typer.Argument(help="Workflows, or folders of them.")]


@app.callback()
def workflows() -> None:
    """Create, check, show and deploy workflow files; see what is deployed."""


@app.command()
def new(
    workflow: Annotated[str, typer.Argument(metavar="ID", help="The id of the new workflow.")],
    *,
    template: Annotated[Template, typer.Option(help="What it begins with.")] = "minimal",
    folder: Annotated[Path, typer.Option(help="Where to write it.")] = Path("workflows"),
    model: Annotated[
        list[str] | None, typer.Option(help="A model that it asks; repeat it for more. By default that of `ask`.")
    ] = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write a workflow from a template, for the models of the configuration."""
    output, path = Output(programs=as_json), folder / f"{workflow}.yaml"
    if path.exists():
        raise ConfigurationError(f"{path} already exists; choose another id or --folder")
    settings = configuration.load(config, os.environ)
    text = creating.from_template(template, workflow, model or settings.ask.models)
    path.parent.mkdir(parents=True, exist_ok=True)
    write(path, text)
    try:
        (loaded,) = workflow_files.load(settings, [path])
    except ConfigurationError:
        path.unlink()  # an id or a model that there cannot be
        raise
    for warning in loaded.warnings:
        output.note(f"warning: {warning}")
    if as_json:
        output.emit({"workflow": workflow, "file": str(path)})
    else:
        output.say(f"{path} written; next: meta-ai workflows deploy {path}")


@app.command()
def check(files: Files, *, config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Check workflows: each problem is one line with its place and how to fix it; exits with 1 if there is any."""
    output = Output(programs=as_json)
    for loaded in _load(files, config):
        if as_json:
            about = {"workflow": loaded.spec.id, "file": str(loaded.file), "steps": len(loaded.spec.steps)}
            output.emit({**about, "warnings": [*map(str, loaded.warnings)]})
            continue
        for warning in loaded.warnings:
            output.note(f"warning: {warning}")
        count = len(loaded.spec.steps)
        output.say(f"{loaded.file}: the workflow {loaded.spec.id} is valid: {count} step{'s' if count > 1 else ''}")


@app.command()
def show(
    file: Annotated[Path, typer.Argument(help="A workflow.")],
    *,
    mermaid: Annotated[bool, typer.Option("--mermaid", help="As a Mermaid flowchart.")] = False,
    config: ConfigOption = None,
) -> None:
    """Show a workflow as it is understood: files inlined and defaults omitted; or as a chart."""
    for loaded in _load([file], config):
        sys.stdout.write(workflow_chart.workflow_flowchart(loaded.spec) if mermaid else to_yaml(loaded.spec))


@app.command()
def schema() -> None:
    """Print the JSON schema of a workflow file, for editors and validators.

    Keep it beside your workflows as workflow.schema.json; an editor with the YAML language server uses it for
    files that begin with: # yaml-language-server: $schema=workflow.schema.json
    """
    sys.stdout.write(json.dumps(file_schema(), ensure_ascii=False, indent=2) + "\n")


def _load(files: Sequence[Path], config: Path | None) -> list[Loaded]:
    return workflow_files.load(configuration.load(config, os.environ), files)
