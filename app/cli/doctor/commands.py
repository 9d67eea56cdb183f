"""`meta-ai doctor`: check an installation, and say how to fix what is wrong."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from app.admin.doctor.base import ORDER, Examination, Finding
from app.admin.doctor.registry import CHECKS, examine
from app.cli import run_state
from app.cli.event_loop import run
from app.cli.options import ConfigOption, JsonOption, ServersOption, TimeoutOption
from app.cli.output import Output
from app.cli.target import find
from app.client.client import connect
from app.configuration import load
from app.errors import BrokerError, ConfigurationError

app = typer.Typer(add_completion=False)
_STYLES = {"ok": "green", "warning": "yellow", "error": "red"}


@app.command()
def doctor(
    *,
    check: Annotated[
        list[str] | None, typer.Option(help=f"Only this one; may be repeated. There are {', '.join(CHECKS)}.")
    ] = None,
    offline: Annotated[
        bool, typer.Option("--offline", help="Call no model and no other server than the broker and the worker.")
    ] = False,
    timeout: TimeoutOption = 20.0,
    config: ConfigOption = None,
    bootstrap_servers: ServersOption = None,
    json: JsonOption = False,
) -> None:
    """Check the installation, the broker, the topics, the workers and the models; exits with 1 if something is broken.

    Each model gets one small call, for which a provider may charge; --offline skips them.
    """
    output = Output(programs=json)
    found = run(_work(config, bootstrap_servers, output, check or [], offline=offline, timeout=timeout))
    counts = Counter(one.severity for one in found)
    if not json:
        shown = [f"{counts[severity]} {severity}{'s' if severity != 'ok' else ''}" for severity in ORDER]
        output.say(", ".join(shown))
    if counts["error"]:
        raise typer.Exit(1)


async def _work(
    config: Path | None, servers: str | None, output: Output, names: list[str], *, offline: bool, timeout: float
) -> list[Finding]:
    found = []
    try:
        load(config, os.environ)
    except ConfigurationError as error:  # nothing else can be checked
        found = [Finding("configuration", "error", "configuration", line) for line in str(error).splitlines()]
        for one in found:
            _show(output, one)
        return found
    async with examination(config, servers, offline=offline, timeout=timeout) as examined:
        with output.progress() as progress:
            bar = progress.add_task("checking", total=None)
            async for one in examine(examined, names):
                progress.advance(bar)
                found.append(one)
                _show(output, one)
    return found


@asynccontextmanager
async def examination(
    config: Path | None, servers: str | None, *, offline: bool, timeout: float
) -> AsyncIterator[Examination]:
    """Yield what there is to look at; a broker that cannot be reached is no error here.

    Raises:
        ConfigurationError: the configuration is invalid.
    """
    settings, place = load(config, os.environ), run_state.path_for(config, os.environ)
    running = run_state.read(place)
    http = running.http if running else f"{settings.server.bind_address}:{settings.server.port}"
    async with AsyncExitStack() as stack:
        client, reason = None, ""
        try:
            settings = find(config, servers)
            client = await stack.enter_async_context(connect(settings))
        except BrokerError as error:
            reason = str(error)
        yield Examination(settings, os.environ, place.parent.parent, client, reason, http, offline, timeout)


def _show(output: Output, found: Finding) -> None:
    if output.programs:
        output.emit(asdict(found))
        return
    output.say(f"{found.severity:<8} {found.check}: {found.subject}: {found.message}", style=_STYLES[found.severity])
    if found.fix:
        output.say(f"         fix: {found.fix}")
