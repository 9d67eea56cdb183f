"""`meta-ai ask`: one question, one answer."""

from __future__ import annotations

from typing import Annotated
from uuid import uuid4

import typer
from pydantic import ValidationError
from pydantic_core import PydanticSerializationError

from app.cli.backend.base import Orchestrator
from app.cli.backend.opening import with_orchestrator
from app.cli.options import ConfigOption, JsonOption, ServersOption, StreamOption, TimeoutOption
from app.cli.output import Output
from app.cli.tasks import result_view
from app.cli.tasks.stream_printer import StreamPrinter
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
    result = with_orchestrator(config, bootstrap_servers, lambda one: _work(one, task, timeout, streamed))
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


async def _work(orchestrator: Orchestrator, task: Task, timeout: float, streamed: StreamPrinter | None) -> Result:
    if streamed is None:
        return await orchestrator.answer(task, timeout)
    streamed.expect(str(task.id))
    async with orchestrator.streaming(streamed):
        result = await orchestrator.answer(task, timeout)
        streamed.finish(result)
    return result
