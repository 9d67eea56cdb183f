"""The requests of an `ask` step; a repetition gives them the same ids."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from app.errors import ExpressionError
from app.routing.base import RoutingRequest
from app.schemas import demand
from app.workflows import structured_output
from app.workflows.definition.steps import AskStep, Reuse
from app.workflows.kinds.ask_conversation import conversation
from app.workflows.kinds.ask_images import images
from app.workflows.kinds.base import StepContext
from topics.model_requests import Message, ModelRequest, Ticket
from topics.model_responses import ModelResponse

#: Characters of English text per token, roughly; only for estimates before a model has counted.
_CHARACTERS = 4


def branches(spec: AskStep, models: Iterable[str]) -> tuple[str, ...]:
    """Return the branches of these models: each model once, or once for each sample."""
    if spec.samples == 1:
        return tuple(models)
    return tuple(f"{model}#{sample}" for model in models for sample in range(1, spec.samples + 1))


def model_of(spec: AskStep, branch: str) -> str:
    """Return the model that a branch asks; without samples, a `#` belongs to the model's name."""
    return branch if spec.samples == 1 else branch.rpartition("#")[0]


def messages(ctx: StepContext) -> tuple[Message, ...]:
    """Return the messages that the models get."""
    context = ctx.context()
    system = [ctx.compiled.templates["system"].render(context)] if "system" in ctx.compiled.templates else []
    if ctx.spec.output_schema and ctx.compiled.schema_in_words:
        system.append(demand(ctx.spec.output_schema))
    first = (Message(role="system", content="\n\n".join(system)),) if system else ()
    turns = conversation(ctx, context)
    if "prompt" in ctx.compiled.templates:
        text = ctx.compiled.templates["prompt"].render(context)
        turns = (*turns, Message(role="user", content=text, images=images(ctx, context)))
    if not turns:
        raise ExpressionError(f"step {ctx.name}: messages: there are none")
    return (*first, *turns)


def routing_request(ctx: StepContext, asked: Sequence[Message]) -> RoutingRequest:
    """Return the routing's request for a step that asks this."""
    models = ctx.permitted(ctx.spec.models)
    return RoutingRequest(
        models=models,
        count=len(models),
        key=_key(ctx),
        offset=ctx.run.turn,
        text=asked[-1].content,
        tokens=sum(len(message.content) for message in asked) // _CHARACTERS + 1,
        now=ctx.now,
        profiles=ctx.engine.profiles,
        health=ctx.engine.health,
        looked_up=ctx.step.looked_up,
    )


def _key(ctx: StepContext) -> str:
    for place in range(len(ctx.spec.routing)):
        if written := ctx.compiled.expressions.get(f"routing.{place}.key"):
            key = written.evaluate(ctx.context())
            if not isinstance(key, (str, int, float, bool)):
                raise ExpressionError(f"step {ctx.name}: the routing's key must be a text or a number")
            return str(key)
    return ctx.run.task_id


def requests(ctx: StepContext, chosen: Sequence[str], asked: tuple[Message, ...]) -> list[ModelRequest]:
    """Return one request that asks this for each branch; a streamed answer that was cut off is continued."""
    embed = _compared(ctx)
    return [
        _request(ctx, branch, ctx.request_id(branch), asked, embed=embed, prefix=partial_answer(ctx))
        for branch in chosen
    ]


def batch_poll(
    ctx: StepContext, branch: str, request_id: str, asked: tuple[Message, ...], ticket: Ticket
) -> ModelRequest:
    """Return the request for the answer that a batch ticket stands for."""
    embed = _compared(ctx) and branch not in ctx.step.repairs
    return _request(ctx, branch, request_id, asked, embed=embed).model_copy(update={"ticket": ticket})


def _compared(ctx: StepContext) -> bool:
    """Whether answers are compared by their meaning."""
    several = len(ctx.spec.models) * ctx.spec.samples > 1
    return several and ctx.compiled.strategy is not None and ctx.compiled.strategy.needs_embeddings


def partial_answer(ctx: StepContext) -> str:
    """Return what was received of a streamed answer before it was cut off, if it may be continued."""
    spec, step = ctx.spec, ctx.step
    if not isinstance(spec, AskStep) or not spec.stream or spec.output_schema or spec.tools:
        return ""
    return next((one.text for one in reversed(step.responses) if one.error and one.text), step.said)


def repair(ctx: StepContext, response: ModelResponse, wrong: str) -> ModelRequest:
    """Return the request that tells a model what was wrong with its answer."""
    number = ctx.step.repairs[response.branch]
    asked = (
        *messages(ctx),
        Message(role="assistant", content=response.text),
        Message(role="user", content=structured_output.complaint(wrong)),
    )
    request_id = f"{ctx.request_id(response.branch)}.{number}"
    return _request(ctx, response.branch, request_id, asked, embed=False)


def _request(
    ctx: StepContext, branch: str, request_id: str, asked: tuple[Message, ...], *, embed: bool, prefix: str = ""
) -> ModelRequest:
    sampling = ctx.spec.sampling
    sample = branch.rpartition("#")[2]
    if sampling.seed is not None and ctx.spec.samples > 1:  # or all samples would be the same
        sampling = sampling.model_copy(update={"seed": sampling.seed + int(sample)})
    # Samples of one model differ by chance only: a cached answer would be all of them.
    cache: Reuse | None = ctx.spec.cache if ctx.spec.samples == 1 else None
    return ModelRequest(
        id=request_id,
        task_id=ctx.run.task_id,
        step=ctx.name,
        branch=branch,
        attempt=ctx.step.attempt,
        model=model_of(ctx.spec, branch),
        messages=asked,
        sampling=sampling,
        embed=embed,
        priority=ctx.priority,
        cache_for=cache.age if cache else None,
        cache_similar=cache.similar if cache else None,
        cache_in=cache.namespace if cache else "",
        expires_at=ctx.expires_at,
        output_schema=ctx.spec.output_schema,
        tell_schema=bool(ctx.spec.output_schema) and not ctx.compiled.schema_in_words,
        tools=ctx.spec.tools,
        tool_choice=ctx.spec.tool_choice,
        stream=ctx.spec.stream,
        prefix=prefix,
        downgrade=ctx.spec.downgrade,
        tenant=ctx.run.task.tenant,
        roles=ctx.run.task.roles,
        workflow=ctx.run.task.workflow,
        batch=ctx.spec.batch,
    )
