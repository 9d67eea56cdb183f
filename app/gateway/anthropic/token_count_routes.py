"""`/v1/messages/count_tokens`: how many tokens a conversation has, before it is sent."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

from fastapi import APIRouter
from pydantic import Field

from app.gateway.access.admission import Caller
from app.gateway.access.rights import tenant_for
from app.gateway.answers.bodies import plain
from app.gateway.answers.chat_tasks import require_supported
from app.gateway.answers.failures import failure
from app.gateway.answers.model_names import target_of
from app.gateway.anthropic.message_request import MessageRequest
from app.gateway.openapi import WITH_BODY, refusals
from app.gateway.parts import Parts
from app.gateway.rest.task_routes import checked, finished
from app.prices.token_estimates import estimate_input_tokens
from app.security.principal import Principal
from app.workflows.definition.builtin import COUNT_TOKENS, PASSTHROUGH
from topics.tasks import Task

#: The providers whose tokenizer is in the worker.
_COUNTING = frozenset({"local"})


class CountRequest(MessageRequest):
    """A request of Messages that is not to be answered: how long the answer may be does not matter."""

    max_tokens: int = Field(default=1, ge=1)


def routes(parts: Parts) -> APIRouter:
    """Return the route."""
    router = APIRouter()

    @router.post("/v1/messages/count_tokens", responses=refusals(404, 502, 504, *WITH_BODY))
    async def count(asked: CountRequest, caller: Caller) -> dict[str, Any]:
        """Count the tokens of a conversation: by the tokenizer of a model in the worker, or else about."""
        parts.log.require_read()
        parts.catalog.require_read()
        require_supported(asked)
        tenant = tenant_for(caller, asked.meta_ai.tenant)
        target = await target_of(parts, caller, asked.model, asked.meta_ai.fusion)
        models = list(target.models)
        if target.workflow == PASSTHROUGH and not models:
            models = list(parts.settings.models)[:1]  # the router's first choice
        exact = [model for model in models if _has_tokenizer(parts, model, asked)]
        estimated = max(1, len(models)) - len(exact)
        counted = sum([await _counted(parts, caller, tenant, model, asked) for model in exact])
        return {"input_tokens": counted + estimated * _estimate(asked), "meta_ai": {"estimated": estimated > 0}}

    return router


def _has_tokenizer(parts: Parts, model: str, asked: CountRequest) -> bool:
    """Whether the worker counts this: a local model is given texts only."""
    plain_text = not asked.tools and asked.answer_schema() is None and not any(turn.images for turn in asked.turns())
    return plain_text and parts.settings.models[model].provider in _COUNTING


def _estimate(asked: CountRequest) -> int:
    return estimate_input_tokens(asked.turns(), asked.functions(), asked.answer_schema())


async def _counted(parts: Parts, caller: Principal, tenant: str, model: str, asked: CountRequest) -> int:
    """Return what the tokenizer of a model counts.

    Raises:
        Refusal: the task has failed, or there is no answer yet.
        BrokerError: the broker does not answer in time.
    """
    given = {"model": model, "messages": [plain(turn) for turn in asked.turns()]}
    task = Task(id=uuid4().hex, workflow=COUNT_TOKENS, input=given, tenant=tenant)
    task = checked(task, parts.settings.delivery.max_event_bytes)
    result = await finished(parts, caller, task, nothing="nothing counted")
    if result.status != "succeeded" or not isinstance(result.answer, int):
        raise failure(result)
    return result.answer
