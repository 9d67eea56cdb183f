"""The fusion of an `ask` step: its candidates, the calls that the strategy makes itself, and the one answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pydantic import JsonValue

from app.errors import InvalidEvent, WorkflowError
from app.fusion.base import Calls, Candidate, Fused, Panel, Strategy
from app.vectors import Vector, decode
from app.workflows.kinds import ask_requests
from app.workflows.kinds.ask_conversation import transcript
from app.workflows.kinds.base import StepContext, Transition
from app.workflows.kinds.tool_calls import branch_tool_calls
from app.workflows.replacing import replace
from app.workflows.run import stop_waiting
from app.workflows.structured_output import NotJson, read
from topics.base import Failure
from topics.model_requests import Message, ModelRequest, Sampling
from topics.model_responses import ModelResponse

#: How often a fusion may call models; a strategy that wants more would never end.
_MAX_ROUNDS = 50


class FusionFailed(WorkflowError):
    """A strategy raised an error, or never ends."""

    code = "fusion"


def json_answer(ctx: StepContext, response: ModelResponse) -> JsonValue:
    """Return an answer as JSON, where JSON was asked for."""
    if ctx.compiled.schema is None or response.error:
        return None
    try:
        return read(response.text, ctx.compiled.schema)
    except NotJson:
        return None


def usable_candidates(ctx: StepContext) -> list[Candidate]:
    """Return the usable answers of the last wave, or of the waves before when it has none, as they arrived."""
    usable = [response for response in ctx.step.responses if response.error is None]
    last = set(ctx.step.order[ctx.step.wave :])
    chosen = [response for response in usable if response.branch in last] or (
        [] if ctx.step.outstanding and not ctx.late else usable
    )
    return [
        Candidate(
            response.branch, response.text, _vector(response.embedding), response.model, json_answer(ctx, response)
        )
        for response in chosen
    ]


def _vector(text: str | None) -> Vector | None:
    """Return the embedding; none when it is malformed, since an answer is worth more than its embedding."""
    try:
        return decode(text) if text else None
    except InvalidEvent:
        return None


def decided(ctx: StepContext, candidates: Sequence[Candidate]) -> bool:
    """Return whether the outstanding answers cannot change the outcome."""
    strategy = _strategy(ctx)
    try:
        return strategy.decided(candidates, len(ctx.step.outstanding))
    except Exception as fault:  # noqa: BLE001  # a third party's strategy must not stop the worker
        raise _fault(ctx, fault) from None


def fuse(ctx: StepContext, candidates: Sequence[Candidate]) -> Transition:
    """Return the step with the one answer of its candidates, or with the calls that the strategy needs first."""
    replies: dict[str, str | None] = {reply.branch: None if reply.error else reply.text for reply in ctx.step.replies}
    for _ in range(_MAX_ROUNDS):
        outcome = _ask(ctx, _panel(ctx, candidates, replies))
        if isinstance(outcome, Fused):
            return _end(ctx, outcome)
        new = [call for call in outcome.calls if call.label not in replies]
        if not ctx.late and new:
            return _call(ctx, Calls(tuple(new)))
        # Time is up: unanswered calls count as failed, and the strategy uses what it has.
        replies = {**replies, **{call.label: None for call in outcome.calls}}
    raise FusionFailed(f"step {ctx.name}: the strategy {ctx.spec.fusion.strategy} never stops asking")


def _panel(ctx: StepContext, candidates: Sequence[Candidate], replies: Mapping[str, str | None]) -> Panel:
    # Only a strategy that calls models itself needs the prompt.
    asked = ask_requests.messages(ctx) if _strategy(ctx).models else (Message(role="user", content=""),)
    system, turns = (asked[:1], asked[1:]) if asked[0].role == "system" and asked[1:] else ((), asked)
    return Panel(
        candidates=candidates,
        order=ctx.step.order[ctx.step.wave :] or ctx.step.order,
        prompt=transcript(turns),
        system=system[0].content if system else None,
        key=f"{ctx.run.task_id}/{ctx.name}",
        schema=ctx.spec.output_schema,
        replies=replies,
    )


def _ask(ctx: StepContext, panel: Panel) -> Fused | Calls:
    try:
        return _strategy(ctx).fuse(panel)
    except Exception as fault:  # noqa: BLE001  # a third party's strategy must not stop the worker
        raise _fault(ctx, fault) from None


def _strategy(ctx: StepContext) -> Strategy:
    if ctx.compiled.strategy is None:
        raise FusionFailed(f"step {ctx.name} has no strategy")
    return ctx.compiled.strategy


def _fault(ctx: StepContext, fault: Exception) -> FusionFailed:
    return FusionFailed(f"the strategy {ctx.spec.fusion.strategy} raised {type(fault).__name__}")


def _call(ctx: StepContext, calls: Calls) -> Transition:
    """Send the calls. Outstanding answers of the models do not count any more."""
    requests = [
        ModelRequest(
            id=ctx.request_id(f"fusion:{call.label}", internal=True),
            task_id=ctx.run.task_id,
            step=ctx.name,
            branch=call.label,
            attempt=ctx.step.attempt,
            model=ctx.permitted_model(call.model),
            messages=(
                *((Message(role="system", content=call.system),) if call.system else ()),
                Message(role="user", content=call.prompt),
            ),
            sampling=Sampling(temperature=call.temperature, max_tokens=call.max_tokens),
            purpose="fusion",
            priority=ctx.priority,
            expires_at=ctx.expires_at,
            tenant=ctx.run.task.tenant,
            workflow=ctx.run.task.workflow,
        )
        for call in calls.calls
    ]
    step = ctx.step if ctx.step.fusing else replace(stop_waiting(ctx.step), fusing=True)
    return replace(ctx, step=step).running(*requests)


def _end(ctx: StepContext, fused: Fused) -> Transition:
    try:
        output = _output(ctx, fused)
    except NotJson as error:
        message = f"the fused answer of step {ctx.name} is not valid against the schema: {error}"
        return ctx.failed(Failure(code="invalid_output", message=message))
    reason = ". ".join(filter(None, (ctx.step.reason, fused.reason)))
    return Transition(
        replace(
            ctx.step,
            status="succeeded",
            ended_at=ctx.now,
            output=output,
            branch=fused.branch,
            fusion=ctx.spec.fusion.strategy,
            agreement=fused.agreement,
            confidence=fused.confidence,
            groups=fused.groups,
            degraded=ctx.late and bool(ctx.step.outstanding),  # an outcome that was certain before needed no more
            reason=reason,
        )
    )


def _output(ctx: StepContext, fused: Fused) -> JsonValue:
    """Return the answer: a text, or the data where there is a schema.

    Raises:
        NotJson: it is not valid against the schema.
    """
    schema = ctx.compiled.schema
    if schema is None:
        return fused.text
    if branch_tool_calls(ctx.step, fused.branch):  # it asks for tool calls first
        return None
    if fused.data is None:
        return read(fused.text, schema)
    if wrong := schema.complaint(fused.data):
        raise NotJson(wrong)
    return fused.data
