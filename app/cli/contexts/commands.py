"""`meta-ai context`: add, use, list, show and remove contexts."""

from __future__ import annotations

import getpass
import sys
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

import typer

from app.cli.contexts import choice, keys
from app.cli.contexts.store import Context, Contexts, location
from app.cli.options import JsonOption
from app.cli.output import Output
from app.configuration.export import shown_url
from app.errors import ConfigurationError

app = typer.Typer(no_args_is_help=True, add_completion=False)
Name = Annotated[str, typer.Argument(help="The name of a context.")]


@app.callback()
def context() -> None:
    """Name orchestrators, and choose which one commands talk to."""


@app.command()
def add(  # noqa: PLR0913  # one for each option
    name: Name,
    *,
    api: Annotated[str | None, typer.Option(help="The address of the gateway: https://ai.example.com/v1.")] = None,
    key_env: Annotated[str | None, typer.Option(metavar="VARIABLE", help="The variable that has the API key.")] = None,
    key_file: Annotated[Path | None, typer.Option(help="The file that has the API key.")] = None,
    ask_key: Annotated[
        bool, typer.Option("--key", help="Ask for the API key, or read it from a pipe, and keep it in the keyring.")
    ] = False,
    bootstrap_servers: Annotated[str | None, typer.Option("--bootstrap-servers", "-b", help="The broker.")] = None,
    config: Annotated[Path | None, typer.Option("--config", "-c", help="The configuration to use with it.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace a context of this name.")] = False,
    json: JsonOption = False,
) -> None:
    """Add a context: the API of an orchestrator with a key, or its broker. The first one becomes the current one."""
    _require_one_way(api, bootstrap_servers, config, [key_env, key_file, ask_key or None])
    known, output = Contexts.read(), Output(programs=json)
    if name in known.contexts and not force:
        raise ConfigurationError(f"there is a context {name} already; use --force to replace it")
    reference = f"env:{key_env}" if key_env else f"file:{key_file.absolute()}" if key_file else ""
    if ask_key:
        keys.store(name, _key())
        reference = keys.KEYRING
    made = Context(
        api=(api or "").rstrip("/"),
        key=reference,
        bootstrap_servers=bootstrap_servers or "",
        config=config.absolute() if config else None,
    )
    if made.key and _is_in_the_open(made.api):
        output.note("warning: without https, the key can be read on the way")
    known.contexts[name] = made
    known.current = known.current or name
    known.write()
    if json:
        output.emit({"added": name, "current": known.current == name, "file": str(location())})
    else:
        output.say(f"{name} added{', and used from now on' if known.current == name else ''}")


@app.command()
def use(name: Name, *, json: JsonOption = False) -> None:
    """Use a context wherever no other is named, no broker is configured, and no orchestrator runs in the folder."""
    known = Contexts.read()
    known.get(name)
    known.current = name
    known.write()
    if json:
        Output(programs=True).emit({"current": name})
    else:
        Output().say(f"{name} is used from now on")


@app.command("list")
def list_(*, json: JsonOption = False) -> None:
    """List the contexts."""
    known, output = Contexts.read(), Output(programs=json)
    rows = [_shown(name, one, current=name == known.current) for name, one in sorted(known.contexts.items())]
    if json:
        for row in rows:
            output.emit(row)
    elif rows:
        output.table(("context", "current", "kind", "where", "key"), [tuple(row.values())[:5] for row in rows])
    else:
        output.say("no contexts; add one: meta-ai context add")


@app.command()
def show(
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="By default the one that is used.")] = None,
    *,
    json: JsonOption = False,
) -> None:
    """Show a context; its key is never printed."""
    known, output = Contexts.read(), Output(programs=json)
    chosen = choice.chosen()
    wanted = name or (chosen[0] if chosen else known.current)
    if not wanted:
        raise ConfigurationError("no context is used; choose one: meta-ai context use")
    row = _shown(wanted, known.get(wanted), current=wanted == known.current)
    if json:
        output.emit(row)
    else:
        output.table(("", ""), list(row.items()), keep=("",))


@app.command()
def remove(name: Name, *, json: JsonOption = False) -> None:
    """Remove a context, and its key from the keyring."""
    known = Contexts.read()
    if known.get(name).key == keys.KEYRING:
        keys.forget(name)
    del known.contexts[name]
    known.current = "" if known.current == name else known.current
    known.write()
    if json:
        Output(programs=True).emit({"removed": name})
    else:
        Output().say(f"{name} removed")


def _require_one_way(api: str | None, servers: str | None, config: Path | None, ways: list[object]) -> None:
    if bool(api) == bool(servers or config):
        raise typer.BadParameter("give either --api, or --bootstrap-servers or --config")
    given = [one for one in ways if one is not None]
    if len(given) > 1 or (given and not api):
        raise typer.BadParameter("give at most one of --key-env, --key-file and --key, and only with --api")
    if api and not api.startswith(("http://", "https://")):
        raise typer.BadParameter("--api is an address, as in https://ai.example.com/v1")
    if api and shown_url(api) != api:
        raise typer.BadParameter("--api may have neither a user nor a query: a key has options of its own")


def _key() -> str:
    key = getpass.getpass("API key: ") if sys.stdin.isatty() else sys.stdin.readline()
    if not key.strip():
        raise typer.BadParameter("--key: the key is empty")
    return key.strip()


def _is_in_the_open(api: str) -> bool:
    parts = urlsplit(api)
    try:
        loopback = ip_address(parts.hostname or "").is_loopback
    except ValueError:
        loopback = parts.hostname == "localhost"
    return parts.scheme == "http" and not loopback


def _shown(name: str, context: Context, *, current: bool) -> dict[str, Any]:
    where = context.api or context.bootstrap_servers or str(context.config)
    kind = "api" if context.api else "broker"
    config = str(context.config) if context.config else ""
    return {"context": name, "current": current, "kind": kind, "where": where, "key": context.key, "config": config}
