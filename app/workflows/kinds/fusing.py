"""The fusion of an `ask` step: its candidates, the calls that the strategy makes itself, and the one answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pydantic import JsonValue

from app.errors import InvalidEvent, WorkflowError
from app.fusion.base import Calls, Candidate, Fused, Panel, Strategy
from app.vectors import Vector, decode
from app.workflows.calls import of_branch
from app.workflows.kinds import asking
from app.workflows.kinds.base import Moment, Move
from app.workflows.replacing import replace
from app.workflows.run import without_waiting
from app.workflows.structured import NotJson, read
from topics.base import Failure
from topics.model_requests import Message, ModelRequest, Sampling
from topics.model_responses import ModelResponse

#: How often a fusion may ask again; a strategy that wants more never comes to an end.
_MAX_ROUNDS = 50


class FusionFault(WorkflowError):
    """A strategy raised what it should not, or never comes to an end."""

    code = "fusion"


def data(at: Moment, response: ModelResponse) -> JsonValue:
    """Return an answer as JSON, where JSON was asked for."""
    if at.part.schema is None or response.error:
        return None
    try:
        return read(response.text, at.part.schema)
    except NotJson:
        return None


def pool(at: Moment) -> list[Candidate]:
    """Return the usable answers of the last wave, or of the waves before when it has none, as they arrived."""
    usable = [response for response in at.step.responses if response.error is None]
    last = set(at.step.order[at.step.wave :])
    chosen = [response for response in usable if response.branch in last] or (
        [] if at.step.outstanding and not at.late else usable
    )
    return [
        Candidate(response.branch, response.text, _vector(response.embedding), response.model, data(at, response))
        for response in chosen
    ]


def _vector(text: str | None) -> Vector | None:
    """Return the embedding; none when it is malformed, since an answer is worth more than its embedding."""
    try:
        return decode(text) if text else None
    except InvalidEvent:
        return None


def decided(at: Moment, candidates: Sequence[Candidate]) -> bool:
    """Return whether the answers that are outstanding cannot change anything."""
    strategy = _strategy(at)
    try:
        return strategy.decided(candidates, len(at.step.outstanding))
    except Exception as fault:  # noqa: BLE001  # a third party's strategy must not stop the worker
        raise _fault(at, fault) from None


def fuse(at: Moment, candidates: Sequence[Candidate]) -> Move:
    """Return the step with the one answer of its candidates, or with the calls that the strategy needs first."""
    replies: dict[str, str | None] = {reply.branch: None if reply.error else reply.text for reply in at.step.replies}
    for _ in range(_MAX_ROUNDS):
        outcome = _ask(at, _panel(at, candidates, replies))
        if isinstance(outcome, Fused):
            return _end(at, outcome)
        new = [call for call in outcome.calls if call.label not in replies]
        if not at.late and new:
            return _call(at, Calls(tuple(new)))
        # Time is over: what has not been answered counts as failed, and the strategy does with what it has.
        replies = {**replies, **{call.label: None for call in outcome.calls}}
    raise FusionFault(f"step {at.name}: the strategy {at.spec.fusion.strategy} asks without end")


def _panel(at: Moment, candidates: Sequence[Candidate], replies: Mapping[str, str | None]) -> Panel:
    # Only a strategy that asks models itself wants to know what they were asked.
    *system, prompt = asking.messages(at) if _strategy(at).models else (Message(role="user", content=""),)
    return Panel(
        candidates=candidates,
        order=at.step.order[at.step.wave :] or at.step.order,
        prompt=prompt.content,
        system=system[0].content if system else None,
        key=f"{at.run.task_id}/{at.name}",
        schema=at.spec.output_schema,
        replies=replies,
    )


def _ask(at: Moment, panel: Panel) -> Fused | Calls:
    try:
        return _strategy(at).fuse(panel)
    except Exception as fault:  # noqa: BLE001  # a third party's strategy must not stop the worker
        raise _fault(at, fault) from None


def _strategy(at: Moment) -> Strategy:
    if at.part.strategy is None:
        raise FusionFault(f"step {at.name} has no strategy")
    return at.part.strategy


def _fault(at: Moment, fault: Exception) -> FusionFault:
    return FusionFault(f"the strategy {at.spec.fusion.strategy} raised {type(fault).__name__}")


def _call(at: Moment, calls: Calls) -> Move:
    """Send the calls. What the models still owe does not count any more."""
    requests = [
        ModelRequest(
            id=at.request_id(f"fusion:{call.label}", ours=True),
            task_id=at.run.task_id,
            step=at.name,
            branch=call.label,
            attempt=at.step.attempt,
            model=at.run.affordable(call.model),
            messages=(
                *((Message(role="system", content=call.system),) if call.system else ()),
                Message(role="user", content=call.prompt),
            ),
            sampling=Sampling(temperature=call.temperature, max_tokens=call.max_tokens),
            purpose="fusion",
            priority=at.priority,
            expires_at=at.expires_at,
            tenant=at.run.task.tenant,
            workflow=at.run.task.workflow,
        )
        for call in calls.calls
    ]
    step = at.step if at.step.fusing else replace(without_waiting(at.step), fusing=True)
    return replace(at, step=step).running(*requests)


def _end(at: Moment, fused: Fused) -> Move:
    try:
        output = _output(at, fused)
    except NotJson as error:
        message = f"the fused answer of step {at.name} does not fit the schema: {error}"
        return at.failed(Failure(code="invalid_output", message=message))
    reason = ". ".join(filter(None, (at.step.reason, fused.reason)))
    return Move(
        replace(
            at.step,
            status="succeeded",
            ended_at=at.now,
            output=output,
            branch=fused.branch,
            agreement=fused.agreement,
            confidence=fused.confidence,
            groups=fused.groups,
            degraded=at.late and bool(at.step.outstanding),  # an outcome that was certain before needed no more
            reason=reason,
        )
    )


def _output(at: Moment, fused: Fused) -> JsonValue:
    """Return the answer: a text, or the data where there is a schema.

    Raises:
        NotJson: it does not fit the schema.
    """
    schema = at.part.schema
    if schema is None:
        return fused.text
    if of_branch(at.step, fused.branch):  # it wants something called first
        return None
    if fused.data is None:
        return read(fused.text, schema)
    if wrong := schema.complaint(fused.data):
        raise NotJson(wrong)
    return fused.data
