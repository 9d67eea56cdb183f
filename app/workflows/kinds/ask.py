"""`ask`: choose models, ask them, and fuse what they answer.

The step goes through phases, each seen from its state: what the routing must look up, the models' answers (with
replacements for those that fail, repairs of those that are malformed, and further waves where the routing wants
them), and the calls of the fusion itself.
"""

from __future__ import annotations

from app.errors import NoModel, QuorumNotMet
from app.routing.base import Choice, RoutingRequest
from app.workflows.kinds import ask_fusion, ask_requests, ask_routing, batch_polling
from app.workflows.kinds.ask_overrides import overridden
from app.workflows.kinds.base import StepContext, Transition
from app.workflows.replacing import replace
from app.workflows.run import Response
from app.workflows.structured_output import NotJson, read
from topics.base import Failure
from topics.model_requests import Message, ModelRequest
from topics.model_responses import ModelResponse
from topics.step_requests import StepRequest
from topics.step_results import StepResult


class AskKind:
    """Asks models."""

    def begin(self, ctx: StepContext) -> Transition:
        """Look up what the routing needs to know, or ask at once."""
        ctx = overridden(ctx)
        asked = ask_requests.messages(ctx)
        routing = ask_requests.routing_request(ctx, asked)
        lookup = ask_routing.lookup(ctx, routing)
        if lookup is None:
            return _choose(ctx, routing, asked)
        request = StepRequest(
            id=ctx.request_id("lookup", internal=True),
            task_id=ctx.run.task_id,
            step=ctx.name,
            connector=lookup.connector,
            arguments=dict(lookup.arguments),
            tenant=ctx.run.task.tenant,
            expires_at=ctx.expires_at,
        )
        return ctx.running(request)

    def receive(self, ctx: StepContext, received: Response) -> Transition:
        """Take in an answer; replace one that failed, and have one repaired that is malformed."""
        ctx = overridden(ctx)
        if isinstance(received, StepResult):
            ctx = replace(ctx, step=replace(ctx.step, looked_up=None if received.error else received.output))
            asked = ask_requests.messages(ctx)
            return _choose(ctx, ask_requests.routing_request(ctx, asked), asked)
        if not isinstance(received, ModelResponse):
            return Transition(ctx.step)
        if received.id in ctx.step.promised:
            ctx = replace(ctx, step=batch_polling.answered(ctx.step, received.id))
        if received.ticket and not received.error:
            return batch_polling.hold_ticket(ctx, received, received.ticket)
        if received.purpose == "fusion":
            return Transition(replace(ctx.step, replies=(*ctx.step.replies, received)))
        wrong = _wrong(ctx, received)
        if wrong and ctx.step.repairs.get(received.branch, 0) < ctx.spec.repairs and not ctx.late:
            return _repair(ctx, received, wrong)
        if wrong:
            failure = Failure(
                code="invalid_output",
                message=f"the answer of {received.model} is not valid against the schema: {wrong}",
            )
            received = received.model_copy(update={"error": failure})
        step = replace(ctx.step, responses=(*ctx.step.responses, received))
        return _replace(replace(ctx, step=step)) if received.error else Transition(step)

    def resume(self, ctx: StepContext) -> Transition:
        """Poll for the answers of batches, when it is time; go on to the next phase when this one is over."""
        ctx = overridden(ctx)
        if not ctx.step.promised:
            return self._next_phase(ctx)
        ctx, requests = batch_polling.due_polls(ctx)
        transition = self._next_phase(ctx)
        if not requests or transition.step.status != "running" or transition.step.fusing:
            return transition  # a step that does not wait any more does not ask
        return Transition(transition.step, (*requests, *transition.commands), transition.steps)

    def _next_phase(self, ctx: StepContext) -> Transition:
        step = ctx.step
        if step.fusing:
            waits = step.outstanding and not ctx.late
            return Transition(step) if waits else ask_fusion.fuse(ctx, ask_fusion.usable_candidates(ctx))
        if not step.order:
            return Transition(step)
        if step.outstanding and not ctx.late and ask_routing.waits_for_all(ctx):
            return Transition(step)  # in the end, the routing says whether failures matter
        if not step.outstanding and not ctx.late and (further := _more(ctx)):
            return further
        return _fuse_when_certain(ctx)


