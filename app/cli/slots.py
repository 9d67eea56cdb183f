"""`meta-ai slots`: who holds a slot of a concurrency limit, and who waits for one."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Annotated, Any, Literal

import typer
from pydantic import AwareDatetime

from app.cli.event_loop import run
from app.cli.options import ConfigOption, JsonOption, ServersOption
from app.cli.output import Output
from app.cli.target import find
from app.client import topic_ranges
from app.client.client import connect
from app.runs.history_reader import runs_topic
from app.runs.views import View, utc_time
from app.settings import Settings
from app.suggestions import closest_match
from app.workflows.records import Assembler
from app.workflows.run import Semaphore

app = typer.Typer(add_completion=False)
_PREFIX = "slot\t"


class SlotRow(View):
    """A run that holds one of the `limit` slots of `workflow` for `key`, or waits for one, as number `place` in line.

    At `until` the slot is free in any case, or the wait is over: that is the deadline of the run.
    """

    workflow: str
    key: str
    limit: int
    run: str
    state: Literal["holds", "waits"]
    place: int | None = None
    until: AwareDatetime


@app.command()
def slots(
    workflow: Annotated[str | None, typer.Argument(metavar="[WORKFLOW]", help="Only those of this workflow.")] = None,
    *,
    config: ConfigOption = None,
    bootstrap_servers: ServersOption = None,
    json: JsonOption = False,
) -> None:
    """Show which runs hold the slots of concurrency limits, and which wait for one, in the order of their turn."""
    output, found = Output(programs=json), run(_read(find(config, bootstrap_servers)))
    shown = [row for row in found if workflow in {None, row.workflow}]
    if json:
        for row in shown:
            output.emit(row)
    elif shown:
        columns = ("workflow", "key", "limit", "run", "state", "place", "until")
        expendable = ("until", "place", "limit", "key")
        output.table(columns, map(_cells, shown), keep=("run", "state"), expendable=expendable)
    else:
        near = workflow and closest_match(workflow, {row.workflow for row in found})
        output.say("no slots are held" + (f" of a workflow {workflow}; did you mean `{near}`?" if near else ""))


async def _read(settings: Settings) -> list[SlotRow]:
    async with connect(settings) as client:
        records = await topic_ranges.read_since(client, None, [runs_topic(client.settings)])
    return list(rows(records, time.time()))


def rows(records: Iterable[Any], now: float) -> Iterator[SlotRow]:
    """Yield what the state records say of slots at `now` (epoch seconds), by workflow and key."""
    assembler = Assembler()
    for record in records:
        if record.key and record.key.startswith(_PREFIX.encode()):
            assembler.add(record.key.decode(errors="replace"), record.value)
    for name, state in sorted(assembler.states().items()):
        if isinstance(state, Semaphore):
            yield from _of(name.removeprefix(_PREFIX), state, now)


def _of(name: str, state: Semaphore, now: float) -> Iterator[SlotRow]:
    workflow, _, key = name.partition("/")
    shared = {"workflow": workflow, "key": key, "limit": state.limit}
    for task_id, until in state.holders.items():
        if until > now:
            yield SlotRow.model_validate({**shared, "run": task_id, "state": "holds", "until": utc_time(until)})
    waiting = [(task_id, until) for _, _, task_id, _, until in state.queue if until > now]
    for place, (task_id, until) in enumerate(waiting, 1):
        about = {"run": task_id, "state": "waits", "place": place, "until": utc_time(until)}
        yield SlotRow.model_validate(shared | about)


def _cells(row: SlotRow) -> tuple[str | int | datetime | None, ...]:
    return row.workflow, row.key, row.limit, row.run, row.state, row.place, row.until
