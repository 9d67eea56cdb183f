"""`meta-ai orchestrator config`: the configuration explained, and checked."""

from __future__ import annotations

import json
import os
import sys

import typer

from app import configuration
from app.cli.options import Config
from app.cli.output import Output

app = typer.Typer(no_args_is_help=True, add_completion=False)


@app.callback()
def config() -> None:
    """Explain the configuration, or check it."""


@app.command()
def schema() -> None:
    """Print the JSON schema of the configuration file, for editors and validators."""
    sys.stdout.write(json.dumps(configuration.schema(), ensure_ascii=False, indent=2) + "\n")


@app.command()
def check(*, config: Config = None) -> None:
    """Check file and environment; each fault is a line with its place and its mend, and the exit code is 1."""
    settings = configuration.load(config, os.environ)
    output = Output()
    output.say(f"the configuration is good: broker {settings.broker.kind}, models {', '.join(settings.models)}")
