"""`meta-ai topics export`: what topics hold, in a file."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

from app.cli.event_loop import run
from app.cli.options import ConfigOption, JsonOption, ServersOption
from app.cli.output import Output
from app.cli.target import find
from app.cli.times import parse_time
from app.client.client import OffsetRange, connect
from app.errors import ConfigurationError
from app.exports import export
from app.exports.export import ExportState
from app.exports.selection import Condition, Selection, find_ranges
from app.exports.sinks import FileSink, Sink, StreamSink
from app.settings import Settings
from topics import ALL

Format = Literal["jsonl", "parquet"]


def export_(  # noqa: PLR0913  # one for each option
    topics: Annotated[list[str] | None, typer.Argument(metavar="TOPIC...", help="With or without the prefix.")] = None,
    *,
    out: Annotated[
        Path | None, typer.Option(help="A file, compressed if it ends with .gz; for parquet a folder.")
    ] = None,
    format_: Annotated[Format, typer.Option("--format", help="jsonl, or parquet with typed columns.")] = "jsonl",
    from_: Annotated[
        float | None, typer.Option("--from", parser=parse_time, metavar="TIME", help="Only from this time on.")
    ] = None,
    to: Annotated[float | None, typer.Option(parser=parse_time, metavar="TIME", help="Only until this time.")] = None,
    partition: Annotated[list[int] | None, typer.Option(min=0, help="Only this one; may be repeated.")] = None,
    offset: Annotated[str | None, typer.Option(metavar="BEGIN:END", help="Only these offsets, without END.")] = None,
    where: Annotated[
        str | None, typer.Option(metavar="CEL", help="Only if this is true of topic, key, headers, value, …")
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the interrupted export into --out.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Overwrite --out.")] = False,
    config: ConfigOption = None,
    bootstrap_servers: ServersOption = None,
    json: JsonOption = False,
) -> None:
    """Export topics: every message with its key, headers, time and very bytes."""
    if resume and (out is None or topics or partition or offset or where or from_ or to):
        raise typer.BadParameter("--resume takes --out alone: what to export is known from before")
    if not (resume or topics):
        raise typer.BadParameter("name the topics to export")
    if where:
        Condition.parse(where)
    _check_out(out, format_, topics or [], resume=resume, force=force)
    if resume and out and out.is_dir():
        format_ = "parquet"
    settings = find(config, bootstrap_servers)
    selection = Selection(
        [full_name(name, settings) for name in topics or ()], partition or (), _offsets(offset), from_, to
    )
    run(_export(settings, selection, where, out, format_, Output(programs=json), resume=resume))


def _check_out(out: Path | None, format_: Format, topics: list[str], *, resume: bool, force: bool) -> None:
    if format_ == "parquet" and (out is None or len(topics) > 1):
        raise typer.BadParameter("parquet needs --out, and one topic, whose columns it has")
    if out is None or resume or force:
        return
    if export.state_path(out).exists():
        raise ConfigurationError(f"an export into {out} was interrupted: go on with --resume, or overwrite it: --force")
    if out.exists():
        raise ConfigurationError(f"{out} exists; overwrite it with --force")


def full_name(name: str, settings: Settings) -> str:
    """Return the full name of one of our topics; another's stays as it is."""
    ours = {topic.name for topic in ALL}
    return settings.topics.prefix + name if name in ours else name


def _offsets(text: str | None) -> OffsetRange | None:
    if text is None:
        return None
    begin, colon, end = text.partition(":")
    try:
        first = int(begin or 0)
        last = first + 1 if not colon else int(end) if end else sys.maxsize
    except ValueError:
        raise typer.BadParameter("--offset: give offsets such as 100:200, 100: or 100") from None
    return OffsetRange(first, last)


async def _export(
    settings: Settings,
    selection: Selection,
    where: str | None,
    out: Path | None,
    format_: Format,
    output: Output,
    *,
    resume: bool,
) -> None:
    async with connect(settings) as client:
        if resume and out:
            state = export.load_state(out)
            if gone := await export.deleted_since(client, state):
                output.note(f"{gone} messages are gone meanwhile: the broker has deleted them")
        else:
            state = export.begin(selection, await find_ranges(client, selection), where)
        total, sink = state.total, _sink(state, out, format_, settings)
        with output.progress(hidden=out is None) as progress:
            bar = progress.add_task("exported", total=total, completed=state.read)
            exporter = export.Exporter(client, sink, advanced=lambda count: progress.advance(bar, count))
            if out:
                exporter.save = lambda now: export.save_state(out, now)
                exporter.save(state)
            state = await exporter.run(state)
        sink.close()
    if out:
        export.state_path(out).unlink()
    _report(state, exporter, out, output)


def _sink(state: ExportState, out: Path | None, format_: Format, settings: Settings) -> Sink:
    if out is None:
        return StreamSink(sys.stdout.buffer)
    if format_ == "jsonl":
        return FileSink(out, position=state.position)
    from app.exports.parquet import ParquetSink  # noqa: PLC0415  # an extra

    ours = {settings.topics.prefix + topic.name: topic for topic in ALL}
    return ParquetSink(out, ours.get(state.topics[0]), position=state.position)


def _report(state: ExportState, exporter: export.Exporter, out: Path | None, output: Output) -> None:
    if (condition := exporter.condition) and condition.failed:
        output.note(f"{condition.failed} messages do not have what --where asks for; first: {condition.first_failure}")
    topics = ", ".join(state.topics)
    if out and output.programs:
        output.emit({"out": str(out), "topics": state.topics, "messages": state.written})
    elif out:
        output.say(f"{state.written} messages of {topics} exported to {out}")
    else:
        output.note(f"{state.written} messages of {topics}")
