"""`meta-ai support-bundle`: describe an installation in a file that can be handed on."""

from __future__ import annotations

import os
import time
import zipfile
from pathlib import Path
from typing import Annotated

import typer

from app.admin import support_bundle
from app.cli.doctor.commands import examination
from app.cli.event_loop import run
from app.cli.options import ConfigOption, JsonOption, ServersOption, TimeoutOption
from app.cli.output import Output
from app.configuration.loading import DEFAULT_PATH
from app.errors import ConfigurationError

app = typer.Typer(add_completion=False)


@app.command()
def bundle(
    *,
    out: Annotated[
        Path | None, typer.Option(help="The file to write; by default one with the time in its name.")
    ] = None,
    log: Annotated[Path | None, typer.Option(help="A log of a worker, whose end is added.")] = None,
    offline: Annotated[bool, typer.Option("--offline", help="Call no model.")] = False,
    timeout: TimeoutOption = 20.0,
    config: ConfigOption = None,
    bootstrap_servers: ServersOption = None,
    json: JsonOption = False,
) -> None:
    """Write a zip file with versions, configuration, topics, lag, metrics, errors and what `doctor` finds.

    Secrets are taken out, and events are counted, not copied. Look into it before you hand it on: names of workflows
    and models, and messages of errors, are in it.
    """
    output, path = (
        Output(programs=json),
        out or Path(time.strftime("meta-ai-support-%Y%m%dT%H%M%SZ.zip", time.gmtime())),
    )
    if path.exists():
        raise ConfigurationError(f"{path} already exists; name another file with --out")
    names = run(_write(path, log, config, bootstrap_servers, output, offline=offline, timeout=timeout))
    if json:
        output.emit({"bundle": str(path), "files": names})
    else:
        output.say(f"{path} written, with {', '.join(names)}")


async def _write(
    path: Path,
    log: Path | None,
    config: Path | None,
    servers: str | None,
    output: Output,
    *,
    offline: bool,
    timeout: float,
) -> list[str]:
    named = config or Path(os.environ.get("META_AI_CONFIG") or DEFAULT_PATH)
    async with examination(config, servers, offline=offline, timeout=timeout) as examined:
        with output.progress() as progress:
            bar = progress.add_task("collecting", total=None)
            found: dict[str, str] = {}
            async for name, text in support_bundle.files(examined, named if named.exists() else None, log):
                found[name] = text
                progress.advance(bar)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file, zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in found.items():
            archive.writestr(f"{path.stem}/{name}", text)
    return [*found]
