"""`ask`: choose models, ask them, and fuse what they answer.

The step goes through phases, each seen from its state: what the routing must look up, the models' answers (with
replacements for those that fail, repairs of those that are malformed, and further waves where the routing wants
them), and the calls of the fusion itself.
"""

from __future__ import annotations

from app.errors import NoModel, QuorumNotMet
from app.routing.base import Ask, Choice
from app.workflows.kinds import asking, choosing, fusing, promises
from app.workflows.kinds.base import Moment, Move
from app.workflows.replacing import replace
from app.workflows.run import Fact
from app.workflows.structured import NotJson, read
from topics.base import Failure
from topics.model_requests import Message, ModelRequest
from topics.model_responses import ModelResponse
from topics.step_requests import StepRequest
from topics.step_results import StepResult


class AskKind:
    """Asks models."""

    def begin(self, at: Moment) -> Move:
        """Look up what the routing needs to know, or ask at once."""
        asked = asking.messages(at)
        question = asking.question(at, asked)
        lookup = choosing.lookup(at, question)
        if lookup is None:
            return _choose(at, question, asked)
        request = StepRequest(
            id=at.request_id("lookup", ours=True),
            task_id=at.run.task_id,
            step=at.name,
            connector=lookup.connector,
            arguments=dict(lookup.arguments),
            expires_at=at.expires_at,
        )
        return at.running(request)

    def receive(self, at: Moment, fact: Fact) -> Move:
        """Take in an answer; replace one that failed, and have one repaired that is malformed."""
        if isinstance(fact, StepResult):
            at = replace(at, step=replace(at.step, looked_up=None if fact.error else fact.output))
            asked = asking.messages(at)
            return _choose(at, asking.question(at, asked), asked)
        if not isinstance(fact, ModelResponse):
            return Move(at.step)
        if fact.id in at.step.promised:
            at = replace(at, step=promises.forget(at.step, fact.id))
        if fact.ticket and not fact.error:
            return promises.keep(at, fact, fact.ticket)
        if fact.purpose == "fusion":
            return Move(replace(at.step, replies=(*at.step.replies, fact)))
        wrong = _wrong(at, fact)
        if wrong and at.step.repairs.get(fact.branch, 0) < at.spec.repairs and not at.late:
            return _repair(at, fact, wrong)
        if wrong:
            failure = Failure(
                code="invalid_output", message=f"{fact.model} did not answer as the schema wants: {wrong}"
            )
            fact = fact.model_copy(update={"error": failure})
        step = replace(at.step, responses=(*at.step.responses, fact))
        return _replace(replace(at, step=step)) if fact.error else Move(step)

    def settle(self, at: Moment) -> Move:
        """Ask for what is made in batches, when it is time; go on to the next phase when this one is over."""
        if not at.step.promised:
            return self._settle(at)
        at, requests = promises.due(at)
        move = self._settle(at)
        if not requests or move.step.status != "running" or move.step.fusing:
            return move  # whoever does not wait any more does not ask
        return Move(move.step, (*requests, *move.commands), move.steps)

    def _settle(self, at: Moment) -> Move:
        step = at.step
        if step.fusing:
            return fusing.fuse(at, fusing.pool(at)) if at.late or not step.outstanding else Move(step)
        if not step.order:
            return Move(step)
        if step.outstanding and not at.late and choosing.patient(at):
            return Move(step)  # whether what has failed so far matters, the routing says in the end
        if not step.outstanding and not at.late and (further := _more(at)):
            return further
        return _settle(at)


def _settle(at: Moment) -> Move:
    """Fuse the answers when they are all there, or enough to be certain; fail when too few can still come."""
    step, pool = at.step, fusing.pool(at)
    missing = min(at.spec.fusion.quorum, len(step.order) - step.wave) - len(pool)
    if missing > (0 if at.late else len(step.outstanding)):
        return at.failed(_why_too_few(at))
    complete = at.late or not step.outstanding
    return fusing.fuse(at, pool) if complete or (missing <= 0 and fusing.decided(at, pool)) else Move(step)


def _choose(at: Moment, question: Ask, asked: tuple[Message, ...]) -> Move:
    choice = choosing.choose(at, question)
    if not choice.models:
        return at.failed(Failure.of(NoModel(f"step {at.name}: {choice.reason}")))
    return _wave(at, choice, asked)


def _wave(at: Moment, choice: Choice, asked: tuple[Message, ...]) -> Move:
    """Ask the chosen models; from now on, their answers are those that count."""
    branches = asking.branches(at.spec, choice.models)
    return at.running(
        *asking.requests(at, branches, asked),
        wave=len(at.step.order),
        order=(*at.step.order, *branches),
        reserves=choice.reserves if at.spec.routing[-1].fall_back else (),
        reason="; then ".join(filter(None, (at.step.reason, choice.reason))),
    )


def _more(at: Moment) -> Move | None:
    """Ask a further wave of models, if the routing wants it."""
    if not choosing.patient(at):
        return None
    asked = asking.messages(at)
    choice = choosing.more(at, asking.question(at, asked))
    return _wave(at, choice, asked) if choice and choice.models else None


def _replace(at: Moment) -> Move:
    """Ask the next model in place of one that failed."""
    if not at.step.reserves or at.late:
        return Move(at.step)
    model, *others = at.step.reserves
    branches = asking.branches(at.spec, [model])[:1]
    requests = asking.requests(at, branches, asking.messages(at))
    return at.running(*requests, order=(*at.step.order, *branches), reserves=tuple(others))


def _wrong(at: Moment, response: ModelResponse) -> str | None:
    """Return what is wrong with an answer that should be JSON; one that wants something called is none yet."""
    if response.error or response.tool_calls or at.part.schema is None:
        return None
    try:
        read(response.text, at.part.schema)
    except NotJson as error:
        return str(error)
    return None


def _repair(at: Moment, response: ModelResponse, wrong: str) -> Move:
    repairs = {**at.step.repairs, response.branch: at.step.repairs.get(response.branch, 0) + 1}
    step = replace(at.step, repairs=repairs, spent=at.step.spent + response.usage)
    at = replace(at, step=step)
    request: ModelRequest = asking.repair(at, response, wrong)
    return at.running(request)


def _why_too_few(at: Moment) -> Failure:
    """Name the cause: time, the one error that all models gave, or else the quorum."""
    step, quorum = at.step, at.spec.fusion.quorum
    if at.late and step.outstanding:
        return at.timed_out()
    answered = sorted(step.responses, key=lambda response: response.branch)  # not as they happened to arrive
    errors = [response.error for response in answered if response.error]
    if errors and len({error.code for error in errors}) == 1:
        return errors[0]
    said = "; ".join(f"{error.code}: {error.message}" for error in errors)
    wanted = f"{len(errors)} of {len(step.order)} models failed in step {at.name}, and {quorum} must answer"
    return Failure.of(QuorumNotMet(f"{wanted} ({said})"))
