"""`meta-ai adapters`: list the providers, add a model, and test it."""

from __future__ import annotations

import os
import shlex
import shutil
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
import yaml

from app.cli.configuration.adding import add
from app.cli.event_loop import run
from app.cli.options import ConfigOption, JsonOption, TimeoutOption
from app.cli.output import Output
from app.configuration import load
from app.conformance import Check
from app.errors import ConfigurationError
from app.models import adapter_catalog
from app.models.conformance.probe import probe
from app.models.http.endpoint import ambient_secrets
from app.models.pool import build, members
from app.redaction import redactor
from app.settings import ModelSettings
from app.suggestions import did_you_mean

#: What works in the folder of a new adapter, in the environment that the orchestrator is installed in.
INSTALL_AND_TEST = ('python -m pip install -e ".[test]"', "python -m pytest")

app = typer.Typer(no_args_is_help=True, add_completion=False)
app.command("add")(add)

_TEMPLATE = Path(__file__).resolve().parents[2] / "examples" / "adapter-template"


@app.callback()
def adapters() -> None:
    """List the providers, add and test models, and begin an adapter of your own."""


@app.command()
def new(
    path: Annotated[Path, typer.Argument(help="The folder to write; it must be empty, or not exist.")] = Path(
        "my-adapter"
    ),
    *,
    json: JsonOption = False,
) -> None:
    """Write a package with an adapter, its tests and a configuration, to begin your own with."""
    if path.exists() and (not path.is_dir() or any(path.iterdir())):
        raise ConfigurationError(f"{path} already exists; name another folder")
    shutil.copytree(_TEMPLATE, path, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__", ".*"))
    if json:
        Output(programs=True).emit({"written": str(path)})
        return
    steps = (f"cd {shlex.quote(str(path))}", *INSTALL_AND_TEST)
    Output().say(f"{path} written; next:\n  " + "\n  ".join(steps))


@app.command("list")
def list_(*, json: JsonOption = False) -> None:
    """List the providers, including those of installed packages: their source, dialect and requirements."""
    output, known = Output(programs=json), adapter_catalog.list_adapters()
    if json:
        for one in known:
            output.emit(asdict(one))
        return
    rows = [(one.name, one.source, one.dialect, one.extra, one.key) for one in known]
    output.table(("provider", "source", "dialect", "extra", "key"), rows)


@app.command()
def describe(
    name: Annotated[str, typer.Argument(help="A provider, as `list` shows it.")], *, json: JsonOption = False
) -> None:
    """Show a provider's features and options, with an example for the configuration."""
    output, one = Output(programs=json), adapter_catalog.describe_adapter(name)
    if json:
        features = None if one.features is None else sorted(one.features)
        options = None if one.options is None else [asdict(option) for option in one.options]
        own = {"summary": one.summary, "features": features, "options": options, "example": one.example}
        output.emit(asdict(one.adapter) | own)
        return
    output.say(f"{one.adapter.name}, {one.adapter.source}: {one.summary}")
    output.say(f"features  {_features(one)}")
    _show_options(output, one)
    output.say("\n" + yaml.safe_dump({"models": {"mine": dict(one.example)}}, sort_keys=False).rstrip())


@app.command("test")
def try_(
    name: Annotated[str, typer.Argument(help="A model of the configuration.")],
    *,
    timeout: TimeoutOption = 60.0,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Test a configured model: an answer, a stream, and each feature that it claims; exits with 1 if one fails.

    It makes about a dozen small real calls, each of which may take --timeout; a provider may charge for them.
    """
    settings, output = load(config, os.environ), Output(programs=json)
    if name not in settings.models:
        raise ConfigurationError(f"unknown model {name}; {did_you_mean(name, settings.models, 'configured models:')}")
    checks = run(_run_checks(name, settings.models[name], timeout))
    if json:
        for check in checks:
            output.emit(asdict(check))
    else:
        _show(output, checks)
    raise typer.Exit(any(check.status == "fail" for check in checks))


async def _run_checks(name: str, settings: ModelSettings, timeout: float) -> list[Check]:
    hidden = [*settings.secrets(), *ambient_secrets(os.environ)]
    first, *others = members(build(name, settings))
    for other in others:  # for the other keys; one is enough to test the model
        await other.close()
    return [_redacted(check, hidden) async for check in probe(first, timeout=timeout)]


def _redacted(check: Check, secrets: Sequence[str]) -> Check:
    # Ours keep keys out of what they say; of a package's adapter nobody knows.
    detail = redactor(secrets)(check.detail)
    return Check(check.name, check.status, round(check.seconds, 6), check.error, detail)


def _show(output: Output, checks: Sequence[Check]) -> None:
    rows = [(one.name, one.status, one.seconds, one.error, one.detail) for one in checks]
    output.table(("check", "status", "seconds", "error", "detail"), rows, prose=("detail",), keep=("status", "error"))
    counts = [(status, sum(check.status == status for check in checks)) for status in ("pass", "fail", "skipped")]
    output.say(", ".join(f"{count} {status}" for status, count in counts))


def _show_options(output: Output, one: adapter_catalog.Description) -> None:
    if one.options:
        output.say()
        rows = [(option.name, _default(option.default), option.description) for option in one.options]
        output.table(("option", "default", "what"), rows, prose=("what",))


def _default(value: Any) -> str:
    return "" if value is None else str(value)


def _features(one: adapter_catalog.Description) -> str:
    return "as configured" if one.features is None else ", ".join(sorted(one.features)) or "none"
