"""`meta-ai ask`: one question, one answer."""

from __future__ import annotations

from typing import Annotated
from uuid import uuid4

import typer
from pydantic import ValidationError
from pydantic_core import PydanticSerializationError

from app.cli.event_loop import run
from app.cli.options import ConfigOption, JsonOption, ServersOption, StreamOption, TimeoutOption
from app.cli.output import Output
from app.cli.target import find
from app.cli.tasks import result_view
from app.cli.tasks.stream_printer import StreamPrinter
from app.client.client import Client, connect
from app.durations import format_duration
from app.errors import DeadlineExceeded
from app.settings import Settings
from topics import RESULTS, TASKS
from topics.results import Result
from topics.tasks import Task

app = typer.Typer(add_completion=False)


@app.command()
def ask(  # noqa: PLR0913  # one for each option
    question: Annotated[str, typer.Argument(help="What to ask.")],
    *,
    timeout: TimeoutOption = 120.0,
    workflow: Annotated[str, typer.Option(help="The workflow that answers.")] = "ask",
    tenant: Annotated[
        str, typer.Option(help="The tenant: its budget pays, and its documents and cached answers are used.")
    ] = "",
    role: Annotated[
        list[str] | None, typer.Option(help="Find the documents for this role too; repeat it for more roles.")
    ] = None,
    config: ConfigOption = None,
    bootstrap_servers: ServersOption = None,
    stream: StreamOption = False,
    json: JsonOption = False,
) -> None:
    """Ask a question, and wait for the answer with its sources and what each model said."""
    output = Output(programs=json)
    task = _task(question, workflow, tenant, tuple(role or ()))
    streamed = StreamPrinter(output) if stream else None
    result = run(_work(task, find(config, bootstrap_servers), timeout, streamed))
    if json:
        output.emit(result)
    else:
        result_view.show(output, result, answered=stream)
    if result.status != "succeeded":
        raise typer.Exit(1)


def _task(question: str, workflow: str, tenant: str, roles: tuple[str, ...]) -> Task:
    try:
        task = Task(id=uuid4().hex, workflow=workflow, tenant=tenant, roles=roles, input={"question": question})
        task.to_json()
    except ValidationError as error:
        option = "--role" if error.errors()[0]["loc"][0] == "roles" else "--tenant"
        raise typer.BadParameter(f"{option}: at most 100 characters, and no control characters") from None
    except PydanticSerializationError:
        raise typer.BadParameter("must be valid Unicode text") from None
    return task


async def _work(task: Task, settings: Settings, timeout: float, streamed: StreamPrinter | None) -> Result:
    async with connect(settings) as client:
        if streamed is None:
            return await answer(client, task, timeout)
        streamed.expect(str(task.id))
        async with streamed.following(client):
            result = await answer(client, task, timeout)
            streamed.finish(result)
        return result


async def answer(client: Client, task: Task, timeout: float) -> Result:
    """Send `task`, and return its result.

    Raises:
        DeadlineExceeded: there is no result after `timeout` seconds.
    """
    key = str(task.id).encode()
    # Opened first: the answer may arrive before a reader that is opened after sending.
    async with client.read(RESULTS) as results:
        await (await client.send(TASKS, str(task.id), task, id=str(task.id)))
        try:
            async for record in results.coming(timeout):
                if record.key == key:
                    return RESULTS.parse(record.value, max_bytes=client.settings.topics.max_message_bytes)
        except DeadlineExceeded:
            pass
    raise DeadlineExceeded(
        f"no answer within {format_duration(timeout)}; the task {task.id} may still be answered: meta-ai results tail. "
        "Is a worker running? meta-ai orchestrator status"
    )