def _fuse_when_certain(ctx: StepContext) -> Transition:
    """Fuse the answers when they are all there, or enough to be certain; fail when too few can still come."""
    step, pool = ctx.step, ask_fusion.usable_candidates(ctx)
    missing = min(ctx.spec.fusion.quorum, len(step.order) - step.wave) - len(pool)
    if missing > (0 if ctx.late else len(step.outstanding)):
        return ctx.failed(_why_too_few(ctx))
    if ctx.late or not step.outstanding or (missing <= 0 and ask_fusion.decided(ctx, pool)):
        return ask_fusion.fuse(ctx, pool)
    return Transition(step)


def _choose(ctx: StepContext, routing: RoutingRequest, asked: tuple[Message, ...]) -> Transition:
    choice = ask_routing.choose(ctx, routing)
    if not choice.models:
        return ctx.failed(Failure.of(NoModel(f"step {ctx.name}: {choice.reason}")))
    return _wave(ctx, choice, asked)


def _wave(ctx: StepContext, choice: Choice, asked: tuple[Message, ...]) -> Transition:
    """Ask the chosen models; from now on, their answers are those that count."""
    branches = ask_requests.branches(ctx.spec, choice.models)
    return ctx.running(
        *ask_requests.requests(ctx, branches, asked),
        wave=len(ctx.step.order),
        order=(*ctx.step.order, *branches),
        reserves=choice.reserves if ctx.spec.routing[-1].fall_back else (),
        reason="; then ".join(filter(None, (ctx.step.reason, choice.reason))),
    )


def _more(ctx: StepContext) -> Transition | None:
    """Ask a further wave of models, if the routing wants it."""
    if not ask_routing.waits_for_all(ctx):
        return None
    asked = ask_requests.messages(ctx)
    choice = ask_routing.more(ctx, ask_requests.routing_request(ctx, asked))
    return _wave(ctx, choice, asked) if choice and choice.models else None


def _replace(ctx: StepContext) -> Transition:
    """Ask the next model in place of one that failed."""
    if not ctx.step.reserves or ctx.late:
        return Transition(ctx.step)
    model, *others = ctx.step.reserves
    branches = ask_requests.branches(ctx.spec, [model])[:1]
    requests = ask_requests.requests(ctx, branches, ask_requests.messages(ctx))
    return ctx.running(*requests, order=(*ctx.step.order, *branches), reserves=tuple(others))


def _wrong(ctx: StepContext, response: ModelResponse) -> str | None:
    """Return what is wrong with an answer that should be JSON; one that asks for tool calls is not JSON yet."""
    if response.error or response.tool_calls or ctx.compiled.schema is None:
        return None
    try:
        read(response.text, ctx.compiled.schema)
    except NotJson as error:
        return str(error)
    return None


def _repair(ctx: StepContext, response: ModelResponse, wrong: str) -> Transition:
    repairs = {**ctx.step.repairs, response.branch: ctx.step.repairs.get(response.branch, 0) + 1}
    step = replace(ctx.step, repairs=repairs, spent=ctx.step.spent + response.usage)
    ctx = replace(ctx, step=step)
    request: ModelRequest = ask_requests.repair(ctx, response, wrong)
    return ctx.running(request)


def _why_too_few(ctx: StepContext) -> Failure:
    """Name the cause: time, the one error that all models gave, or else the quorum."""
    step, quorum = ctx.step, ctx.spec.fusion.quorum
    if ctx.late and step.outstanding:
        return ctx.timed_out()
    answered = sorted(step.responses, key=lambda response: response.branch)  # in whatever order they arrived
    errors = [response.error for response in answered if response.error]
    if errors and len({error.code for error in errors}) == 1:
        return errors[0]
    details = "; ".join(f"{error.code}: {error.message}" for error in errors)
    summary = f"{len(errors)} of {len(step.order)} models failed in step {ctx.name}, and {quorum} must answer"
    return Failure.of(QuorumNotMet(f"{summary} ({details})"))
