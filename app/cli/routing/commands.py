"""`meta-ai routing`: list the policies, and fit routers on recorded results."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from app.cli.options import ConfigOption, JsonOption
from app.cli.output import Output
from app.configuration import load
from app.errors import MissingDependency
from app.routing import registry

app = typer.Typer(no_args_is_help=True, add_completion=False)


@app.callback()
def routing() -> None:
    """List the routing policies, and fit a router on recorded results."""


@app.command()
def policies(*, json: JsonOption = False) -> None:
    """List the routing policies; with --json also the JSON Schema of their options."""
    output, known = Output(programs=json), registry.describe()
    if json:
        for name, one in known.items():
            output.emit({"policy": name, "summary": one.summary, "options": one.options})
        return
    options = {name: ", ".join(one.options.get("properties", ())) for name, one in known.items()}
    rows = [(name, options[name], one.summary) for name, one in known.items()]
    output.table(("policy", "options", "what"), rows, prose=("options", "what"))


@app.command()
def fit(  # noqa: PLR0913  # the options of a command
    *,
    weak: Annotated[str, typer.Option(help="The model for easy questions.")],
    strong: Annotated[str, typer.Option(help="The model for hard questions.")],
    source: Annotated[Path, typer.Option("--from", help="JSON Lines: answers of both models, or results.")],
    out: Annotated[Path, typer.Option(help="The file to write the router to.")],
    tasks: Annotated[Path | None, typer.Option(help="The tasks of the results, for their questions.")] = None,
    quality: Annotated[
        float, typer.Option(min=0.0, max=1.0, help="The share of the strong model's quality to keep.")
    ] = 0.95,
    embeddings: Annotated[
        bool, typer.Option(help="Also use embeddings of the questions, made by the configured embedder.")
    ] = True,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Fit a router for the policy `learned`, and show its expected quality."""
    try:
        from app.cli.routing import fitting  # noqa: PLC0415  # numpy comes with the server
    except ImportError:
        raise MissingDependency('pip install "meta-ai-orchestrator[server]"') from None
    settings, output = load(config, os.environ), Output(programs=json)
    recording = fitting.read(source, tasks, weak, strong, settings.delivery.max_event_bytes)
    for reason, count in recording.skipped.items():
        output.note(f"{count} lines skipped: {reason}")
    fitted = fitting.fit(recording.samples, settings.retrieval if embeddings else None, quality)
    fitting.save(fitted, out)
    fitting.show(output, fitted, len(recording.samples))
    output.say(f"{out} written, with the threshold {fitted.router.threshold:g}")
