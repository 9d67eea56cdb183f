"""`meta-ai results`: print the results of tasks as they arrive, or one of them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

import typer

from app.cli.backend.opening import with_orchestrator
from app.cli.event_loop import run
from app.cli.options import ConfigOption, JsonOption, ServersOption, SinceOption
from app.cli.output import Output
from app.cli.runs.commands import show_result
from app.cli.target import find
from app.cli.tasks import result_view
from app.client import topic_ranges
from app.client.client import Client, connect
from app.errors import InvalidEvent, OrchestratorError
from app.settings import Settings
from app.suggestions import closest_match
from topics import RESULTS
from topics.results import Result

app = typer.Typer(no_args_is_help=True, add_completion=False)
EndedAs = Literal["succeeded", "failed", "cancelled"]


class NoResult(OrchestratorError):
    """A task has not ended yet."""

    code = "no_result"


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which results to print: those of which all that is given here is true, `limit` of them at most."""

    workflow: str | None = None
    status: EndedAs | None = None
    tenant: str | None = None
    error: str | None = None
    limit: int | None = None

    def matches(self, result: Result) -> bool:
        """Whether a result is wanted."""
        return (
            self.workflow in {None, result.workflow}
            and self.status in {None, result.status}
            and self.tenant in {None, result.tenant or ""}
            and self.error in {None, result.error.code if result.error else ""}
        )


@dataclass(frozen=True, slots=True)
class Seen:
    """What the results on the topic have, to tell a misspelt filter from one that nothing fits."""

    names: dict[str, set[str]] = field(default_factory=lambda: {"workflow": set(), "tenant": set(), "error": set()})

    def add(self, result: Result) -> None:
        """Note what a result has."""
        given = {"workflow": result.workflow, "tenant": result.tenant, "error": result.error and result.error.code}
        for option, name in given.items():
            if name:
                self.names[option].add(name)

    def hint(self, wanted: Wanted) -> str:
        """Return the end of the sentence that says that there are no results: which name was probably meant."""
        for option, known in self.names.items():
            name: str | None = getattr(wanted, option)
            if name and name not in known and (near := closest_match(name, known)):
                return f" with --{option} {name}; did you mean `{near}`?"
        return ""


@app.callback()
def results() -> None:
    """Print results as they arrive, or one that is there."""


@app.command()
def get(
    task_id: Annotated[str, typer.Argument(metavar="ID", help="The id of the task.")],
    *,
    config: ConfigOption = None,
    bootstrap_servers: ServersOption = None,
    json: JsonOption = False,
) -> None:
    """Print the result of a task that has ended; exits with 1 if it has not, or has not succeeded."""
    view = with_orchestrator(config, bootstrap_servers, lambda one: one.run(task_id))
    if view.result is None:
        raise NoResult(f"{task_id} has no result yet; wait for it: meta-ai runs wait {task_id}")
    show_result(view.result, Output(programs=json), "succeeded")


@app.command()
def tail(  # noqa: PLR0913  # one for each option
    *,
    from_beginning: Annotated[
        bool, typer.Option("--from-beginning", help="Start with the results already on the topic.")
    ] = False,
    since: SinceOption = None,
    until_end: Annotated[
        bool, typer.Option("--until-end", help="Print what is on the topic, all of it without --since, and end.")
    ] = False,
    workflow: Annotated[str | None, typer.Option(help="Only those of this workflow.")] = None,
    status: Annotated[EndedAs | None, typer.Option(help="Only those that ended so.")] = None,
    tenant: Annotated[str | None, typer.Option(help="Only those of tasks of this tenant.")] = None,
    error: Annotated[str | None, typer.Option(metavar="CODE", help="Only those with this error.")] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Stop after this many.")] = None,
    config: ConfigOption = None,
    bootstrap_servers: ServersOption = None,
    json: JsonOption = False,
) -> None:
    """Print each result as it arrives, until interrupted."""
    if from_beginning and since is not None:
        raise typer.BadParameter("use either --from-beginning or --since, not both")
    begin = 0.0 if since is None and (from_beginning or until_end) else since
    wanted, output = Wanted(workflow, status, tenant, error, limit), Output(programs=json)
    run(_work(find(config, bootstrap_servers), output, wanted, begin, follow=not until_end))


async def _work(settings: Settings, output: Output, wanted: Wanted, since: float | None, *, follow: bool) -> None:
    printed, seen = 0, Seen()
    async with connect(settings) as client:
        async for record in _records(client, since, follow=follow):
            if result := _parsed(record, output, settings.topics.max_message_bytes):
                seen.add(result)
                printed += _print(result, output, wanted)
            if printed == wanted.limit:
                return
    if not printed:
        output.say(f"no results{seen.hint(wanted)}")


async def _records(client: Client, since: float | None, *, follow: bool) -> AsyncIterator[Any]:
    """Yield the records from `since` (epoch seconds) on by time, across partitions; then, to `follow`, new ones."""
    async with client.read(RESULTS) as reader:
        shown: dict[int, int] = {}
        if since is not None:
            held = await topic_ranges.read_since(client, since or None, [RESULTS])
            for record in sorted(held, key=lambda record: record.timestamp):
                shown[record.partition] = max(record.offset, shown.get(record.partition, -1))
                yield record
        if follow:
            async for record in reader.coming():
                if record.offset > shown.get(record.partition, -1):  # it may have come between the two
                    yield record


def _parsed(record: Any, output: Output, max_bytes: int) -> Result | None:
    try:
        return RESULTS.parse(record.value, max_bytes=max_bytes)
    except InvalidEvent as error:
        output.note(f"{record.topic}/{record.partition}/{record.offset} is not a valid result: {error}")
        return None


def _print(result: Result, output: Output, wanted: Wanted) -> bool:
    if not wanted.matches(result):
        return False
    if output.programs:
        output.emit(result)
    else:
        result_view.show_line(output, result)
    return True
