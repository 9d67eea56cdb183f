"""`/v1/tasks` and `/v1/results`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from hashlib import blake2b
from http import HTTPStatus
from typing import Annotated, Literal
from uuid import uuid4

from fastapi import APIRouter, Header, Request, Response
from fastapi.responses import JSONResponse
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, JsonValue
from pydantic_core import PydanticSerializationError

from app.errors import InvalidEvent, WebhookError
from app.gateway.access.admission import Caller, forbidden
from app.gateway.access.rights import idempotency_scope, require_may_send, roles_for, tenant_for
from app.gateway.openapi import WITH_BODY, refusals
from app.gateway.parts import Parts
from app.gateway.problems import Refusal
from app.gateway.rest.disconnects import ClientGone, OnDisconnect, cancellation, unless_gone
from app.gateway.rest.known_tasks import require_known
from app.gateway.views.task_log import TaskConflict, TaskLog
from app.security.policies import PolicyDenied
from app.security.principal import Principal
from app.settings import WebhookSettings
from app.webhooks.receivers import receiver
from topics import TASKS
from topics.documents import RoleNames
from topics.results import Result
from topics.tasks import Approval, Task

#: A request waits for no longer, whatever it prefers (seconds).
MAX_WAIT = 300.0
_WAIT = re.compile(r'(?:^|[,;])\s*wait\s*=\s*"?(\d{1,9})"?\s*(?=$|[,;])', re.IGNORECASE)
_PRINTABLE = r"^[\x21-\x7e]+$"

Key = Annotated[str, Field(min_length=1, max_length=255, pattern=_PRINTABLE)]
IdempotencyKey = Annotated[Key | None, Header(description="the same key, the same task: see the guide")]
Prefer = Annotated[str | None, Header(description="`wait=30`: answer with the result if it is there in 30 seconds")]


class TaskRequest(BaseModel):
    """A piece of work for one workflow; see the event `tasks` for what its fields mean.

    `on_disconnect` says what becomes of it when its client goes away while it waits for the result.
    """

    model_config = ConfigDict(extra="forbid")

    workflow: str = "ask"
    version: int | None = Field(default=None, ge=1)
    priority: int | None = None
    tenant: str = Field(default="", max_length=100, pattern=r"^[^\x00-\x1f]*$")
    roles: RoleNames = ()
    input: dict[str, JsonValue]
    deadline: AwareDatetime | None = None
    webhook: str | None = Field(default=None, min_length=1, max_length=2048, pattern=r"^[^\x00-\x1f]*$")
    metadata: dict[str, str] = Field(default_factory=dict)
    on_disconnect: OnDisconnect = "continue"


class TaskState(BaseModel):
    """A task that was accepted: `status` is `accepted` until it has a result, which is at `result`."""

    id: str
    status: Literal["accepted", "succeeded", "failed", "cancelled"]
    result: str


def routes(parts: Parts) -> APIRouter:
    """Return the routes."""
    router, log = APIRouter(), parts.log

    @router.post(
        "/v1/tasks",
        status_code=HTTPStatus.ACCEPTED,
        responses={200: {"model": Result}, 202: {"model": TaskState}, **refusals(409, *WITH_BODY)},
    )
    async def submit(
        request: Request,
        asked: TaskRequest,
        caller: Caller,
        idempotency_key: IdempotencyKey = None,
        prefer: Prefer = None,
    ) -> Response:
        """Accept a task."""
        log.require_read()
        task_id = await accept(parts, caller, asked, idempotency_key)
        if not (seconds := seconds_of(prefer)):
            return accepted(task_id)
        result = awaited(log, task_id, seconds)
        try:
            return await (unless_gone(request, result) if asked.on_disconnect == "cancel" else result)
        except ClientGone:
            log.signal_soon(cancellation(task_id))
            return Response()

    @router.get("/v1/tasks/{task_id}", responses={200: {"model": TaskState}, **refusals(404)})
    async def task(task_id: str, caller: Caller) -> Response:
        """Return what has become of a task."""
        await require_known(log, task_id, caller)
        result = await log.result(task_id)
        state = TaskState(id=task_id, status=result.status if result else "accepted", result=f"/v1/results/{task_id}")
        return JSONResponse(state.model_dump(), headers=None if result else {"Retry-After": "1"})

    @router.get("/v1/results/{task_id}", responses={200: {"model": Result}, 202: {"model": TaskState}, **refusals(404)})
    async def result(task_id: str, caller: Caller, prefer: Prefer = None) -> Response:
        """Return the result of a task, or 202 while there is none."""
        await require_known(log, task_id, caller)
        return await awaited(log, task_id, seconds_of(prefer))

    return router


async def accept(parts: Parts, caller: Principal, asked: TaskRequest, key: str | None) -> str:
    """Put what is asked for on its topic, once for an idempotency key, and return the task's id.

    Raises:
        Refusal: the caller may not have it done, or the task is not valid, or another one was sent with this key.
        BrokerError: the broker does not answer in time.
    """
    task = _task(asked, caller, key)
    require_may_send(caller, task, parts.settings.retrieval.embedder)
    _check_webhook(parts.settings.webhooks, task)
    await parts.catalog.check_workflow(asked.workflow, caller.may_use_workflow)
    task = checked(task, parts.settings.delivery.max_event_bytes)
    await send(parts, caller, task, once=key is not None)
    return str(task.id)


def _check_webhook(settings: WebhookSettings, task: Task) -> None:
    """Return if the webhook, where there is one, may be called as far as can be said without looking its name up."""
    try:
        if task.webhook is not None:
            receiver(settings, task.webhook, task.tenant)
    except WebhookError as error:
        raise Refusal(HTTPStatus.UNPROCESSABLE_ENTITY, "invalid_webhook", str(error)) from None


def checked(task: Task, max_bytes: int) -> Task:
    """Return the task if it is on the topic as it was sent, so that no accepted task becomes a dead letter.

    Raises:
        Refusal: it is not.
    """
    try:
        same = TASKS.parse(task.to_json(), max_bytes=max_bytes) == task
    except InvalidEvent as error:
        status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE if error.reason == "too_large" else HTTPStatus.UNPROCESSABLE_ENTITY
        raise Refusal(status, error.reason, str(error)) from None
    except PydanticSerializationError:
        same = False
    if not same:
        text = "the task holds what JSON has no word for: NaN, an infinity, or half of a surrogate pair"
        raise Refusal(HTTPStatus.UNPROCESSABLE_ENTITY, "not_json", text)
    return task


async def send(parts: Parts, caller: Principal, task: Task, *, once: bool) -> None:
    """Put the task on its topic for a caller; with `once`, unless it is there.

    Raises:
        Refusal: the caller may not have it done, or another task was sent with the same key, or it would be too late.
        BrokerError: the broker does not acknowledge it.
    """
    task = task.model_copy(update={"spend_limit": caller.spend_limit, "roles": roles_for(caller, task.roles)})
    task = task.model_copy(update={"approval": require_allowed(parts, caller, task)})
    if not parts.log.knows(str(task.id)):  # what is accepted already is not refused
        parts.lag.check(task)
    if not once:
        await parts.log.submit(task)
        return
    try:
        await parts.log.submit_once(task)
    except TaskConflict:
        text = "another task was sent with this Idempotency-Key; use a new key for a new task"
        raise Refusal(HTTPStatus.CONFLICT, "idempotency_conflict", text) from None


def require_allowed(parts: Parts, caller: Principal, task: Task) -> Approval | None:
    """Return which approval a task needs that a caller may have done, by their rights and by the policies.

    Raises:
        Refusal: they may not.
    """
    require_may_send(caller, task, parts.settings.retrieval.embedder)
    try:
        return parts.policies.approval(caller, task, parts.catalog.workflows.get(task.workflow, {}))
    except PolicyDenied as denied:
        raise forbidden(str(denied)) from None


def task_id_for(scope: str, key: str) -> str:
    """Return the task id that stands for an idempotency key within a scope."""
    return blake2b(f"{scope}\0{key}".encode(), digest_size=16).hexdigest()


def _task(asked: TaskRequest, caller: Principal, key: str | None) -> Task:
    tenant = tenant_for(caller, asked.tenant)
    task_id = task_id_for(idempotency_scope("tasks", tenant, caller), key) if key else uuid4().hex
    fields = {name: value for name, value in asked if name != "on_disconnect"}
    return Task(id=task_id, **{**fields, "tenant": tenant})


async def finished(parts: Parts, caller: Principal, task: Task, *, nothing: str) -> Result:
    """Send a task for a caller, and return its result; `nothing` says what there is not when it takes too long.

    Raises:
        Refusal: as of `send`, or there is no result yet.
        BrokerError: the broker does not answer in time.
    """
    await send(parts, caller, task, once=False)
    result = await parts.log.wait(str(task.id), MAX_WAIT)
    if result is None:
        text = f"{nothing} within {MAX_WAIT:g} s; ask again"
        raise Refusal(HTTPStatus.GATEWAY_TIMEOUT, "no_answer_yet", text)
    return result


async def awaited(log: TaskLog, task_id: str, seconds: float) -> Response:
    """Return the result if it is there within so many seconds, or else that the task was accepted."""
    result = await log.wait(task_id, seconds) if seconds else await log.result(task_id)
    applied = {"Preference-Applied": f"wait={seconds:g}"} if seconds else {}
    if result is None:
        return accepted(task_id, applied)
    return Response(result.to_json(), headers=applied, media_type="application/json")


def accepted(task_id: str, headers: Mapping[str, str] | None = None) -> Response:
    """Return that a task was accepted."""
    state = TaskState(id=task_id, status="accepted", result=f"/v1/results/{task_id}")
    more = {"Location": f"/v1/tasks/{task_id}", "Retry-After": "1", **(headers or {})}
    return JSONResponse(state.model_dump(), HTTPStatus.ACCEPTED, more)


def seconds_of(prefer: str | None) -> float:
    """Return how long a client prefers to wait, by RFC 7240; what else it prefers is ignored."""
    found = _WAIT.search(prefer or "")
    return min(float(found[1]), MAX_WAIT) if found else 0.0
