"""What is told to the run of a task: cancellations, signals, approvals and rejections."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Path, Response
from pydantic import BaseModel, ConfigDict, Field, JsonValue

from app.admin.approvals import audit_event, objection
from app.gateway.access.admission import Caller, forbidden
from app.gateway.openapi import WITH_BODY, refusals
from app.gateway.parts import Parts
from app.gateway.problems import Refusal
from app.gateway.rest.known_tasks import require_running
from app.gateway.rest.task_routes import Prefer, TaskState, accepted, awaited, seconds_of
from app.gateway.views.sending import put
from app.security.principal import Principal
from topics import AUDIT
from topics.results import Result
from topics.signals import Signal

SignalName = Annotated[str, Path(min_length=1, max_length=100)]


class CancelRequest(BaseModel):
    """Why a run is cancelled, for the record."""

    model_config = ConfigDict(extra="forbid")

    reason: str = Field(default="", max_length=100)


class DecisionRequest(BaseModel):
    """Why a task is approved or rejected, for the record."""

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

    @router.post("/v1/tasks/{task_id}/approve", status_code=HTTPStatus.ACCEPTED, responses=described)
    async def approve(task_id: str, asked: DecisionRequest, caller: Caller) -> Response:
        """Let a run begin that waits for an approval."""
        await _decide(parts, Signal(task_id=task_id, kind="approve", name=asked.reason, actor=caller.id), caller)
        return accepted(task_id)

    @router.post("/v1/tasks/{task_id}/reject", status_code=HTTPStatus.ACCEPTED, responses=described)
    async def reject(task_id: str, asked: DecisionRequest, caller: Caller) -> Response:
        """End a run that waits for an approval."""
        await _decide(parts, Signal(task_id=task_id, kind="reject", name=asked.reason, actor=caller.id), caller)
        return accepted(task_id)

    return router


async def _decide(parts: Parts, decision: Signal, caller: Principal) -> None:
    await require_running(parts.log, decision.task_id, caller)
    task = await parts.log.task(decision.task_id)
    wanted = task.event.approval if task else None
    if wanted is None:
        raise Refusal(HTTPStatus.CONFLICT, "no_approval_wanted", str(objection(wanted, caller.id)))
    if why := objection(wanted, caller.id):
        raise forbidden(why)
    await parts.log.signal(decision)
    noted = audit_event(decision, wanted)
    await put(parts.client, AUDIT, noted.subject, noted, noted.id)
