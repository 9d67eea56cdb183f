"""`meta-ai dead-letters`: show, fix and replay what could not be processed."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Annotated

import typer

from app.admin import dead_letter_records
from app.admin.dead_letter_records import DeadLetterRecord, Selection
from app.admin.publishing import current_user
from app.cli.event_loop import run
from app.cli.options import ConfigOption, JsonOption, ServersOption, SinceOption, UntilOption
from app.cli.output import Output, one_line
from app.cli.target import find
from app.client.client import connect
from app.errors import ConfigurationError
from app.settings import Settings
from app.suggestions import closest_match, did_you_mean
from topics import ALL
from topics.dead_letters import original_headers

app = typer.Typer(no_args_is_help=True, add_completion=False)
Id = Annotated[str, typer.Argument(metavar="ID", help="topic/partition/offset, as `list` shows it.")]
ReasonOption = Annotated[str | None, typer.Option(help="Only those with this reason, as `list` shows it.")]
TopicOption = Annotated[str | None, typer.Option(help="Only those whose original was on this topic.")]
KeyOption = Annotated[list[str] | None, typer.Option("--key", help="Only those with this key; may be repeated.")]


@app.callback()
def dead_letters() -> None:
    """Show what could not be processed, fix it and replay it."""


@app.command("list")
def list_(
    *,
    reason: ReasonOption = None,
    topic: TopicOption = None,
    key: KeyOption = None,
    since: SinceOption = None,
    until: UntilOption = None,
    config: ConfigOption = None,
    bootstrap_servers: ServersOption = None,
    json: JsonOption = False,
) -> None:
    """List dead letters, oldest first."""
    output, settings = Output(programs=json), find(config, bootstrap_servers)
    wanted = Selection(reason, _topic(settings, topic), key or (), since, until)
    everything = run(_read(settings)).values()
    found = [letter for letter in everything if wanted.matches(letter)]
    _hint(output, wanted, everything)
    if json:
        for letter in found:
            output.emit(dead_letter_records.as_object(letter))
    elif found:
        columns = ("id", "reason", "agent", "when", "replayed", "error")
        expendable = ("agent", "when", "error")
        output.table(columns, map(_row, found), prose=("error",), keep=("reason",), expendable=expendable)
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
def replay(  # noqa: PLR0913  # one for each option
    ids: Annotated[list[str] | None, typer.Argument(metavar="[ID]...", help="Which ones.")] = None,
    *,
    more_ids: Annotated[list[str] | None, typer.Option("--id", help="As an argument; may be repeated.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="All that have not been replayed yet.")] = False,
    reason: ReasonOption = None,
    topic: TopicOption = None,
    key: KeyOption = None,
    since: SinceOption = None,
    until: UntilOption = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would be replayed.")] = False,
    value: Annotated[Path | None, typer.Option(help="A file with the corrected value, for one dead letter.")] = None,
    config: ConfigOption = None,
    bootstrap_servers: ServersOption = None,
    json: JsonOption = False,
) -> None:
    """Replay originals to their topics with their keys and headers, and note it in the audit.

    Options such as --reason choose among those that have not been replayed yet.
    """
    named = [*(ids or ()), *(more_ids or ())]
    filtered = any(one is not None for one in (reason, topic, key, since, until))
    if bool(named) == (everything or filtered):
        raise typer.BadParameter("give either ids or --all, not both, or options that choose, such as --reason")
    if value and len(named) != 1:
        raise typer.BadParameter("--value needs exactly one id")
    replacement = _replacement(value) if value else None
    settings = find(config, bootstrap_servers)
    wanted = Selection(reason, _topic(settings, topic), key or (), since, until)
    run(_replay(settings, Output(programs=json), named or wanted, replacement, dry_run=dry_run))


async def _read(settings: Settings) -> dict[str, DeadLetterRecord]:
    async with connect(settings) as client:
        return await dead_letter_records.read_all(client)


async def _replay(
    settings: Settings, output: Output, wanted: list[str] | Selection, value: bytes | None, *, dry_run: bool
) -> None:
    async with connect(settings) as client:
        found = await dead_letter_records.read_all(client)
        if isinstance(wanted, Selection):
            _hint(output, wanted, found.values())
            chosen = _to_replay(found, wanted, output)
        else:
            chosen = dead_letter_records.pick(found, wanted)
        for letter in chosen:
            if not dry_run:
                await dead_letter_records.replay(client, letter, current_user(), value)
            _show_replayed(output, letter, dry_run=dry_run)
    if not chosen:
        output.say("nothing to replay")
    elif dry_run:
        output.say(f"dry run: {len(chosen)} would be replayed, nothing was sent")


def _to_replay(found: Mapping[str, DeadLetterRecord], wanted: Selection, output: Output) -> list[DeadLetterRecord]:
    """Return the wanted letters that have not been replayed; truncated ones are reported and skipped."""
    left = [letter for letter in found.values() if not letter.replayed and wanted.matches(letter)]
    for letter in left:
        if not letter.place.whole:
            output.note(f"skipped {letter.id}: only part of it was kept; replay it with --value")
    return [letter for letter in left if letter.place.whole]


def _show_replayed(output: Output, letter: DeadLetterRecord, *, dry_run: bool) -> None:
    if output.programs:
        place = letter.place
        about = {"reason": place.reason, "topic": place.topic, "key": dead_letter_records.as_text(letter.key)}
        output.emit({"would_replay": letter.id, **about} if dry_run else {"replayed": letter.id})
    elif dry_run:
        output.say_row(f"would replay {letter.id}  {letter.place.reason}", letter.place.error)
    else:
        output.say(f"replayed {letter.id}")


def _topic(settings: Settings, name: str | None) -> str | None:
    """Return the full name of a topic that is given with or without the prefix.

    Raises:
        BadParameter: there is no such topic.
    """
    prefix, known = settings.topics.prefix, [topic.name for topic in ALL]
    if name is None or name in {prefix + one for one in known}:
        return name
    if name not in known:
        raise typer.BadParameter(f"--topic: there is no topic {name}; {did_you_mean(name, known)}")
    return prefix + name


def _hint(output: Output, wanted: Selection, found: Collection[DeadLetterRecord]) -> None:
    """Note that no dead letter has the reason that is asked for, if another one was probably meant."""
    reasons = {letter.place.reason for letter in found}
    if wanted.reason and wanted.reason not in reasons and closest_match(wanted.reason, reasons):
        output.note(f"no dead letter has the reason {wanted.reason}; {did_you_mean(wanted.reason, reasons)}")


def _row(letter: DeadLetterRecord) -> tuple[object, ...]:
    place = letter.place
    return letter.id, place.reason, place.agent, place.timestamp, letter.replayed, one_line(place.error)


def _show(output: Output, letter: DeadLetterRecord) -> None:
    output.say(f"{letter.place.reason}: {letter.place.error}", style="bold")
    about = dead_letter_records.as_object(letter)
    times = [("timestamp", letter.place.timestamp), ("replayed", letter.replayed)]
    facts = [("id", letter.id), ("agent", letter.place.agent), *times, ("key", about["key"])]
    facts += [(name, about[name]) for name in ("cut_from", "bare") if name in about]
    headers = [(name, dead_letter_records.as_text(value)) for name, value in original_headers(letter.headers)]
    output.table(("", ""), [*facts, *headers], keep=("",))
    output.say()
    output.say("(no value)" if letter.value is None else str(dead_letter_records.as_text(letter.value)))


def _replacement(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error.strerror}") from None
