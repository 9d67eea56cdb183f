"""Which task a chat request becomes: that of a workflow, or of a built-in one, which asks a model or a panel."""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from typing import Any
from uuid import uuid4

from app.gateway.access.rights import idempotency_scope, tenant_for
from app.gateway.answers.bodies import AnswerRequest
from app.gateway.answers.model_names import Target, target_of
from app.gateway.parts import Parts
from app.gateway.problems import Refusal
from app.gateway.rest.task_routes import checked, task_id_for
from app.security.principal import Principal
from app.workflows.definition.builtin import PANEL, PASSTHROUGH
from topics.tasks import Task


@dataclass(frozen=True, slots=True)
class ChatTask:
    """A task, and the name of the `model` that it is for.

    `ignored` are the parameters that its workflow does not look at, `step` is the one whose answer it gives.
    """

    id: str
    task: Task
    model: str
    ignored: list[str]
    step: str


async def chat_task(parts: Parts, caller: Principal, asked: AnswerRequest, key: str | None) -> ChatTask:
    """Return the task of a request, the same for the same idempotency key; whether it may be done, `send` says.

    Raises:
        Refusal: there is no such model, or a parameter cannot be passed on, or it is for another tenant.
        BrokerError: the broker does not say in time which workflows there are.
    """
    require_supported(asked)
    extension = asked.meta_ai
    target = await target_of(parts, caller, asked.model, extension.fusion)
    workflow, ignored = target.workflow, list[str]()
    if workflow in {PASSTHROUGH, PANEL}:
        given = _passed_on(asked, target)
    else:
        given, ignored = _workflow_input(parts.catalog.workflows[workflow], asked), asked.decided()
    tenant = tenant_for(caller, extension.tenant)
    task_id = task_id_for(idempotency_scope("chat", tenant, caller), key) if key else uuid4().hex
    task = Task(
        id=task_id,
        workflow=workflow,
        input=given,
        tenant=tenant,
        priority=extension.priority,
        metadata=asked.about(),
    )
    task = checked(task, parts.settings.delivery.max_event_bytes)
    return ChatTask(task_id, task, asked.model, ignored, parts.catalog.answer_step(workflow))


def require_supported(asked: AnswerRequest) -> None:
    """Return if all parameters can be passed on.

    Raises:
        Refusal: one cannot.
    """
    if unsupported := sorted(asked.unsupported()):
        text = f"{unsupported[0]} is not supported, or not with this value; leave it out"
        refusal = Refusal(HTTPStatus.BAD_REQUEST, "unsupported_parameter", text)
        refusal.members = {"param": unsupported[0]}
        raise refusal


def _passed_on(asked: AnswerRequest, target: Target) -> dict[str, Any]:
    overrides = asked.overrides()
    if target.models:
        overrides["models"] = list(target.models)
    if target.workflow == PANEL:
        overrides["stream"] = False  # there is one answer only when it is fused
    if target.fusion is not None:
        overrides["fusion"] = dict(target.fusion)
    return {"messages": asked.conversation(), "overrides": overrides}


def _workflow_input(spec: Any, asked: AnswerRequest) -> dict[str, Any]:
    """Return the input of a workflow: the last question and the conversation, where its schema has a place for them."""
    offered = {"question": asked.question(), "messages": asked.conversation()}
    places = spec.get("input", {}).get("properties", offered)
    return {name: value for name, value in offered.items() if name in places} | asked.meta_ai.input
