"""`/v1/tasks/{id}/cancel` and `/v1/tasks/{id}/signals/{name}`."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Path, Response
from pydantic import BaseModel, ConfigDict, Field, JsonValue

from app.gateway.access.admission import Caller
from app.gateway.openapi import WITH_BODY, refusals
from app.gateway.parts import Parts
from app.gateway.rest.known_tasks import require_running
from app.gateway.rest.task_routes import Prefer, TaskState, accepted, awaited, seconds_of
from topics.results import Result
from topics.signals import Signal

SignalName = Annotated[str, Path(min_length=1, max_length=100)]


class CancelRequest(BaseModel):
    """Why a run is cancelled, for the record."""

    model_config = ConfigDict(extra="forbid")

    reason: str = Field(default="", max_length=100)


class SignalRequest(BaseModel):
    """What a signal brings: the output of the step that waits for it."""

    model_config = ConfigDict(extra="forbid")

    payload: JsonValue = None


def routes(parts: Parts) -> APIRouter:
    """Return the routes."""
    router = APIRouter()
    described: dict[int | str, dict[str, object]] = {202: {"model": TaskState}, **refusals(404, 409, *WITH_BODY)}

    @router.post(
        "/v1/tasks/{task_id}/cancel",
        status_code=HTTPStatus.ACCEPTED,
        responses={200: {"model": Result}, **described},
    )
    async def cancel(task_id: str, asked: CancelRequest, caller: Caller, prefer: Prefer = None) -> Response:
        """Cancel the run of a task, and its child runs."""
        await require_running(parts.log, task_id, caller)
        await parts.log.signal(Signal(task_id=task_id, kind="cancel", name=asked.reason, actor=caller.id))
        return await awaited(parts.log, task_id, seconds_of(prefer))

    @router.post("/v1/tasks/{task_id}/signals/{name}", status_code=HTTPStatus.ACCEPTED, responses=described)
    async def signal(task_id: str, name: SignalName, asked: SignalRequest, caller: Caller) -> Response:
        """Send a signal, such as an approval, to the run of a task; it is kept until a step waits for it."""
        await require_running(parts.log, task_id, caller)
        if task := await parts.log.task(task_id):  # one that is not in its home partition is not looked at
            await parts.catalog.check_signal(task.event.workflow, name)
        await parts.log.signal(Signal(task_id=task_id, name=name, payload=asked.payload, actor=caller.id))
        return accepted(task_id)

    return router
