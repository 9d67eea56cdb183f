"""`meta-ai demo`: the real thing, on this machine."""

from __future__ import annotations

import os
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer

from app.cli.event_loop import run
from app.cli.options import BrokerOption, ServersOption
from app.cli.output import Output
from app.cli.target import with_broker
from app.configuration import load
from app.errors import ConfigurationError
from app.settings import Settings

app = typer.Typer(add_completion=False)

_ROOT = Path(__file__).resolve().parents[3]
_CONFIG, _QUESTIONS, _DOCS = Path("examples/config.yaml"), Path("examples/questions.jsonl"), Path("docs")
#: The demo is the same everywhere: of the environment it takes only what concerns the log.
_ENVIRONMENT = ("LOG_LEVEL",)


@app.command()
def demo(
    *,
    docs: Annotated[Path | None, typer.Option(help="What to answer from; by default the project's docs/.")] = None,
    questions: Annotated[Path | None, typer.Option(help="Lines of JSON; by default examples/questions.jsonl.")] = None,
    keep: Annotated[bool, typer.Option("--keep", help="Stay up afterwards, to be tried out.")] = False,
    broker: BrokerOption = None,
    bootstrap_servers: ServersOption = None,
) -> None:
    """Start everything on free ports, ingest documents, ask questions, and show answers, sources and times.

    The exit code is 0 only if every question was answered from sources. Nothing is left behind.
    """
    started = time.perf_counter()
    from app.cli.demo.demonstration import Demo  # noqa: PLC0415  # the agents and all they need

    folder, asked = _example_path(docs, _DOCS), _example_path(questions, _QUESTIONS)
    with TemporaryDirectory(prefix="meta-ai-demo-") as scratch:
        settings = _settings(broker, bootstrap_servers, Path(scratch))
        shown = Demo(settings, Output(), started)
        run(shown.run(folder, asked, keep=keep))
    if not shown.convincing:
        raise typer.Exit(1)


def _settings(broker: str | None, servers: str | None, scratch: Path) -> Settings:
    environ = {name: os.environ[name] for name in _ENVIRONMENT if name in os.environ}
    settings = with_broker(load(_example_path(None, _CONFIG), environ), broker, servers)
    return settings.model_copy(update={"broker": settings.broker.model_copy(update={"data_dir": scratch / "kafka"})})


def _example_path(given: Path | None, usual: Path) -> Path:
    path = given or _ROOT / usual
    if not path.exists():
        raise ConfigurationError(
            f"{given or usual} is not here; the demo's own files come with a checkout of the project"
        )
    return path
