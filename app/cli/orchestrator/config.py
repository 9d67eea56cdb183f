"""`meta-ai orchestrator config`: explain and check the configuration."""

from __future__ import annotations

import json
import os
import sys

import typer

from app import configuration
from app.cli.options import ConfigOption
from app.cli.output import Output
from app.cli.workflows import workflow_files
from app.worker import components

app = typer.Typer(no_args_is_help=True, add_completion=False)


@app.callback()
def config() -> None:
    """Explain or check the configuration."""


@app.command()
def schema() -> None:
    """Print the JSON schema of the configuration file, for editors and validators."""
    sys.stdout.write(json.dumps(configuration.schema(), ensure_ascii=False, indent=2) + "\n")


@app.command()
def check(*, config: ConfigOption = None) -> None:
    """Check the file, its parts, the workflows and the environment; each problem is one line that says how to fix it.

    Exits with 1 if there is a problem.
    """
    settings = configuration.load(config, os.environ)
    components.components(settings)
    paths = workflow_files.configured_paths(settings, config)
    loaded = workflow_files.load(settings, paths) if paths else []
    output = Output()
    for warning in (warning for one in loaded for warning in one.warnings):
        output.note(f"warning: {warning}")
    facts = [f"broker {settings.broker.kind}", f"models {', '.join(settings.models)}"]
    facts += [f"workflows {', '.join(one.spec.id for one in loaded)}"] if loaded else []
    output.say(f"the configuration is valid: {', '.join(facts)}")
