"""`meta-ai orchestrator config`: the configuration explained, and checked."""

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
    """Explain the configuration, or check it."""


@app.command()
def schema() -> None:
    """Print the JSON schema of the configuration file, for editors and validators."""
    sys.stdout.write(json.dumps(configuration.schema(), ensure_ascii=False, indent=2) + "\n")


@app.command()
def check(*, config: ConfigOption = None) -> None:
    """Check the file with its parts and workflows, and the environment; each fault is a line that says its mend.

    The exit code is 1 if there is one.
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
    output.say(f"the configuration is good: {', '.join(facts)}")
