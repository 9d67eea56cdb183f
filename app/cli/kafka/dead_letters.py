"""`meta-ai dead-letters`: show, fix and replay what could not be processed."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from app.cli.event_loop import run
from app.cli.kafka import dead_letter_records
from app.cli.kafka.client import connect
from app.cli.kafka.dead_letter_records import DeadLetterRecord
from app.cli.options import ConfigOption, JsonOption, ServersOption
from app.cli.output import Output, one_line
from app.cli.target import find
from app.errors import ConfigurationError
from app.settings import Settings
from topics.dead_letters import original_headers

app = typer.Typer(no_args_is_help=True, add_completion=False)
Id = Annotated[str, typer.Argument(metavar="ID", help="topic/partition/offset, as `list` shows it.")]


@app.callback()
def dead_letters() -> None:
    """Show what could not be processed, fix it and replay it."""


@app.command("list")
def list_(*, config: ConfigOption = None, bootstrap_servers: ServersOption = None, json: JsonOption = False) -> None:
    """List all dead letters, oldest first."""
    output = Output(programs=json)
    found = list(run(_read(find(config, bootstrap_servers))).values())
    if json:
        for letter in found:
            output.emit(dead_letter_records.as_object(letter))
    elif found:
        output.table(("id", "reason", "agent", "when", "replayed", "error"), map(_row, found))
    else:
        output.say("no dead letters")


@app.command()
def show(
    one: Id,
    *,
    config: ConfigOption = None,
    bootstrap_servers: ServersOption = None,
    json: JsonOption = False,
) -> None:
    """Show a dead letter: its reason, and the original message as it was received."""
    output = Output(programs=json)
    letter = dead_letter_records.pick(run(_read(find(config, bootstrap_servers))), [one])[0]
    if json:
        output.emit(dead_letter_records.as_object(letter))
    else:
        _show(output, letter)


@app.command()
def replay(
    ids: Annotated[list[str] | None, typer.Argument(metavar="[ID]...", help="Which ones.")] = None,
    *,
    everything: Annotated[bool, typer.Option("--all", help="All that have not been replayed yet.")] = False,
    value: Annotated[Path | None, typer.Option(help="A file with the corrected value, for one dead letter.")] = None,
    config: ConfigOption = None,
    bootstrap_servers: ServersOption = None,
    json: JsonOption = False,
) -> None:
    """Replay originals to their topics with their keys and headers, and note it in the audit."""
    if bool(ids) == everything:
        raise typer.BadParameter("give either ids or --all, not both")
    if value and len(ids or ()) != 1:
        raise typer.BadParameter("--value needs exactly one id")
    replacement = _replacement(value) if value else None
    run(_replay(find(config, bootstrap_servers), Output(programs=json), ids, replacement))


async def _read(settings: Settings) -> dict[str, DeadLetterRecord]:
    async with connect(settings) as client:
        return await dead_letter_records.read_all(client)


async def _replay(settings: Settings, output: Output, ids: list[str] | None, value: bytes | None) -> None:
    async with connect(settings) as client:
        found = await dead_letter_records.read_all(client)
        chosen = dead_letter_records.pick(found, ids) if ids else _to_replay(found, output)
        for letter in chosen:
            await dead_letter_records.replay(client, letter, value)
            if output.programs:
                output.emit({"replayed": letter.id})
            else:
                output.say(f"replayed {letter.id}")
    if not chosen:
        output.say("nothing to replay")


def _to_replay(found: Mapping[str, DeadLetterRecord], output: Output) -> list[DeadLetterRecord]:
    """Return the letters that have not been replayed; truncated ones are reported and skipped."""
    left = [letter for letter in found.values() if not letter.replayed]
    for letter in left:
        if not letter.place.whole:
            output.note(f"skipped {letter.id}: only part of it was kept; replay it with --value")
    return [letter for letter in left if letter.place.whole]


def _row(letter: DeadLetterRecord) -> tuple[object, ...]:
    place, replayed = letter.place, letter.replayed
    when = place.timestamp and place.timestamp.isoformat(sep=" ", timespec="seconds")
    again = replayed and replayed.isoformat(sep=" ", timespec="seconds")
    return letter.id, place.reason, place.agent, when, again, one_line(place.error)


def _show(output: Output, letter: DeadLetterRecord) -> None:
    output.say(f"{letter.place.reason}: {letter.place.error}", style="bold")
    about = dead_letter_records.as_object(letter)
    facts = [(name, about.get(name)) for name in ("id", "agent", "timestamp", "replayed", "key")]
    facts += [(name, about[name]) for name in ("cut_from", "bare") if name in about]
    headers = [(name, dead_letter_records.as_text(value)) for name, value in original_headers(letter.headers)]
    output.table(("", ""), [*facts, *headers])
    output.say()
    output.say("(no value)" if letter.value is None else str(dead_letter_records.as_text(letter.value)))


def _replacement(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error.strerror}") from None
