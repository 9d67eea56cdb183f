"""`meta-ai help`: the help of a command, or the manual page."""

from __future__ import annotations

import sys
from importlib.metadata import PackageNotFoundError, version
from typing import Annotated

import typer

from app.cli.help.manual import manual_page

app = typer.Typer(add_completion=False)


@app.command("help")
def help_(
    context: typer.Context,
    command: Annotated[
        list[str] | None, typer.Argument(metavar="[COMMAND]...", help="A command: runs, runs list, …")
    ] = None,
    *,
    man: Annotated[bool, typer.Option("--man", help="Print the manual page of all commands, for man.")] = False,
) -> None:
    """Show the help of a command, or the manual page: meta-ai help --man | man -l -."""
    root = context.find_root()
    if man:
        sys.stdout.write(manual_page(root.command, _version()))
        return
    code = root.command.main([*(command or ()), "--help"], prog_name="meta-ai", standalone_mode=False)
    raise typer.Exit(code or 0)


def _version() -> str:
    try:
        return version("meta-ai-orchestrator")
    except PackageNotFoundError:
        return "from a checkout"
