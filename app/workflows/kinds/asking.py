"""The requests of an `ask` step, under ids that a repetition would give them too."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from app.errors import ExpressionError
from app.routing.base import Ask
from app.workflows import structured
from app.workflows.kinds.base import Moment
from app.workflows.kinds.picturing import pictures
from app.workflows.steps import AskStep, Reuse
from topics.model_requests import Message, ModelRequest, Ticket
from topics.model_responses import ModelResponse

#: Letters of English text for one token, about; only for estimates before a model has counted.
_LETTERS = 4


def branches(spec: AskStep, models: Iterable[str]) -> tuple[str, ...]:
    """Return the branches of these models: each model once, or once for each sample."""
    if spec.samples == 1:
        return tuple(models)
    return tuple(f"{model}#{sample}" for model in models for sample in range(1, spec.samples + 1))


def model_of(spec: AskStep, branch: str) -> str:
    """Return the model that a branch asks; its name may look like a sample's."""
    return branch if spec.samples == 1 else branch.rpartition("#")[0]


def messages(at: Moment) -> tuple[Message, ...]:
    """Return what the models are asked."""
    context = at.context()
    system = [at.part.templates["system"].render(context)] if "system" in at.part.templates else []
    if at.spec.output_schema:
        system.append(structured.demand(at.spec.output_schema))
    text = at.part.templates["prompt"].render(context)
    prompt = Message(role="user", content=text, images=pictures(at, context))
    return (Message(role="system", content="\n\n".join(system)), prompt) if system else (prompt,)


def question(at: Moment, asked: Sequence[Message]) -> Ask:
    """Return what the routing chooses for, where the models are asked this."""
    models = at.run.permitted(at.spec.models)
    return Ask(
        models=models,
        count=len(models),
        key=_key(at),
        turn=at.run.turn,
        text=asked[-1].content,
        tokens=sum(len(message.content) for message in asked) // _LETTERS + 1,
        now=at.now,
        facts=at.world.facts,
        health=at.world.health,
        looked_up=at.step.looked_up,
    )


def _key(at: Moment) -> str:
    for place in range(len(at.spec.routing)):
        if written := at.part.expressions.get(f"routing.{place}.key"):
            key = written.evaluate(at.context())
            if not isinstance(key, (str, int, float, bool)):
                raise ExpressionError(f"step {at.name}: the routing's key must be a text or a number")
            return str(key)
    return at.run.task_id


def requests(at: Moment, chosen: Sequence[str], asked: tuple[Message, ...]) -> list[ModelRequest]:
    """Return one request for each branch, which asks this; a streamed answer that was cut off is gone on with."""
    embed = _compared(at)
    return [_request(at, branch, at.request_id(branch), asked, embed=embed, prefix=standing(at)) for branch in chosen]


def redemption(at: Moment, branch: str, request_id: str, asked: tuple[Message, ...], ticket: Ticket) -> ModelRequest:
    """Return the request that asks for the answer which a ticket stands for."""
    embed = _compared(at) and branch not in at.step.repairs
    return _request(at, branch, request_id, asked, embed=embed).model_copy(update={"ticket": ticket})


def _compared(at: Moment) -> bool:
    """Whether answers are compared by what they mean."""
    several = len(at.spec.models) * at.spec.samples > 1
    return several and at.part.strategy is not None and at.part.strategy.needs_embeddings


def standing(at: Moment) -> str:
    """Return what stands of a streamed answer that was cut off, and that may be continued."""
    spec, step = at.spec, at.step
    if not isinstance(spec, AskStep) or not spec.stream or spec.output_schema or spec.tools:
        return ""
    return next((one.text for one in reversed(step.responses) if one.error and one.text), step.said)


def repair(at: Moment, response: ModelResponse, wrong: str) -> ModelRequest:
    """Return the request that tells a model what was wrong with its answer."""
    number = at.step.repairs[response.branch]
    asked = (
        *messages(at),
        Message(role="assistant", content=response.text),
        Message(role="user", content=structured.complaint(wrong)),
    )
    request_id = f"{at.request_id(response.branch)}.{number}"
    return _request(at, response.branch, request_id, asked, embed=False)


def _request(  # what differs between requests
    at: Moment, branch: str, request_id: str, asked: tuple[Message, ...], *, embed: bool, prefix: str = ""
) -> ModelRequest:
    sampling = at.spec.sampling
    sample = branch.rpartition("#")[2]
    if sampling.seed is not None and at.spec.samples > 1:  # or all samples would be the same
        sampling = sampling.model_copy(update={"seed": sampling.seed + int(sample)})
    # Samples of one model differ by chance only: an answer given before would be all of them.
    cache: Reuse | None = at.spec.cache if at.spec.samples == 1 else None
    return ModelRequest(
        id=request_id,
        task_id=at.run.task_id,
        step=at.name,
        branch=branch,
        attempt=at.step.attempt,
        model=model_of(at.spec, branch),
        messages=asked,
        sampling=sampling,
        embed=embed,
        priority=at.priority,
        cache_for=cache.age if cache else None,
        cache_similar=cache.similar if cache else None,
        cache_in=cache.namespace if cache else "",
        expires_at=at.expires_at,
        output_schema=at.spec.output_schema,
        tools=at.spec.tools,
        tool_choice=at.spec.tool_choice,
        stream=at.spec.stream,
        prefix=prefix,
        downgrade=at.spec.downgrade,
        tenant=at.run.task.tenant,
        workflow=at.run.task.workflow,
        batch=at.spec.batch,
    )
