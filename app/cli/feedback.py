"""`meta-ai feedback`: say what answers are worth, and see what was said."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Literal
from uuid import uuid4

import typer

from app.admin import feedback as given_feedback
from app.admin.publishing import current_user
from app.cli.event_loop import run
from app.cli.options import ConfigOption, JsonOption, ServersOption
from app.cli.output import Output, readable_json
from app.cli.runs import control
from app.cli.target import find
from app.client.client import connect
from app.settings import Settings
from topics.feedback import Feedback

app = typer.Typer(no_args_is_help=True, add_completion=False)
Task = Annotated[str, typer.Argument(metavar="TASK", help="The id of a task.")]

#: So many are shown; the topic has all.
_MOST = 10_000


@app.callback()
def feedback() -> None:
    """Say what answers are worth, and see what was said."""


@app.command()
def give(  # one for each option
    task: Task,
    *,
    thumb: Annotated[Literal["up", "down"] | None, typer.Option(help="Whether the answer is good.")] = None,
    score: Annotated[float | None, typer.Option(min=0, max=1, help="How good it is.")] = None,
    correction: Annotated[str | None, typer.Option(help="What would have been right.")] = None,
    comment: Annotated[str, typer.Option(help="Why.")] = "",
    config: ConfigOption = None,
    bootstrap_servers: ServersOption = None,
    json: JsonOption = False,
) -> None:
    """Say what the answer to a task is worth: an event on `feedback`."""
    if not (thumb or comment) and score is None and correction is None:
        raise typer.BadParameter("give --thumb, --score, --correction or --comment")
    event = Feedback(
        id=uuid4().hex,
        task_id=task,
        at=datetime.now(UTC),
        actor=current_user(),
        thumb=thumb,
        score=score,
        correction=correction,
        comment=comment,
    )
    sent = run(_give(find(config, bootstrap_servers), event))
    output = Output(programs=json)
    if json:
        output.emit(sent)
    else:
        output.say(f"noted for {task}")


@app.command("list")
def list_(
    task: Task, *, config: ConfigOption = None, bootstrap_servers: ServersOption = None, json: JsonOption = False
) -> None:
    """List the feedback on the answer to a task, oldest first."""
    output, found = Output(programs=json), run(_read(find(config, bootstrap_servers), task))
    if json:
        for one in found:
            output.emit(one)
    elif found:
        columns = ("at", "by", "thumb", "score", "correction", "comment")
        output.table(columns, map(_row, found), prose=("comment",), expendable=("by", "at"))
    else:
        output.say("no feedback")


async def _give(settings: Settings, event: Feedback) -> Feedback:
    async with connect(settings) as client:
        found = await control.find_run(client, event.task_id)
        own = event.model_copy(update={"tenant": found.task.event.tenant if found.task else ""})
        await given_feedback.give(client, own)
        return own


async def _read(settings: Settings, task: str) -> list[Feedback]:
    async with connect(settings) as client:
        return (await given_feedback.read(client, task, begin=0, most=_MOST))[0]


def _row(one: Feedback) -> tuple[object, ...]:
    wanted = one.correction if isinstance(one.correction, str | None) else readable_json(one.correction)
    return one.at, one.actor, one.thumb, one.score, wanted, one.comment
