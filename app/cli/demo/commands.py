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
_CONFIG, _QUESTIONS = Path("examples/config.yaml"), Path("examples/questions.jsonl")
#: What the questions are about, and some more to search among. All of docs/ would take six times as long to embed.
PAGES = tuple(
    Path("docs", f"{page}.md")
    for page in ("architecture", "dead-letters", "delivery", "getting-started", "operations", "retrieval")
)
#: The demo is the same everywhere: of the environment it takes only what concerns the log.
_ENVIRONMENT = ("LOG_LEVEL",)


@app.command()
def demo(
    *,
    model: Annotated[
        str | None,
        typer.Option(help="Ask another model: openai/gpt-5-mini, ollama/llama3.2, … Keys are in the environment."),
    ] = None,
    docs: Annotated[Path | None, typer.Option(help="What to answer from; by default some pages of docs/.")] = None,
    questions: Annotated[Path | None, typer.Option(help="Lines of JSON; by default examples/questions.jsonl.")] = None,
    keep: Annotated[bool, typer.Option("--keep", help="Stay up afterwards, to be tried out.")] = False,
    broker: BrokerOption = None,
    bootstrap_servers: ServersOption = None,
) -> None:
    """Start everything on free ports, ingest documents, ask questions, and show answers, sources and times.

    The exit code is 0 only if every question was answered from sources. Nothing is left behind.
    """
    started = time.perf_counter()
    pages = [_given("--docs", docs)] if docs else [_own(page) for page in PAGES]
    asked = _given("--questions", questions) if questions else _own(_QUESTIONS)
    output = Output()
    if docs and not questions:
        output.note("the questions are still those about this project; ask your own with --questions FILE")

    from app.cli.demo.demonstration import Demo  # noqa: PLC0415  # the agents and all they need

    with TemporaryDirectory(prefix="meta-ai-demo-") as scratch:
        settings = _settings(model, broker, bootstrap_servers, Path(scratch))
        shown = Demo(settings, output, started, other_model=model is not None)
        run(shown.run(pages, asked, root=docs.absolute().parent if docs else _ROOT, keep=keep))
    if not shown.convincing:
        raise typer.Exit(1)


def _settings(model: str | None, broker: str | None, servers: str | None, scratch: Path) -> Settings:
    environ = {name: os.environ[name] for name in _ENVIRONMENT if name in os.environ}
    settings = with_broker(load(_own(_CONFIG), environ), broker, servers)
    if model is not None:
        from app.cli.demo.model_choice import with_model  # noqa: PLC0415  # it knows all providers

        settings = with_model(settings, model)
    return settings.model_copy(update={"broker": settings.broker.model_copy(update={"data_dir": scratch / "kafka"})})


def _given(option: str, path: Path) -> Path:
    if not path.exists():
        raise ConfigurationError(f"{option} {path}: there is no such file or folder")
    return path


def _own(path: Path) -> Path:
    if not (_ROOT / path).exists():
        raise ConfigurationError(f"{path} is not here; the demo's own files come with a checkout of the project")
    return _ROOT / path
