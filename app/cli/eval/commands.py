"""`meta-ai eval`: how good are searches, on a collection of judged questions?"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from app.cli.event_loop import run
from app.cli.options import ConfigOption, JsonOption
from app.cli.output import Output
from app.configuration import load
from app.errors import MissingDependency

app = typer.Typer(no_args_is_help=True, add_completion=False)


@app.callback()
def evaluate() -> None:
    """Measure how well documents are found."""


@app.command()
def retrieval(
    path: Annotated[Path, typer.Argument(help="A folder with corpus.jsonl, queries.jsonl and qrels/, as of BEIR.")],
    *,
    split: Annotated[str, typer.Option(help="Which judgments to use: qrels/SPLIT.tsv.")] = "test",
    fit: Annotated[bool, typer.Option("--fit", help="Also fit retrieval.vector_weight to the collection.")] = False,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Rank a judged collection by the configuration, by each half of it, and by plain reciprocal ranks."""
    try:
        from app.cli.eval import retrieval_report  # noqa: PLC0415  # numpy comes with the server
    except ImportError:
        raise MissingDependency('pip install "meta-ai-orchestrator[server]"') from None
    run(retrieval_report.report(path, split, load(config, os.environ).retrieval, Output(programs=json), fit=fit))
