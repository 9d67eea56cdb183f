"""Answers that a provider makes as part of a batch: an `ask` step holds their tickets, and polls for them.

The request that polls is outstanding as soon as its ticket is received, so that to the rest of the step the branch
is one without an answer yet. It is sent when it is time.
"""

from __future__ import annotations

from collections.abc import Sequence

from app.workflows.kinds import ask_requests
from app.workflows.kinds.base import StepContext, Transition
from app.workflows.replacing import replace
from app.workflows.run import PendingBatch, StepRun
from topics.model_requests import ModelRequest, Ticket
from topics.model_responses import ModelResponse

_MARK = "~"


def hold_ticket(ctx: StepContext, response: ModelResponse, ticket: Ticket) -> Transition:
    """Return the step when it holds the ticket, and sleeps until it is time to poll."""
    request_id = next_poll_id(response.id)
    promised = {**ctx.step.promised, request_id: PendingBatch(response.branch, ticket, ctx.now + ticket.poll)}
    step = replace(ctx.step, outstanding=ctx.step.outstanding | {request_id}, promised=promised)
    return Transition(_with_wake_at(step))


def due_polls(ctx: StepContext) -> tuple[StepContext, Sequence[ModelRequest]]:
    """Return the polls that are due, and the context after they are sent."""
    if ctx.late or not (ripe := {id_: one for id_, one in ctx.step.promised.items() if one.ask_at <= ctx.now}):
        return ctx, ()
    asked = ask_requests.messages(ctx)
    requests = [ask_requests.batch_poll(ctx, one.branch, id_, asked, one.ticket) for id_, one in ripe.items()]
    promised = {id_: one for id_, one in ctx.step.promised.items() if id_ not in ripe}
    return replace(ctx, step=_with_wake_at(replace(ctx.step, promised=promised))), requests


def answered(step: StepRun, request_id: str) -> StepRun:
    """Return the step without a poll that is answered; after a crash, its answer may be received before it is due."""
    if request_id not in step.promised:
        return step
    return _with_wake_at(replace(step, promised={id_: one for id_, one in step.promised.items() if id_ != request_id}))


def next_poll_id(request_id: str) -> str:
    """Return the id of the poll after this request: `…/1` is followed by `…/1~1`, and that by `…/1~2`."""
    first, number = _parts(request_id)
    return f"{first}{_MARK}{number + 1}"


def first_request_id(request_id: str) -> str:
    """Return the id of the request that this poll is for: `…/1` of `…/1~2`, and of itself."""
    return _parts(request_id)[0]


def superseded(step: StepRun, request_id: str) -> bool:
    """Whether a step has polled since this request, and so has received its ticket."""
    first, number = _parts(request_id)
    others = (*step.outstanding, *(response.id for response in step.responses))
    return any(name == first and later > number for name, later in map(_parts, others))


def _parts(request_id: str) -> tuple[str, int]:
    """Return the id of the first request, and how often it was polled since."""
    first, mark, number = request_id.rpartition(_MARK)
    return (first, int(number)) if mark and number.isdecimal() else (request_id, 0)


def _with_wake_at(step: StepRun) -> StepRun:
    return replace(step, wake_at=min((step.ends_at, *(one.ask_at for one in step.promised.values()))))
