"""The requests of a run, each with its answer."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from app.runs.history import Answer, Recorded, Request, RunHistory
from app.runs.views import AttemptView, Work, utc_time
from app.workflows.kinds.batch_polling import first_request_id
from topics.model_requests import ModelRequest
from topics.model_responses import ModelResponse
from topics.retrieval_requests import RetrievalRequest
from topics.retrieval_results import RetrievalResult
from topics.step_results import StepResult


@dataclass(frozen=True, slots=True)
class RequestNumber:
    """The suffix of a request id: the number of the step's attempt, and of the repair within it."""

    number: int = 1
    repair: int = 0

    @classmethod
    def of(cls, request_id: str) -> RequestNumber:
        """Parse `…/2` or `…/1.2`; the suffix of a batch poll is ignored: `…/2~5` is `…/2`."""
        number, _, repair = request_id.rpartition("/")[2].partition("~")[0].partition(".")
        return cls(_count(number, 1), _count(repair, 0))


def build_attempt_views(history: RunHistory) -> dict[str, list[AttemptView]]:
    """Return the attempts of each step, in order of start."""
    found: dict[str, list[AttemptView]] = {}
    for step, attempt in _all(history):
        found.setdefault(step, []).append(attempt)
    return found


def _all(history: RunHistory) -> Iterator[tuple[str, AttemptView]]:
    for request, answer in _without_batch_polls(history):
        yield request.event.step, _attempt(request, answer)
    # The task of a child run is in its own partition: only its answer is seen here, or that it is pending.
    for request_id, answer in history.answers.items():
        if request_id not in history.requests and isinstance(answer.event, StepResult) and answer.event.step:
            yield answer.event.step, _child(request_id, answer)
    for step, request_id in _unrecorded(history):
        yield step, _child(request_id, None)


def _without_batch_polls(history: RunHistory) -> Iterator[tuple[Recorded[Request], Recorded[Answer] | None]]:
    """Yield each request with its answer; all polls for one batched answer count as one request."""
    first: dict[str, Recorded[Request]] = {}
    answers: dict[str, Recorded[Answer] | None] = {}
    for request_id, request in history.requests.items():
        name = first_request_id(request_id)
        first.setdefault(name, request)
        answer = history.answers.get(request_id)
        pending = answer is not None and isinstance(answer.event, ModelResponse) and answer.event.ticket is not None
        answers[name] = answers.get(name) or (None if pending else answer)
    for name, request in first.items():
        yield request, answers[name]


def _unrecorded(history: RunHistory) -> Iterator[tuple[str, str]]:
    steps = history.run.steps if history.run else {}
    for name, step in steps.items():
        asked = step.outstanding.difference(step.promised, history.requests, history.answers)
        for request_id in sorted(asked):
            yield name, request_id


def _attempt(request: Recorded[Request], answer: Recorded[Answer] | None) -> AttemptView:
    event, tail = request.event, RequestNumber.of(request.event.id)
    work, name, branch = _work_of(event)
    made = AttemptView(
        id=event.id,
        work=work,
        name=name,
        branch=branch,
        batch=isinstance(event, ModelRequest) and event.batch,
        number=event.attempt if isinstance(event, ModelRequest) else tail.number,
        repair=tail.repair,
        at=utc_time(request.at),
    )
    return _answered(made, answer) if answer else made


def _work_of(event: Request) -> tuple[Work, str, str]:
    match event:
        case ModelRequest(purpose="fusion"):
            return "fusion", event.model, event.branch
        case ModelRequest():
            return "model", event.model, event.branch
        case RetrievalRequest():
            return "retrieval", event.collection, ""
        case _:
            return "connector", event.connector, ""


def _child(request_id: str, answer: Recorded[Answer] | None) -> AttemptView:
    made = AttemptView(id=request_id, work="workflow", name=request_id, number=RequestNumber.of(request_id).number)
    if answer is None:
        return made
    begun = utc_time(answer.at - answer.event.seconds) if answer.event.seconds else None
    return _answered(made.model_copy(update={"at": begun}), answer)


def _answered(attempt: AttemptView, answer: Recorded[Answer]) -> AttemptView:
    event = answer.event
    changes: dict[str, Any] = {"until": utc_time(answer.at), "seconds": event.seconds, "error": event.error}
    match event:
        case ModelResponse():
            names = ("tries", "usage", "finish_reason", "cached", "text")
            changes |= {name: getattr(event, name) for name in names}
            changes |= {"repaired": event.repaired or ()}
        case RetrievalResult():
            changes |= {"found": len(event.chunks), "plan": event.plan or ()}
        case StepResult():
            changes |= {"usage": event.usage, "cached": event.cached}
    return attempt.model_copy(update=changes)


def _count(text: str, otherwise: int) -> int:
    return int(text) if text.isdecimal() else otherwise
